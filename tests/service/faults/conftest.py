"""A real server under load that is killed, and whose database fails; and the record of what it answered."""

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from acrcast_service.audit.chain import Chain
from acrcast_service.audit.verification import verify
from acrcast_service.settings import PREFIX, Settings
from acrcast_service.store.tables import audit_records

CLIENTS = 8

# Mounting is for root, and not for every root; elsewhere a file that may not grow stands for a full disk (test_database.py).
MAY_MOUNT = os.getuid() == 0 and subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0
collect_ignore = [] if MAY_MOUNT else ["test_disk.py"]


class Load:
    """Clients that ask one server after the other. answered: prediction_ids of complete answers. statuses: of all answers."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.answered: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.without_retry_after = 0
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def begin(self, port: int) -> None:
        self._stop.clear()
        self._threads = [threading.Thread(target=self._ask, args=(port,)) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def go_on(self, seconds: float) -> None:
        """Up to a moment that means nothing."""
        self._stop.wait(seconds)

    def wait_for(self, status: int, times: int = 1, seconds: float = 60) -> None:
        """Until so many more answers had the status."""
        with self._changed:
            wanted = self.statuses[status] + times
            assert self._changed.wait_for(lambda: self.statuses[status] >= wanted, seconds), self.statuses

    def _ask(self, port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            while not self._stop.is_set():
                connection.request("POST", "/predict", self._body, {"content-type": "application/json"})
                answer = connection.getresponse()
                content = answer.read()
                with self._changed:
                    self.statuses[answer.status] += 1
                    if answer.status == 200:
                        self.answered.append(json.loads(content)["prediction_id"])
                    elif answer.getheader("Retry-After") is None:
                        self.without_retry_after += 1
                    self._changed.notify_all()
        except (OSError, http.client.HTTPException):
            return  # the server was killed
        finally:
            connection.close()


def recorded(chain: Chain) -> set[str]:
    with chain.engine.connect() as connection:
        return set(connection.execute(select(audit_records.c.record_id)).scalars())


def expect_nothing_lost(load: Load, chain: Chain) -> None:
    """Of a load that met a database that failed and recovered."""
    load.end()
    assert set(load.answered) - recorded(chain) == set()
    assert set(load.statuses) == {200, 503}
    assert load.without_retry_after == 0
    assert verify(chain).findings == ()


# Root may write what is read-only, unless it gives that up.
AS_ANYBODY = ("setpriv", "--bounding-set=-dac_override") if os.getuid() == 0 else ()


class Server:
    """`acrcast serve` in a process group of its own. ready_seconds: from its start to its first `ready`."""

    def __init__(self, model: Path, *options: str, **environment: str) -> None:
        began = time.monotonic()
        command = [*AS_ANYBODY, sys.executable, "-m", "acrcast.cli", "serve"]
        command += ["--model", str(model), "--port", "0", *options]
        # a file, not a pipe: a server whose lines nobody reads would stop at a full pipe
        self.lines = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed when it is killed
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=self.lines,
            text=True,
            start_new_session=True,
            env=os.environ | environment,
        )
        greeting = self.process.stdout.readline()
        assert greeting, self.lines.seek(0) or self.lines.read()
        self.port = int(greeting.split()[2].rstrip("/").rpartition(":")[2])
        assert self.get("/health/ready") == 200
        self.ready_seconds = time.monotonic() - began

    def get(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path)
        status = connection.getresponse().status
        connection.close()
        return status

    def kill(self) -> None:
        """All of its processes at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()
        self.lines.close()


@pytest.fixture
def load(a_patient: Callable[..., dict[str, Any]]) -> Iterator[Load]:
    load = Load(json.dumps(a_patient()).encode())
    yield load
    load.end()


@pytest.fixture
def serve(model_folder: Path, chain: Chain, audit_settings: Settings) -> Iterator[Callable[..., Server]]:
    """Starts a server on the database of the test, whose chain there is."""
    started: list[Server] = []
    environment = {
        PREFIX + "DATABASE": chain.engine.url.render_as_string(hide_password=False),
        PREFIX + "AUDIT_KEY_FILE": str(audit_settings.audit_key_file),
    }

    def start(*options: str) -> Server:
        started.append(Server(model_folder, *options, **environment))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.kill()
