"""Rows a second of a batch, over HTTP in each form and by `acrcast predict`, one core each.

Run from the project's root, in its environment: python -m benchmarks.batches [--rows 100000] [--runs 3] [--write]
Complete patients, drawn with replacement from the baseline of a simulated trial, with all members' intervals. Seconds are of
the processor, of the server or of the command with its start, so that what else the machine does counts for little; beside
them those of the clock, from request to the last byte of the answer.
"""

import argparse
import http.client
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks import page
from benchmarks.serving import PATIENT, PORT, acrcast, processor_seconds, running

from acrcast_service.batch.schemas import ARROW, JSON, PARQUET
from acrcast_training.data.simulator import SimulationOptions, simulate, write

# Of the command: its start takes as long as some 100,000 rows.
ROWS_OF_A_FILE = 1_000_000


def patients(rows: int, folder: Path) -> pd.DataFrame:
    """Complete ones, as a trial has them."""
    baseline, _, _ = write(simulate(SimulationOptions(patients=2000, seed=1)), folder / "trial")
    table = pd.read_csv(baseline)[list(PATIENT)]
    # a result below its limit is written "<60"
    numbers = [
        name for name, value in PATIENT.items() if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    table[numbers] = table[numbers].apply(pd.to_numeric, errors="coerce")
    complete = table.dropna().infer_objects()
    chosen = np.random.default_rng(0).integers(0, len(complete), rows)
    return complete.iloc[chosen].reset_index(drop=True)


def bodies(table: pd.DataFrame) -> Iterator[tuple[str, str, bytes]]:
    """The name, the media type and the body of each form."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    columns = arrow.to_pydict()
    yield "JSON, columns", JSON, orjson.dumps({"columns": columns})
    yield "JSON, rows", JSON, orjson.dumps({"patients": arrow.to_pylist()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, arrow.schema) as writer:
        writer.write_table(arrow)
    yield "Arrow", ARROW, sink.getvalue().to_pybytes()
    sink = pa.BufferOutputStream()
    pq.write_table(arrow, sink)
    yield "Parquet", PARQUET, sink.getvalue().to_pybytes()


def over_http(table: pd.DataFrame, runs: int, folder: Path) -> Iterator[tuple[str, float, float]]:
    """Rows a second of the processor, and of the clock; the best of the runs."""
    for audit_in in (None, folder / "audited"):
        served = acrcast("acrcast", PATIENT, audit_in=audit_in)
        for name, media_type, body in bodies(table):
            if audit_in is not None and name != "JSON, columns":
                continue
            with running(served, pin=(os.cpu_count() or 1) > 1) as server:
                spent = [_asked(server, media_type, body) for _ in range(runs)]
            label = f"HTTP, {name}" + (", audited" if audit_in else "")
            yield label, *(len(table) / min(column) for column in zip(*spent, strict=True))


def _asked(server: object, media_type: str, body: bytes) -> tuple[float, float]:
    before, start = processor_seconds(server), time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=600)
    connection.request("POST", "/predict/batch", body, {"content-type": media_type})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise SystemExit(content[:1000].decode())
    connection.close()
    if media_type == JSON and b'"refused":0,' not in content[-100:]:
        raise SystemExit(f"refused rows: {content[-100:].decode()}")
    return processor_seconds(server) - before, time.perf_counter() - start


def by_command(runs: int, folder: Path) -> Iterator[tuple[str, float, float]]:
    table = patients(ROWS_OF_A_FILE, folder)
    table.insert(0, "patient_id", np.arange(len(table)))
    table.to_parquet(folder / "patients.parquet", index=False)
    command = [sys.executable, "-m", "acrcast.cli", "predict", "--in", str(folder / "patients.parquet")]
    command += ["--out", str(folder / "out.parquet")]
    # as installed: its modules are compiled once, by the first run, and not anew by each
    compiled = {"PYTHONPYCACHEPREFIX": str(folder / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
    for label, more in (("command, Parquet", []), ("command, Parquet, estimates only", ["--estimates-only"])):
        spent = []
        for _ in range(runs):
            before, start = _of_children(), time.perf_counter()
            subprocess.run([*command, *more], check=True, stdout=subprocess.DEVNULL, env=os.environ | compiled)
            spent.append((_of_children() - before, time.perf_counter() - start))
        yield label, *(len(table) / min(column) for column in zip(*spent, strict=True))


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def shown(found: Mapping[str, tuple[float, float]], options: argparse.Namespace) -> str:
    lines = [
        (
            f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, load {os.getloadavg()[0]:.1f}, Python "
            f"{platform.python_version()}, best of {options.runs} runs; {options.rows:,} rows over HTTP, "
            f"{ROWS_OF_A_FILE:,} by the command.\n"
        ),
        "| | rows a second of the processor | rows a second of the clock |",
        "|---|---:|---:|",
        *(f"| {name} | {processor:,.0f} | {clock:,.0f} |" for name, (processor, clock) in found.items()),
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        table = patients(options.rows, folder)
        found = {
            name: rates for name, *rates in (*over_http(table, options.runs, folder), *by_command(options.runs, folder))
        }
    content = shown(found, options)
    print(content)
    if options.write:
        page.put("batches", content)


if __name__ == "__main__":
    main()
