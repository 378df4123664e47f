"""The import arrows of the house are checked by a linter that can fail."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ARROWS = "training and service use models, and never each other"
CORE = "a model knows no server, no tracking and no data frame"
ONE_TRACKER = "MLflow is met in one place"
ONE_CLIENT = "HTTP is for the client of a server, and for the server"
NO_NEED = "nothing of the three packages needs the client"
RULES = (ARROWS, CORE, ONE_TRACKER, ONE_CLIENT, NO_NEED)


@pytest.fixture
def broken_by(tmp_path: Path, project: Path) -> Callable[[str, str], set[str]]:
    """Rules of the project that a module planted in a copy of the three packages breaks."""
    roles = [tmp_path / role for role in ("models", "training", "service")]
    for role in roles:
        shutil.copytree(project / role.name, role, ignore=shutil.ignore_patterns("__pycache__"))

    def lint(path: str, source: str) -> set[str]:
        (tmp_path / path).write_text(source)
        report = subprocess.run(
            [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--config", project / "pyproject.toml"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, roles)), "COLUMNS": "200"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        verdicts = {rule: line for line in report.stdout.splitlines() for rule in RULES if rule in line}
        assert len(verdicts) == len(RULES), report.stdout + report.stderr
        broken = {rule for rule in verdicts if f"{rule} BROKEN" in report.stdout}
        assert report.returncode == (1 if broken else 0)
        return broken

    return lint


def test_the_tree_as_it_is_breaks_no_rule(broken_by: Callable[[str, str], set[str]]) -> None:
    assert broken_by("models/acrcast/planted.py", "import numpy\n") == set()


@pytest.mark.parametrize(
    ("path", "source", "rule"),
    [
        ("models/acrcast/planted.py", "import fastapi\n", CORE),
        ("models/acrcast/planted.py", "def late():\n    import pandas\n", CORE),
        ("models/acrcast/planted.py", "import acrcast_service\n", ARROWS),
        ("training/acrcast_training/planted.py", "import acrcast_service\n", ARROWS),
        ("service/acrcast_service/planted.py", "from acrcast_training import cli\n", ARROWS),
        ("training/acrcast_training/data/planted.py", "import mlflow\n", ONE_TRACKER),
        ("models/acrcast/planted.py", "import httpx\n", ONE_CLIENT),
        ("training/acrcast_training/planted.py", "def late():\n    import httpx\n", ONE_CLIENT),
        ("models/acrcast/planted.py", "from acrcast.client import Client\n", NO_NEED),
        ("service/acrcast_service/planted.py", "from acrcast.client.errors import ClientError\n", NO_NEED),
    ],
)
def test_a_planted_import_against_the_arrows_is_found(
    broken_by: Callable[[str, str], set[str]], path: str, source: str, rule: str
) -> None:
    assert rule in broken_by(path, source)
