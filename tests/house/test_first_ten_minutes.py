"""Every command of docs/first-ten-minutes.md runs as a newcomer types it, and prints what the page shows."""

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from docs.blocks import run_page


def test_the_first_ten_minutes(project: Path, tmp_path: Path, needs_program: Callable[..., Path]) -> None:
    for program in ("bash", "curl"):
        needs_program(program)
    settings = ("ACRCAST_", "MLFLOW_", "PYTHON")
    here = {name: value for name, value in os.environ.items() if not name.startswith(settings)}
    path = os.pathsep.join([str(Path(sys.executable).parent), here["PATH"]])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    page = project / "docs" / "first-ten-minutes.md"
    run = run_page(page, tmp_path, here | {"PATH": path, "HOME": str(tmp_path)}, {"8000": str(port)})
    assert len(run) == 11
    assert (tmp_path / "first-report.html").is_file()
