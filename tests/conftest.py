"""What all tests share: the rule about skips, programs of the machine, PostgreSQL, and the folder of trial tables."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    import psycopg
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

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
def documented_members() -> Mapping[str, set[str]]:
    """For each command the members of what it writes with --json, as docs/cli.md says."""
    rows = re.findall(r"^\| `([a-zA-Z -]+)` \| (.*) \|$", (PROJECT / "docs" / "cli.md").read_text(), re.MULTILINE)
    return {command: set(re.findall(r"`(\w+)`", members)) for command, members in rows}


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


@pytest.fixture(scope="session")
def node(needs_program: Callable[..., Path]) -> Callable[..., str]:
    """Call with a module of tests/node and its arguments: what it prints. Input goes to it as text."""
    program, folder = needs_program("node"), PROJECT / "tests" / "node"
    if not (folder / "node_modules").is_dir():
        pytest.skip("needs what `npm ci --prefix tests/node` installs, which this machine does not have")

    def run(module: str, *arguments: str, given: str = "") -> str:
        command = [str(program), module, *arguments]
        done = subprocess.run(
            command, cwd=folder, input=given, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


# While Playwright runs, the thread has an event loop, and nothing else may run one: not for longer than a module.
@pytest.fixture(scope="module")
def browser(needs_program: Callable[..., Path]) -> Iterator["Browser"]:
    """The machine's Chromium, driven by Playwright; each test opens contexts of its own."""
    from playwright.sync_api import sync_playwright

    program = needs_program("chromium", "chromium-browser", "google-chrome")
    quiet = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
    # a process for each page would take longer to start than the page to be looked at
    few = ("--disable-sync", "--renderer-process-limit=1")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(program), args=[*quiet, *few])
        yield started
        started.close()


@pytest.fixture(scope="module")
def contexts(browser: "Browser") -> Iterator[Callable[..., "BrowserContext"]]:
    """A context of the browser with these options, made once; whoever uses it opens a page, which has a session of its own."""
    made: dict[tuple[tuple[str, str], ...], BrowserContext] = {}

    def of(**options: Any) -> "BrowserContext":
        key = tuple(sorted((name, str(value)) for name, value in options.items()))
        if key not in made:
            made[key] = browser.new_context(**{"locale": "en-GB", "reduced_motion": "reduce"} | options)
            made[key].set_default_timeout(10_000)
        return made[key]

    yield of
    for context in made.values():
        context.close()


# What a test brings about itself is no complaint.
EXPECTED = re.compile(r"status of 4\d\d|ERR_INTERNET_DISCONNECTED")


@pytest.fixture
def open_page(contexts: Callable[..., "BrowserContext"]) -> Iterator[Callable[..., "Page"]]:
    """Opens an address in a page of its own. Whatever the browser complains of, or asks of another host, fails the test."""
    pages: list[Page] = []
    wrong: list[str] = []

    def heard(said: "ConsoleMessage") -> None:
        if said.type in ("error", "warning") and not EXPECTED.search(said.text):
            wrong.append(said.text)

    def opened(address: str, width: int = 1280, height: int = 900, **options: Any) -> "Page":
        page = contexts(**options).new_page()
        pages.append(page)
        page.set_viewport_size({"width": width, "height": height})
        host = address[: address.index("/", len("https://")) + 1]
        page.on("request", lambda sent: None if sent.url.startswith(host) else wrong.append(sent.url))
        page.on("console", heard)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(address)
        return page

    yield opened
    for page in pages:
        page.context.set_offline(False)
        page.close()
    assert wrong == []


@pytest.fixture(scope="session")
def picture() -> Callable[["Page", str], object]:
    """Call with a page and a name: its picture stays in tests/pictures, for whoever wants to look."""
    folder = PROJECT / "tests" / "pictures"
    folder.mkdir(exist_ok=True)
    return lambda page, name: page.screenshot(
        path=folder / f"{name}.jpg", full_page=True, type="jpeg", quality=80, animations="disabled"
    )


@pytest.fixture(scope="session")
def axe() -> Callable[["Page"], list[tuple[str, list[Any]]]]:
    """Call with a page: what axe-core finds against WCAG 2.2 AA and good practice, each with the places."""
    path = PROJECT / "tests" / "node" / "node_modules" / "axe-core" / "axe.min.js"
    if not path.is_file():
        pytest.skip("needs what `npm ci --prefix tests/node` installs, which this machine does not have")
    source = path.read_text()

    def found(page: "Page") -> list[tuple[str, list[Any]]]:
        if not page.evaluate("'axe' in window"):
            # by its source, not by its address, which a page's own policy would refuse
            page.evaluate(source)
        violations = page.evaluate("axe.run({ resultTypes: ['violations'] }).then((found) => found.violations)")
        return [(v["id"], [node["target"] for node in v["nodes"]]) for v in violations]

    return found


class PostgreSQL:
    """A server on a socket in a folder, run by a user who may. Answers from construction on; `stop` and `start` as often as a test likes."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="acrcast-postgresql-"))
        # it refuses to be run by root
        self._user = pwd.getpwnam("nobody").pw_name if os.getuid() == 0 else None
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        self._run("initdb", "--pgdata", "data", "--username", "acrcast", "--auth", "trust", "--no-sync")
        self.start()

    def start(self) -> None:
        # fsync is for when the machine dies, which no test does to it
        options = f"-k {self._folder} -c listen_addresses='' -c fsync=off"
        self._run("pg_ctl", "start", "--wait", "--pgdata", "data", "--log", "log", "--options", options)

    def stop(self, mode: str = "fast") -> None:
        """mode: fast, or immediate, which is as if it had crashed."""
        self._run("pg_ctl", "stop", "--wait", "--pgdata", "data", "--mode", mode)

    def connection(self) -> "psycopg.Connection[Any]":
        """To the server itself, each statement a transaction of its own."""
        import psycopg

        return psycopg.connect(host=str(self._folder), user="acrcast", dbname="postgres", autocommit=True)

    def new_database(self) -> str:
        """The address of an empty database, always the same; whatever was there is gone."""
        with self.connection() as connection:
            connection.execute("DROP DATABASE IF EXISTS test WITH (FORCE)")
            connection.execute("CREATE DATABASE test")
        return f"postgresql://acrcast@/test?host={self._folder}"

    def remove(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self._folder)

    def _run(self, program: str, *options: str) -> None:
        # its output goes to a file: the server that pg_ctl leaves behind would keep a pipe open
        with (self._folder / "output").open("ab") as output:
            command = [self._programs / program, *options]
            done = subprocess.run(
                command, cwd=self._folder, user=self._user, stdout=output, stderr=output, check=False, timeout=60
            )
        assert done.returncode == 0, (self._folder / "output").read_text()


@pytest.fixture(scope="session")
def postgresql(needs_program: Callable[..., Path]) -> Iterator[PostgreSQL]:
    """A server of the tests' own, or a skip."""
    # Debian keeps its programs beside the path
    debian = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
    server = PostgreSQL(debian or needs_program("pg_ctl").resolve().parent)
    yield server
    server.remove()


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
