"""Time and memory of `acrcast train` with a million patients, from two CSV files to a registered model.

Run from the project's root, in its environment: python -m benchmarks.large_trial [--patients 1000000] [--gaps] [--write]
It takes half an hour with a million. Patients are simulated, with nothing missing and every IL-21 above its limit; with --gaps as
the simulator makes them. Memory is what the command's one process has resident, looked at twenty times a second. The same
command with 600 patients says how much of it is there without the patients: interpreter, libraries, pictures. --write puts the
table into docs/performance.md.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
from benchmarks import page

from acrcast.studies import load_study
from acrcast_training.data.simulator import SimulationOptions, simulate, write

FEW = 600
# What the command says first when it has read, and when it has fitted.
STAGES = {"reading": "Arm", "fitting and validating": "Candidates by", "writing and registering": ""}
# The share of simulated patients who may have no IL-21 above the limit, and more.
SPARE = 1.3


@dataclass
class Stage:
    """Of one part of the command: seconds of the clock and of the processor, and the most memory in MB."""

    seconds: float = 0.0
    processor: float = 0.0
    megabytes: float = 0.0


def files(patients: int, *, gaps: bool, folder: Path) -> list[str]:
    """The options that name the data of so many patients."""
    trial = simulate(SimulationOptions(patients=patients if gaps else int(SPARE * patients), seed=1, missing=gaps))
    if not gaps:
        detected = trial.baseline[~trial.baseline["il21_pg_per_ml"].str.startswith("<")].head(patients)
        visits = trial.visits[trial.visits["patient_id"].isin(set(detected["patient_id"]))]
        trial = replace(trial, baseline=detected, visits=visits)
    baseline, of_visits, _ = write(trial, folder)
    return ["--baseline", str(baseline), "--visits", str(of_visits)]


def trained(data: list[str], folder: Path) -> list[Stage]:
    """The command, by its stages."""
    command = [sys.executable, "-m", "acrcast.cli", "train", "--study", "ld-il2-ra", "--seed", "1", *data]
    command += [
        "--out",
        str(folder / "model"),
        "--register",
        "large",
        "--tracking-uri",
        f"sqlite:///{folder}/mlflow.db",
    ]
    one_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, text=True, env=os.environ | one_thread | {"PYTHONUNBUFFERED": "1"}
    )
    stages = [Stage() for _ in STAGES]
    now, ended = [0], threading.Event()
    watch = threading.Thread(target=_watch, args=(process.pid, stages, now, ended))
    watch.start()
    marks = list(STAGES.values())
    for line in process.stdout or ():
        if marks[now[0]] and line.startswith(marks[now[0]]):
            now[0] += 1
    code = process.wait()
    ended.set()
    watch.join()
    if code:
        raise SystemExit(f"train ended with code {code}")
    return stages


def _watch(pid: int, stages: list[Stage], now: list[int], ended: threading.Event) -> None:
    command = psutil.Process(pid)
    clock, processor = time.perf_counter(), 0.0
    while not ended.wait(0.05):
        try:
            used, memory = command.cpu_times(), command.memory_info().rss / 1e6
        except psutil.Error:
            return
        stage = stages[now[0]]
        stage.megabytes = max(stage.megabytes, memory)
        stage.seconds, clock = stage.seconds + time.perf_counter() - clock, time.perf_counter()
        stage.processor += used.user + used.system - processor
        processor = used.user + used.system


def shown(few: list[Stage], many: list[Stage], options: argparse.Namespace, bytes_of_files: int) -> str:
    numbers = options.patients * len(load_study("ld-il2-ra").contract.covariates) * 8 / 1e6
    gaps = "with gaps" if options.gaps else "none with a gap"
    lines = [
        (
            f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, load {os.getloadavg()[0]:.1f} at the end, Python "
            f"{platform.python_version()}, one run. {options.patients:,} patients, {gaps}: {numbers:.0f} MB of numbers, in files of "
            f"{bytes_of_files / 1e6:.0f} MB.\n"
        ),
        f"| | minutes | of the processor | MB | MB with {FEW} patients | more, in times the numbers |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, little, much in zip(STAGES, few, many, strict=True):
        lines.append(
            f"| {name} | {much.seconds / 60:.1f} | {much.processor / 60:.1f} | {much.megabytes:,.0f} | "
            f"{little.megabytes:,.0f} | {(much.megabytes - little.megabytes) / numbers:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=1_000_000)
    parser.add_argument(
        "--gaps", action="store_true", help="patients as the simulator makes them: measures missing or below a limit"
    )
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        runs = []
        for patients in (FEW, options.patients):
            folder = Path(made) / str(patients)
            data = files(patients, gaps=options.gaps, folder=folder / "trial")
            runs.append(trained(data, folder))
        size = sum(Path(path).stat().st_size for path in data[1::2])
        content = shown(*runs, options, size)
    print(content)
    if options.write:
        page.put("large trial", content)


if __name__ == "__main__":
    main()
