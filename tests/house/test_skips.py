"""With ACRCAST_TEST_ALL=1 nothing is skipped in silence."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PLANTED = """
import pytest

def test_skipped(): pytest.skip("no reason that counts")

@pytest.mark.skip(reason="later")
def test_skipped_by_mark(): pass

def test_without_program(needs_program): needs_program("no-such-program")

def test_without_trial_tables(shared_data): pass

@pytest.mark.xfail
def test_expected_to_fail(): raise ValueError
"""
PLANTED_MODULE = "import pytest\npytest.importorskip('no_such_module')"


@pytest.fixture
def report(tmp_path: Path, project: Path) -> Callable[[str], list[str]]:
    """Runs the planted tests under the project's conftest, in a folder without trial tables; gives pytest's summary."""
    folder = tmp_path / "project" / "tests"
    folder.mkdir(parents=True)
    shutil.copy(project / "tests" / "conftest.py", folder)
    (folder / "test_planted.py").write_text(PLANTED)
    (folder / "test_planted_module.py").write_text(PLANTED_MODULE)

    def run(test_all: str) -> list[str]:
        arguments = [
            "-q",
            "-ra",
            "-p",
            "no:cacheprovider",
            "--import-mode=importlib",
            "--continue-on-collection-errors",
        ]
        return subprocess.run(
            [sys.executable, "-m", "pytest", *arguments, "."],
            env={**os.environ, "ACRCAST_TEST_ALL": test_all},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        ).stdout.splitlines()

    return run


def test_skips_are_named_where_some_tests_cannot_run(report: Callable[[str], list[str]]) -> None:
    summary = report("0")
    assert summary[-1].startswith("5 skipped, 1 xfailed in")
    assert any("needs the program no-such-program, which this machine does not have" in line for line in summary)


def test_every_skip_but_absent_trial_tables_fails_where_every_test_must_run(report: Callable[[str], list[str]]) -> None:
    summary = report("1")
    assert summary[-1].startswith("2 failed, 1 skipped, 1 xfailed, 2 errors in")
    assert [line for line in summary if line.startswith("SKIPPED") and "trial tables is not beside the project" in line]
    assert [line for line in summary if line.startswith("ERROR") and "test_planted_module.py" in line]


def test_a_program_that_exists_is_found_under_any_of_its_names(needs_program: Callable[..., Path]) -> None:
    assert needs_program("no-such-program", "sh").name == "sh"
