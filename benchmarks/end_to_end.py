"""Time and peak memory of the whole commands: the demo, training on both studies, and a cold start to the first answer.

Run from the project's root, in its environment: .venv/bin/python benchmarks/end_to_end.py [--runs 3]
Peak memory is that of the largest single process. Medians; absolute figures belong to the machine that they were taken on.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

ACRCAST = [sys.executable, "-m", "acrcast.cli"]
PORT = 8769
PATIENT = b'{"age_years": 54, "sex": "female", "tender_joint_count_28": 14, "swollen_joint_count_28": 9}'


@dataclass(frozen=True)
class Measured:
    seconds: float
    megabytes: float


def whole(command: list[str], folder: Path) -> Measured:
    """Run a command to its end."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return Measured(time.perf_counter() - start, usage.ru_maxrss / 1024)


def cold_start(folder: Path) -> Measured:
    """Start the service on the released model; until its first answer."""
    start = time.perf_counter()
    process = subprocess.Popen([*ACRCAST, "serve", "--port", str(PORT)], cwd=folder, stdout=subprocess.DEVNULL)
    while not answered():
        time.sleep(0.005)
    seconds = time.perf_counter() - start
    process.terminate()
    _, _, usage = os.wait4(process.pid, 0)
    return Measured(seconds, usage.ru_maxrss / 1024)


def answered() -> bool:
    connection = HTTPConnection("127.0.0.1", PORT, timeout=5)
    try:
        connection.request("POST", "/predict", PATIENT, {"Content-Type": "application/json"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {runs} runs each\n"
    )
    print("| What | seconds, median (range) | peak memory, MB |")
    print("|---|---|---|")
    for name in (
        "cold start to first answer",
        "acrcast --help",
        "train, auranofin-ra, 302 patients",
        "train, ld-il2-ra, 600 simulated",
        "acrcast demo",
    ):
        taken = [measure(name) for _ in range(runs)]
        seconds = [one.seconds for one in taken]
        memory = statistics.median(one.megabytes for one in taken)
        print(
            f"| {name} | {statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f}) | {memory:.0f} |",
            flush=True,
        )


def measure(name: str) -> Measured:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        match name:
            case "cold start to first answer":
                return cold_start(folder)
            case "acrcast --help":
                return whole([*ACRCAST, "--help"], folder)
            case "train, auranofin-ra, 302 patients":
                return whole([*ACRCAST, "train", "--study", "auranofin-ra", "--example"], folder)
            case "train, ld-il2-ra, 600 simulated":
                whole([*ACRCAST, "simulate", "--patients", "600", "--out", "trial"], folder)
                files = ["--baseline", "trial/baseline.csv", "--visits", "trial/visits.csv"]
                return whole([*ACRCAST, "train", "--study", "ld-il2-ra", *files], folder)
            case _:
                return whole([*ACRCAST, "demo"], folder)


if __name__ == "__main__":
    main()
