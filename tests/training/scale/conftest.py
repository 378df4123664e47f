"""A folder of patients in partitions, and workers of Dask in processes of their own."""

import json
import os

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from distributed import LocalCluster

from acrcast.cli import root
from acrcast_training.data.simulator import SimulationOptions, simulate, write


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    """2,000 simulated patients whose columns have the types of their fields, some with missing values."""
    baseline, _, _ = write(simulate(SimulationOptions(patients=2000, seed=1)), tmp_path_factory.mktemp("trial"))
    frame = pd.read_csv(baseline).drop(columns=["arm", "data_kind"])
    below = frame["il21_pg_per_ml"].astype(str).str.startswith("<")
    frame["il21_pg_per_ml_comparator"] = np.where(below, "<", None)
    frame["il21_pg_per_ml"] = frame["il21_pg_per_ml"].astype(str).str.removeprefix("<").astype(float)
    yes_no = ["rf_positive", "anti_ccp_positive", "current_smoker"]
    return frame.assign(**{name: frame[name].astype("boolean") for name in yes_no})


@pytest.fixture
def patients(table, tmp_path):
    """A folder of four partitions, two of them deeper, of 500 patients each."""
    folder = tmp_path / "patients"
    for number, name in enumerate(("a.parquet", "b.parquet", "site=1/a.parquet", "site=2/c.parquet")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        table.iloc[500 * number : 500 * (number + 1)].to_parquet(folder / name, index=False)
    return folder


@pytest.fixture
def predict(tmp_path):
    """Runs `acrcast predict` on folders or files below the test's own; warnings are errors."""

    def run(source, target, *options):
        paths = ["--in", str(tmp_path / source), "--out", str(tmp_path / target)]
        return CliRunner().invoke(root, ["predict", *paths, *map(str, options)])

    return run


@pytest.fixture
def predicted(predict):
    """The same, where it has to succeed: what `--json` says."""

    def run(*arguments):
        done = predict(*arguments, "--json")
        assert done.exit_code == 0, repr(done.exception)
        return json.loads(done.stdout)

    return run


@pytest.fixture
def contents():
    """The bytes of every prediction in a folder, by name."""

    def of(folder):
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.parquet")}

    return of


@pytest.fixture(scope="session")
def start_cluster():
    """Call with a number of workers: Dask's scheduler and workers, each worker a process that is started anew when it dies."""

    def start(workers):
        return LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            silence_logs="CRITICAL",
        )

    return start


@pytest.fixture(scope="package")
def scheduler(start_cluster):
    """Address of a scheduler with two workers."""
    with start_cluster(2) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """As `acrcast` sets it, for the processes that a test starts."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
