"""How fast the service answers beside FastAPI with a constant answer and `mlflow models serve`, in one run.

Run from the project's root, in its environment, with wrk installed: python -m benchmarks.serving [--short] [--write]
--short takes a second for each case and once: about three minutes. --write puts the tables into docs/performance.md.
One worker is pinned to a core and wrk to another; two workers share the machine with it. Servers take turns in every run,
so that what else the machine does meets all of them; figures are medians over the runs, and what counts are the ratios
within a run. A request's processor time does not grow when other work shares the core; its ratio is the yardstick's to it.
The yardstick reads the same patient by the same pydantic class and answers with a constant. It writes no line for a request, and
nor does acrcast here, but for the one that says so. Audited: each answer leaves when its record is on disk.
"""

import argparse
import io
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from shutil import which

import mlflow
import numpy as np
from benchmarks import page

from acrcast import artefact
from acrcast.artefact import Provenance
from acrcast.studies import load_study
from acrcast_training import pyfunc_model
from acrcast_training.data.cohort import load_cohort
from acrcast_training.data.simulator import SimulationOptions, simulate, write
from acrcast_training.fit import fit_model
from acrcast_training.tracking import runs

PORT = 8770
# Between two loads, in seconds: requests of the one before are answered and recorded.
REST = 0.3
PYFUNC = Path(pyfunc_model.__file__)
PATIENT = {
    "age_years": 54,
    "sex": "female",
    "disease_duration_years": 4.5,
    "treg_percent_of_cd4": 5.2,
    "il21_pg_per_ml": 85.0,
    "tender_joint_count_28": 14,
    "swollen_joint_count_28": 9,
    "patient_global_mm": 65,
    "physician_global_mm": 60,
    "pain_mm": 68,
    "haq_di": 1.5,
    "esr_mm_per_h": 48,
    "crp_mg_per_l": 22.0,
    "rf_positive": True,
    "anti_ccp_positive": True,
    "methotrexate_mg_per_week": 12.5,
    "current_smoker": False,
    "treg_gating": "CD25+FoxP3+",
    "il21_assay": "ELISA",
}
EIGHT = (
    "treg_percent_of_cd4",
    "il21_pg_per_ml",
    "haq_di",
    "esr_mm_per_h",
    "rf_positive",
    "anti_ccp_positive",
    "current_smoker",
    "disease_duration_years",
)
PATIENTS: Mapping[str, dict[str, object]] = {
    "complete": PATIENT,
    "1 missing": PATIENT | {"treg_percent_of_cd4": None},
    "8 missing": PATIENT | dict.fromkeys(EIGHT),
    "undetectable": PATIENT | {"il21_pg_per_ml": {"comparator": "<", "value": 60.0}},
}
CONCURRENCY = (1, 8, 64)
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
SCRIPT = 'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = [==[%s]==]\n'


@dataclass(frozen=True)
class Served:
    """One way to answer. command: with the port after it. route and body: of a request."""

    name: str
    command: Sequence[str]
    route: str
    body: str
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Load:
    """What wrk saw, milliseconds; processor: microseconds of the server's processor time for each request."""

    rate: float
    p50: float
    p99: float
    processor: float


@dataclass(frozen=True)
class Running:
    """A server that has given its first answer after `cold` seconds; `memory`: MB of its processes once they were used."""

    served: Served
    process: subprocess.Popen[bytes]
    cold: float

    def pids(self) -> list[int]:
        return [self.process.pid, *_children(self.process.pid)]

    def memory(self) -> float:
        return sum(_resident(pid) for pid in self.pids()) / 1024

    def load(self, concurrency: int, seconds: int, folder: Path, pin: bool) -> Load:  # noqa: FBT001  one of two layouts
        script = folder / "post.lua"
        script.write_text(SCRIPT % self.served.body)
        url = f"http://127.0.0.1:{PORT}{self.served.route}"
        command = ["wrk", "-t1", f"-c{concurrency}", f"-d{seconds}s", "--latency", "-s", str(script), url]
        before = processor_seconds(self)
        said = subprocess.run(
            [*(["taskset", "-c", "1"] if pin else []), *command], capture_output=True, check=True, text=True
        ).stdout
        if "Non-2xx" in said or "Socket errors" in said:
            raise SystemExit(f"{self.served.name}: {said}")
        used = processor_seconds(self) - before
        rate, requests = re.search(r"Requests/sec:\s*([\d.]+)", said), re.search(r"(\d+) requests in", said)
        p50, p99 = (re.search(rf"{share}%\s+([\d.]+)(us|ms|s|m)\b", said) for share in (50, 99))
        assert rate
        assert requests
        assert p50
        assert p99
        times = (float(found[1]) * UNITS[found[2]] for found in (p50, p99))
        return Load(float(rate[1]), *times, 1e6 * used / int(requests[1]))


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [found for child in map(int, listed) for found in (child, *_children(child))]


def _resident(pid: int) -> int:
    """kB."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) if found else 0


def processor_seconds(server: Running) -> float:
    """Of all its processes, so far."""
    return sum(map(_processor_seconds, server.pids()))


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(served: Served, pin: bool) -> Iterator[Running]:  # noqa: FBT001  one of two layouts
    start = time.perf_counter()
    process = subprocess.Popen(
        [*(["taskset", "-c", "0"] if pin else []), *served.command, str(PORT)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | served.environment,
        start_new_session=True,
    )
    try:
        while not _answered(served):
            if process.poll() is not None:
                raise SystemExit(f"{served.name}: ended with code {process.returncode}")
            time.sleep(0.005)
        yield Running(served, process, time.perf_counter() - start)
    finally:
        os.killpg(process.pid, 15)
        process.wait()


def _answered(served: Served) -> bool:
    connection = HTTPConnection("127.0.0.1", PORT, timeout=10)
    try:
        connection.request("POST", served.route, served.body, {"Content-Type": "application/json"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def boosted_model(folder: Path) -> Path:
    """A champion of boosted trees, fitted to a simulated trial."""
    write(simulate(SimulationOptions(patients=240, seed=1)), folder / "trial")
    study = load_study("ld-il2-ra")
    cohort = load_cohort(study, baseline=folder / "trial/baseline.csv", visits=folder / "trial/visits.csv")
    model = fit_model(cohort, "xgboost", seed=1)
    provenance = Provenance("boosted", "1", "simulated", "none", "none", "none", {})
    artefact.save(model, provenance, folder / "boosted")
    return folder / "boosted"


def mlflow_model(folder: Path) -> Path:
    """The released model as MLflow serves it."""
    study = load_study("ld-il2-ra")
    mlflow.pyfunc.save_model(
        path=folder / "mlflow",
        python_model=PYFUNC,
        artifacts={"model": str(artefact.RELEASED)},
        signature=runs.signature(study),
        pip_requirements=["acrcast[training]"],
    )
    return folder / "mlflow"


def acrcast(
    name: str,
    body: object,
    model: Path | None = None,
    workers: int = 1,
    *,
    audit_in: Path | None = None,
    logged: bool = False,
) -> Served:
    """audit_in: folder of the durable audit (SQLite); without one nothing is recorded. logged: a line for each request."""
    command = [sys.executable, "-m", "acrcast.cli", "serve", "--workers", str(workers)]
    command += ["--model", str(model)] if model else []
    # a state of its own: keys that whoever runs this once made would be looked at in every request
    state = audit_in or tempfile.mkdtemp()
    audit = {"ACRCAST_AUDIT": "1" if audit_in else "0", "ACRCAST_STATE": str(state)}
    lines = {"ACRCAST_LOG_LEVEL": "info" if logged else "warning"}
    return Served(name, [*command, "--port"], "/predict", json.dumps(body), audit | lines)


def yardstick(body: object, workers: int = 1) -> Served:
    options = ["--http", "httptools", "--no-access-log", "--log-level", "warning", "--workers", str(workers)]
    command = [sys.executable, "-m", "uvicorn", "benchmarks.yardstick:app", *options, "--port"]
    return Served("FastAPI, constant: the yardstick", command, "/predict", json.dumps(body), {})


def mlflow_server(model: Path) -> Served:
    record = {name: float(value) if isinstance(value, bool | int | float) else value for name, value in PATIENT.items()}
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "--env-manager", "local", "--port"]
    return Served(
        "mlflow models serve",
        command,
        "/invocations",
        json.dumps({"dataframe_records": [record]}),
        # it looks for uvicorn on the path
        {"MLFLOW_TRACKING_URI": "", "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
    )


@dataclass(frozen=True)
class Figures:
    """Of one server over the runs."""

    loads: list[Load]
    cold: list[float]
    memory: list[float]


def measure(
    servers: Sequence[Served], concurrency: int, options: argparse.Namespace, folder: Path, *, pin: bool
) -> dict[str, Figures]:
    """Servers in turn, in every run."""
    found = {served.name: Figures([], [], []) for served in servers}
    for _ in range(options.runs):
        for served in servers:
            with running(served, pin) as server:
                server.load(concurrency, 1, folder, pin)
                time.sleep(REST)
                figures = found[served.name]
                figures.loads.append(server.load(concurrency, options.seconds, folder, pin))
                figures.cold.append(server.cold)
                figures.memory.append(server.memory())
    return found


def show(title: str, found: dict[str, Figures]) -> None:
    """A table; ratios are to the first server, each within its run."""
    first = next(iter(found.values()))
    print(f"\n{title}\n")
    print("| | req/s | ratio (range) | processor, us | ratio | p50 ms | p99 ms | ratio of p99 | cold start s | MB |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name, one in found.items():
        ratio = [load.rate / other.rate for load, other in zip(one.loads, first.loads, strict=True)]
        slower = statistics.median(load.p99 / other.p99 for load, other in zip(one.loads, first.loads, strict=True))
        less = statistics.median(o.processor / load.processor for load, o in zip(one.loads, first.loads, strict=True))
        rate, p50, p99, processor = (
            np.median([getattr(load, part) for load in one.loads]) for part in ("rate", "p50", "p99", "processor")
        )
        print(
            f"| {name} | {rate:,.0f} | {statistics.median(ratio):.2f} ({min(ratio):.2f} to {max(ratio):.2f}) | {processor:.0f} | {less:.2f} | {p50:.2f} "
            f"| {p99:.2f} | {slower:.2f} | {statistics.median(one.cold):.2f} | {statistics.median(one.memory):.0f} |",
            flush=True,
        )


def compare(options: argparse.Namespace, folder: Path) -> None:
    boosted, pinned = boosted_model(folder), (os.cpu_count() or 1) > 1
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()} with {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} "
        f"before, Python {platform.python_version()}, {options.runs} runs of {options.seconds} s.",
        flush=True,
    )
    for concurrency in CONCURRENCY:
        servers = [
            yardstick(PATIENT),
            acrcast("acrcast", PATIENT),
            acrcast("acrcast, boosted", PATIENT, boosted),
            acrcast("acrcast, audited", PATIENT, audit_in=folder / "audited"),
        ]
        if concurrency == 8:
            servers.append(acrcast("acrcast, a log line each", PATIENT, logged=True))
        if concurrency == 8 and not options.without_mlflow:
            servers.append(mlflow_server(mlflow_model(folder)))
        show(
            f"Concurrency {concurrency}, one worker, complete patient",
            measure(servers, concurrency, options, folder, pin=pinned),
        )
    two = [
        yardstick(PATIENT, 2),
        acrcast("acrcast", PATIENT, workers=2),
        acrcast("acrcast, audited", PATIENT, workers=2, audit_in=folder / "audited"),
    ]
    show("Concurrency 64, two workers, complete patient", measure(two, 64, options, folder, pin=False))
    patients = [yardstick(PATIENT)]
    for name, body in PATIENTS.items():
        patients += [acrcast(name, body), acrcast(f"{name}, boosted", body, boosted)]
    show("Concurrency 8, one worker, by what is known", measure(patients, 8, options, folder, pin=pinned))
    print(f"\nLoad after: {os.getloadavg()[0]:.1f}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=3, help="of load on each server in each run")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--short", action="store_true", help="one run of a second each")
    parser.add_argument("--without-mlflow", action="store_true")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    options = parser.parse_args()
    if options.short:
        options.seconds = options.runs = 1
    if which("wrk") is None:
        raise SystemExit("wrk is needed; on Debian: apt-get install wrk")
    with tempfile.TemporaryDirectory() as made, redirect_stdout(Twice(sys.stdout)) as said:
        compare(options, Path(made))
    if options.write:
        page.put("serving", said.getvalue())


class Twice(io.StringIO):
    """Shows what is printed, and keeps it."""

    def __init__(self, shown: object) -> None:
        super().__init__()
        self._shown = shown

    def write(self, text: str) -> int:
        self._shown.write(text)
        self._shown.flush()
        return super().write(text)


if __name__ == "__main__":
    main()
