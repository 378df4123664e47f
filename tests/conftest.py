"""What all tests share: the rule about skips, programs of the machine, and the folder of trial tables."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

PROJECT = Path(__file__).resolve().parent.parent

# The one reason for which a test may be skipped where every test must run: these tables are not the project's to ship.
NOT_BESIDE = "not beside the project"

settings.register_profile("acrcast", deadline=None, derandomize=True)
settings.load_profile("acrcast")


@pytest.fixture(scope="session")
def project() -> Path:
    """Root of the working tree."""
    return PROJECT


@pytest.fixture(scope="session")
def golden() -> Path:
    """Folder of the data, the resamples and the answers that `make_reference.R` made."""
    return PROJECT / "tests" / "golden"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of trial tables beside the project; without it the test is skipped."""
    folder = PROJECT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the folder of trial tables is {NOT_BESIDE}")
    return folder


@pytest.fixture(scope="session")
def needs_program() -> Callable[..., Path]:
    """Call with a program's names, `needs_program("chromium", "google-chrome")`: path of the first found, or a skip."""

    def find(*names: str) -> Path:
        for name in names:
            if found := shutil.which(name):
                return Path(found)
        pytest.skip(f"needs the program {' or '.join(names)}, which this machine does not have")

    return find


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    report = yield
    return _refuse_skip(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    report = yield
    return _refuse_skip(report)


def _refuse_skip(report):
    """With ACRCAST_TEST_ALL=1 a test that did not run is a failure that gives the reason."""
    if os.environ.get("ACRCAST_TEST_ALL") != "1" or not report.skipped or hasattr(report, "wasxfail"):
        return report
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if NOT_BESIDE not in reason:
        report.outcome = "failed"
        report.longrepr = f"skipped, where every test must run (ACRCAST_TEST_ALL=1): {reason}"
    return report
