"""Rows scored and patients trained on, from ten thousand to ten million, by engines of acrcast and by others.

Run from the project's root, in its environment: python -m benchmarks.scale [--short] [--write]

Scoring: a folder of Parquet files of at most 250,000 complete patients each, to a folder of the same files. acrcast gives both
arms' risks, their difference, all intervals from 200 members, and where each patient lies, by `acrcast predict` with the model
that ships; in Spark the same by MLflow's function. scikit-learn (one-hot, standardised, logistic regression) and XGBoost (100
trees of depth 2) give both arms' risks alone, or with 200 fits each arm's ends of 95 % from them, which is acrcast's work
without the difference and the support; pandas reads and writes their files, one after the other, and they take all threads.

Training: B bootstrap resamples of made-up patients, 17 columns and the arm, none missing. acrcast fits its candidate
`hierarchical`, whose scale is integrated over; scikit-learn and Spark's MLlib one ridge regression with the penalty given,
which is less; XGBoost 100 trees of depth 2, untuned. Each gives everybody's risk in each resample.
`benchmarks.scale_peers` is the code. Engines of acrcast must give the same bytes, or the run stops.

Every figure is of a process of its own with all that it starts, imports and start-up included: seconds of the clock, of the
processor, and the most memory that all its processes had together, looked at every 50 ms. The clock means little where other
work shares the machine. Medians of the runs. --write puts tables and picture into docs/performance.md.
"""

import argparse
import hashlib
import os
import pickle
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import matplotlib as mpl
import mlflow
import numpy as np
import pandas as pd
import psutil
import xgboost as xgb
from benchmarks import page
from benchmarks.batches import patients
from benchmarks.growth import made_up
from benchmarks.scale_peers import DEPTH, FIT, MEMBERS, MOST_ROWS, RESULT, ROUNDS, SCORE, numbers, without_names
from matplotlib.figure import Figure
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from acrcast import artefact
from acrcast.validation.resampling import bootstrap_weights
from acrcast_training.tracking import runs

PICTURE = page.DOCS / "pictures" / "scale.svg"
LINK = (
    "![Seconds of the processor against rows scored and patients trained on, on logarithmic axes](pictures/scale.svg)"
)
ROWS = (10_000, 100_000, 1_000_000, 10_000_000)
PATIENTS = (10_000, 100_000, 1_000_000)
RESAMPLES = 8
SHORT_ROWS, SHORT_PATIENTS, SHORT_RESAMPLES = (10_000, 50_000), (10_000,), 4
ROWS_OF_A_FILE, FILES = 250_000, 4
ONE, TWO = "acrcast, Dask, 1 worker", "acrcast, Dask, 2 workers"
EVERY = 0.05


@dataclass(frozen=True)
class Measured:
    """Of one system at one size."""

    system: str
    size: int
    clock: float
    processor: float
    megabytes: float


def prepare_scoring(folder: Path, rows: int, *, members: bool) -> None:
    """The folder of patients, and what the peers were fitted to beforehand: 200 fits to resamples and one to all."""
    pool = patients(5_000, folder).dropna()
    pool = pool[~pool["il21_pg_per_ml"].astype(str).str.startswith("<")]
    yes_no = {name: bool for name in pool if pool[name].isin([True, False]).all()}
    pool = pool.astype({"il21_pg_per_ml": float, **yes_no})
    table = pool.iloc[np.random.default_rng(0).integers(0, len(pool), rows)].reset_index(drop=True)
    table.insert(0, "patient_id", [f"P{i}" for i in range(rows)])
    (folder / "patients").mkdir()
    size = min(ROWS_OF_A_FILE, -(-rows // FILES))
    for number, first in enumerate(range(0, rows, size)):
        table.iloc[first : first + size].to_parquet(folder / "patients" / f"{number:04}.parquet", index=False)
    _fit_peers(without_names(pool[:2000]), folder, MEMBERS if members else 0)
    _spark_model(folder)


def _fit_peers(table: pd.DataFrame, folder: Path, members: int) -> None:
    rng = np.random.default_rng(1)
    table = table.assign(arm=rng.integers(0, 2, len(table)).astype(float))
    y = rng.random(len(table)) < 1 / (1 + np.exp(-table["arm"]))
    steps = make_column_transformer((OneHotEncoder(drop="first"), ["sex"]), remainder=StandardScaler())
    fitted = []
    for number in range(members + 1):
        drawn = np.arange(len(table)) if number == 0 else rng.integers(0, len(table), len(table))
        some, outcome = table.iloc[drawn], y.iloc[drawn]
        fitted.append(make_pipeline(steps, LogisticRegression(max_iter=1000)).fit(some, outcome))
        parameters = {"objective": "binary:logistic", "max_depth": DEPTH}
        booster = xgb.train(parameters, xgb.DMatrix(numbers(some), outcome), ROUNDS)
        booster.save_model(folder / f"booster-{number:04}.ubj")
        # each has steps of its own
        steps = make_column_transformer((OneHotEncoder(drop="first"), ["sex"]), remainder=StandardScaler())
    (folder / "pipelines.pickle").write_bytes(pickle.dumps(fitted))


def _spark_model(folder: Path) -> None:
    mlflow.pyfunc.save_model(
        folder / "mlflow-model",
        python_model=str(Path(runs.__file__).parent.with_name("pyfunc_model.py")),
        artifacts={"model": str(artefact.RELEASED)},
        signature=runs.signature(artefact.load(artefact.RELEASED).study),
        pip_requirements=[],
    )


def prepare_training(folder: Path, size: int, resamples: int) -> None:
    rows = made_up(size)
    weights = bootstrap_weights(rows.arm, resamples, np.random.default_rng(1))
    np.savez(folder / "rows.npz", X=np.column_stack([rows.scaled, rows.arm]), y=rows.y, weights=weights)


def measured(work: str, system: str, folder: Path, size: int) -> Measured:
    """Runs the system once. What it wrote stays until the next one runs."""
    for left in (folder / RESULT, folder / f"{RESULT}.npy"):
        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks.scale_peers", work, system, str(folder)]
    environment = os.environ | {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    if system.startswith("acrcast"):
        environment |= {"OPENBLAS_NUM_THREADS": "1"}
    start, most, spent = time.perf_counter(), 0.0, dict[int, float]()
    with (folder / "errors").open("w") as errors:
        process = psutil.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
        while process.poll() is None:
            most = max(most, _look(process, spent))
            time.sleep(EVERY)
    if process.returncode:
        raise SystemExit(f"{system} failed:\n{(folder / 'errors').read_text()[-2000:]}")
    found = Measured(system, size, time.perf_counter() - start, sum(spent.values()), most / 1e6)
    print(
        f"{work} {size:>11,} {system:<28} {found.clock:8.1f} s {found.processor:8.1f} s of the processor {found.megabytes:7.0f} MB",
        flush=True,
    )
    return found


def _look(process: psutil.Process, spent: dict[int, float]) -> float:
    """Memory of all processes now; and how long each has used the processor."""
    memory = 0.0
    for one in (process, *_children(process)):
        try:
            used = one.cpu_times()
            spent[one.pid] = max(spent.get(one.pid, 0.0), used.user + used.system)
            memory += one.memory_info().rss
        except psutil.Error:
            continue
    return memory


def _children(process: psutil.Process) -> Sequence[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return ()


def digest(folder: Path) -> str:
    """Of everything that was written."""
    paths = sorted(path for path in folder.rglob(f"{RESULT}*/**/*.parquet")) + sorted(folder.glob(f"{RESULT}.npy"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def series(work: str, sizes: Sequence[int], options: argparse.Namespace) -> Iterator[Measured]:
    systems = [name for name in (SCORE if work == "score" else FIT) if not options.systems or name in options.systems]
    for size in sizes:
        with tempfile.TemporaryDirectory() as made:
            folder, digests = Path(made), set[str]()
            here = [name for name in systems if size <= MOST_ROWS.get(name, size)]
            if work == "score":
                prepare_scoring(folder, size, members=any(str(MEMBERS) in name for name in here))
            else:
                prepare_training(folder, size, options.resamples)
            for system in here:
                runs = [measured(work, system, folder, size) for _ in range(options.runs)]
                if system in ("acrcast", ONE, TWO):
                    digests.add(digest(folder))
                yield Measured(
                    system,
                    size,
                    *(
                        statistics.median(getattr(run, what) for run in runs)
                        for what in ("clock", "processor", "megabytes")
                    ),
                )
            if len(digests) > 1:
                raise SystemExit(f"{work}, {size:,}: the engines of acrcast do not give the same bytes")


def table(found: Sequence[Measured], of: str) -> str:
    lines = [
        f"| {of} | | seconds | of the processor | memory, MB | {of} a second of the processor |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {m.size:,} | {m.system} | {m.clock:.1f} | {m.processor:.1f} | {m.megabytes:,.0f} | {m.size / m.processor:,.0f} |"
        for m in found
    ]
    return "\n".join(lines)


def two_against_one(found: Sequence[Measured], of: str) -> str:
    """How many times as fast two workers are, at the largest size, after what a cluster takes to start."""
    largest = max(m.size for m in found)
    at: Mapping[str, Measured] = {m.system: m for m in found if m.size == largest}
    if ONE not in at or TWO not in at:
        return ""
    return (
        f"At {largest:,} {of} two workers are {at[ONE].clock / at[TWO].clock:.2f} times as fast as one by the clock, start of the "
        f"cluster included, and take {at[TWO].processor / at[ONE].processor:.2f} times its processor time."
    )


def draw(scored: Sequence[Measured], trained: Sequence[Measured]) -> None:
    mpl.rcParams["svg.hashsalt"] = "scale"
    figure = Figure(figsize=(9, 5.4), layout="constrained")
    for axes, found, of in zip(
        figure.subplots(1, 2), (scored, trained), ("rows scored", "patients trained on"), strict=True
    ):
        for system in dict.fromkeys(m.system for m in found):
            points = [m for m in found if m.system == system]
            style = "o-" if system.startswith("acrcast") else "s--"
            axes.loglog([m.size for m in points], [m.processor for m in points], style, label=system, markersize=4)
        axes.set_xlabel(of)
        axes.set_ylabel("seconds of the processor")
        axes.grid(visible=True, which="major", linewidth=0.4)
        axes.legend(frameon=False, fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="*", help="to score")
    parser.add_argument("--patients", type=int, nargs="*", help="to train on")
    parser.add_argument("--resamples", type=int)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--systems", nargs="*", help="only these, by their names in the tables")
    parser.add_argument("--short", action="store_true", help="small sizes: some minutes")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md and its picture")
    options = parser.parse_args()
    rows, sizes, resamples = (
        (SHORT_ROWS, SHORT_PATIENTS, SHORT_RESAMPLES) if options.short else (ROWS, PATIENTS, RESAMPLES)
    )
    rows = rows if options.rows is None else options.rows
    sizes = sizes if options.patients is None else options.patients
    options.resamples = options.resamples or resamples
    scored, trained = list(series("score", rows, options)), list(series("fit", sizes, options))
    circumstances = (
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()} with {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the "
        f"end, Python {platform.python_version()}, {options.runs} runs; {options.resamples} resamples in training."
    )
    parts = [circumstances]
    for found, of in ((scored, "rows"), (trained, "patients")):
        if found:
            parts += [table(found, of), two_against_one(found, of)]
    text = "\n\n".join(part for part in parts if part)
    print("\n" + text)
    if options.write:
        draw(scored, trained)
        page.put("scale", f"{LINK}\n\n{text}")


if __name__ == "__main__":
    main()
