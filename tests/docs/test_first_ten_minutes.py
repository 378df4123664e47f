"""Every command of docs/first-ten-minutes.md does what the page says."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from docs import shell_blocks

PAGE = Path(__file__).resolve().parents[2] / "docs" / "first-ten-minutes.md"
PORT_ON_THE_PAGE = "8000"


class Newcomer:
    """An empty folder, and a shell in it as where acrcast is installed."""

    def __init__(self, folder: Path, bash: Path) -> None:
        self.folder, self._bash = folder, bash
        self._programs = Path(sys.executable).parent
        settings = ("ACRCAST_", "MLFLOW_")
        here = {name: value for name, value in os.environ.items() if not name.startswith(settings)}
        self._environment = here | {"PATH": f"{self._programs}{os.pathsep}{os.environ['PATH']}"}

    def types(self, block: str) -> str:
        """What the block's commands print; each of them has to succeed."""
        command = [self._bash, "--norc", "-euo", "pipefail", "-c", block]
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def starts(self, block: str) -> Iterator[None]:
        """The block's one command is left running, until SIGTERM ends it well."""
        program, *arguments = block.split()
        with (self.folder / "server.log").open("wb") as log:
            process = subprocess.Popen(
                [self._programs / program, *arguments], cwd=self.folder, env=self._environment, stdout=log, stderr=log
            )
        try:
            yield
        finally:
            process.terminate()
            assert process.wait(timeout=30) == 0


@pytest.fixture
def newcomer(tmp_path: Path, needs_program: Callable[..., Path]) -> Newcomer:
    needs_program("curl")
    return Newcomer(tmp_path, needs_program("bash"))


@pytest.fixture
def blocks() -> Callable[[str], Sequence[str]]:
    """Of a section, with a free port in place of the page's."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    return lambda title: [block.replace(PORT_ON_THE_PAGE, port) for block in shell_blocks.of_section(PAGE, title)]


def wait_until_ready(address: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if httpx.get(f"{address}/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise TimeoutError("the server did not become ready")


def address_in(block: str) -> str:
    return f"http://127.0.0.1:{block.rsplit(maxsplit=1)[-1]}"


def test_the_statisticians_commands(newcomer: Newcomer, blocks) -> None:
    studies, sample_size, train, report, small_trial = map(newcomer.types, blocks("For the trial statistician"))
    assert "auranofin-ra" in studies
    assert "302 patients are too few for 5 parameters" in sample_size
    assert "prespecified predicts better than quoting the arm's response rate." in train
    assert "Gates to become champion:" in train
    assert report == "Report: first-report.html\n"
    assert (newcomer.folder / "first-report.html").is_file()
    assert "No problems." in small_trial


def test_the_engineers_commands(newcomer: Newcomer, blocks) -> None:
    start, *others = blocks("For the integration engineer")
    with newcomer.starts(start):
        wait_until_ready(address_in(start))
        health, patient, wrong, key, audit = map(newcomer.types, others)
    assert '"status":"ready"' in health
    assert json.loads(patient)["treated"]["arm"] == "ld-il2+mtx"
    assert json.loads(wrong)["type"] == "/problems/invalid-input"
    refused, answered = key.split("\n", 1)
    assert refused == "401"
    assert json.loads(answered)["treated"]["arm"] == "ld-il2+mtx"
    assert "2 records" in audit


def test_the_rheumatologists_page_opens(newcomer: Newcomer, blocks) -> None:
    (start,) = blocks("For the rheumatologist")
    with newcomer.starts(start):
        wait_until_ready(address_in(start))
        page = httpx.get(f"{address_in(start)}/")
    assert page.headers["content-type"].startswith("text/html")
    assert "Research use only" in page.text


def test_a_section_without_commands_is_an_error() -> None:
    with pytest.raises(ValueError, match="no shell blocks under 'For nobody'; sections are For the trial statistician"):
        shell_blocks.of_section(PAGE, "For nobody")
