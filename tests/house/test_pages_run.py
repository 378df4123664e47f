"""Every block of these pages runs, in order, against a live server, and prints what the page shows."""

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from docs.blocks import run_page

# A new page that shows how to ask a server is a new line here. Port 8000 stands for a free one.
PAGES = ["integrate.md"]


@pytest.fixture
def reader(tmp_path: Path, needs_program: Callable[..., Path]) -> dict[str, str]:
    """The environment of a reader who has activated what `make setup` made, and nothing else of the machine's settings."""
    for program in ("bash", "curl"):
        needs_program(program)
    without = {name: value for name, value in os.environ.items() if not name.startswith(("ACRCAST_", "PYTHON"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), without["PATH"]])
    return without | {"PATH": path, "HOME": str(tmp_path), "ACRCAST_UNREADY_SECONDS": "0"}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_what_happens(project: Path, tmp_path: Path, reader: dict[str, str], page: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert len(run_page(project / "docs" / page, tmp_path, reader, {"8000": str(port)})) > 5
