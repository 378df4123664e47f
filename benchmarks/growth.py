"""How time and memory of the validation grow with patients and with resamples.

Run from the project's root, in its environment: python -m benchmarks.growth [--most-patients 1000000] [--write]
Every point is a process of its own with one thread: the five logistic candidates fitted to all patients and to B resamples,
with their figures. Patients are made up: the columns of ld-il2-ra, none missing. Seconds are of the processor. Memory is the
process's peak, less what it held before the patients were made: it contains the data. --write puts the table into
docs/performance.md and the picture beside it.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from benchmarks import page

from acrcast.arrays import Bools, Floats
from acrcast.estimators.block_design import Rows
from acrcast.estimators.candidates import CANDIDATES
from acrcast.estimators.design import CONTROL, TREATED, Terms
from acrcast.estimators.normal import expit
from acrcast.estimators.rows import TrialRows
from acrcast.studies import load_study
from acrcast.validation.optimism import optimism
from acrcast.validation.resampling import bootstrap_weights, resampled_risks

PATIENTS = (47, 150, 500, 1_500, 5_000, 15_000, 50_000, 100_000, 300_000, 1_000_000)
RESAMPLES = (50, 100, 200, 400, 800)
# One resample at every number of patients, one number of patients at every number of resamples.
AT_ONE_RESAMPLE, AT_PATIENTS = 1, 302
LOGISTIC = tuple(name for name, candidate in CANDIDATES.items() if candidate.is_logistic)
PICTURE = page.DOCS / "pictures" / "growth.svg"


@dataclass(frozen=True)
class Point:
    patients: int
    resamples: int
    seconds: float
    megabytes: float
    data_megabytes: float


def made_up(patients: int) -> TrialRows:
    """One measure and the arm have an effect."""
    study = load_study("ld-il2-ra")
    terms = Terms.of(study)
    rng = np.random.default_rng(patients)
    scaled = rng.standard_normal((patients, len(terms.columns)))
    for j, column in enumerate(terms.columns):
        if column.is_indicator:
            scaled[:, j] = scaled[:, j] > 0
    arm = np.resize([CONTROL, TREATED], patients)
    y = (rng.random(patients) < expit(0.6 * scaled[:, 0] + arm)).astype(np.float64)
    return TrialRows(study, terms, partial(_measured, scaled), arm, y)


def _measured(scaled: Floats, rows: Rows) -> tuple[Floats, Bools]:
    """Nothing is missing or below a limit."""
    some = scaled[rows].copy()
    return some, np.zeros(some.shape, dtype=bool)


def measure_here(patients: int, resamples: int) -> None:
    """In a process of its own: prints seconds, peak and size of the data."""
    before = peak()
    rows = made_up(patients)
    start = time.process_time()
    weights = bootstrap_weights(rows.arm, resamples, np.random.default_rng(1))
    for name in LOGISTIC:
        apparent = resampled_risks(rows, (name,), np.ones((1, patients)), seed=(1,))[name]
        optimism(rows.y, apparent[0], weights, resampled_risks(rows, (name,), weights, seed=(2,))[name])
    print(time.process_time() - start, peak() - before, rows.scaled.nbytes / 1e6)


def peak() -> float:
    """In MB; ru_maxrss is in KiB on Linux."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def measured(patients: int, resamples: int) -> Point:
    one_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, "-m", "benchmarks.growth", "--one", str(patients), str(resamples)]
    answer = subprocess.run(command, env=os.environ | one_thread, capture_output=True, text=True, check=True).stdout
    point = Point(patients, resamples, *(float(number) for number in answer.split()))
    print(
        f"{patients:>9,} patients {resamples:>4} resamples {point.seconds:9.2f} s {point.megabytes:8.0f} MB", flush=True
    )
    return point


def table(points: Sequence[Point]) -> str:
    lines = ["| patients | resamples | seconds | peak memory, MB | the data alone, MB |", "|---|---|---|---|---|"]
    lines += [
        f"| {p.patients:,} | {p.resamples} | {p.seconds:.2f} | {p.megabytes:.0f} | {p.data_megabytes:.1f} |"
        for p in points
    ]
    return "\n".join(lines)


def power(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Slope on logarithmic axes: 1 is in proportion, 2 is quadratic."""
    return float(np.polyfit(np.log(xs), np.log(ys), 1)[0])


def draw(by_patients: Sequence[Point], by_resamples: Sequence[Point]) -> None:
    import matplotlib as mpl  # noqa: PLC0415  the measured processes do without
    from matplotlib.figure import Figure  # noqa: PLC0415

    mpl.rcParams["svg.hashsalt"] = "growth"
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, points, of, x in zip(
        figure.subplots(1, 2),
        (by_patients, by_resamples),
        ("patients", "resamples"),
        ("patients", "resamples"),
        strict=True,
    ):
        xs = [getattr(p, x) for p in points]
        for label, ys, marker in (
            ("seconds", [p.seconds for p in points], "o-"),
            ("peak memory, MB", [p.megabytes for p in points], "s--"),
        ):
            axes.loglog(xs, ys, marker, label=label, markersize=4)
        axes.set_xlabel(of)
        if of == "resamples":
            # less than two decades: the labels between would be written over each other
            axes.set_xticks(xs, [str(x) for x in xs], minor=False)
            axes.minorticks_off()
        axes.grid(visible=True, which="major", linewidth=0.4)
    figure.axes[0].loglog(
        [p.patients for p in by_patients],
        [p.data_megabytes for p in by_patients],
        ":",
        color="#555555",
        label="the data, MB",
    )
    figure.axes[0].legend(frameon=False)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most-patients", type=int, default=PATIENTS[-1])
    parser.add_argument("--write", action="store_true", help="write docs/performance.md and its picture")
    parser.add_argument("--one", type=int, nargs=2, metavar=("PATIENTS", "RESAMPLES"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        return measure_here(*options.one)
    by_patients = [measured(n, AT_ONE_RESAMPLE) for n in PATIENTS if n <= options.most_patients]
    by_resamples = [measured(AT_PATIENTS, count) for count in RESAMPLES]
    large = [p for p in by_patients if p.patients >= 5_000]
    summary = (
        f"From 5,000 patients on time grows with the power {power([p.patients for p in large], [p.seconds for p in large]):.2f} of "
        f"the patients, and with the power {power(RESAMPLES, [p.seconds for p in by_resamples]):.2f} of the resamples."
    )
    text = "\n\n".join((table(by_patients), table(by_resamples), summary))
    print("\n" + text)
    if options.write:
        draw(by_patients, by_resamples)
        page.put("growth", text)
    return None


if __name__ == "__main__":
    main()
