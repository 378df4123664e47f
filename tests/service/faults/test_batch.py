"""Batches, outcomes and named requests when the server is killed, or its database does not take records."""

import contextlib
import http.client
import json
import random
import re
import sqlite3
import threading
from pathlib import Path

import pytest

from acrcast_service.audit.verification import verify

from .conftest import recorded

ROWS = 600
PREDICTION_ID = re.compile(rb'"prediction_id":"([0-9a-f-]{36})"')
JSON = {"content-type": "application/json"}


def send(port, path, body, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, json.dumps(body), JSON | headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, json.loads(answer.read())
    finally:
        connection.close()


class Batches:
    """Asks for batches, one after the other, until the server is gone. answered: every prediction_id that arrived."""

    def __init__(self, port, patient):
        self._port, self._body = port, json.dumps({"patients": [patient] * ROWS})
        self.answered, self.begun = set(), threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def end(self):
        self._thread.join()
        return self.answered

    def _ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                connection.request("POST", "/predict/batch", self._body, JSON)
                answer = connection.getresponse()
                assert answer.status == 200
                while part := answer.readline(4096):
                    self.answered |= {found.decode() for found in PREDICTION_ID.findall(part)}
                    self.begun.set()
        connection.close()


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_no_row_that_arrived_is_missing_after_kills_within_batches(serve, chain, a_patient, kills):
    moments, answered = random.Random(2), set()
    for _ in range(kills):
        server = serve()
        batches = Batches(server.port, a_patient())
        assert batches.begun.wait(60)
        threading.Event().wait(moments.uniform(0, 0.4))
        server.kill()
        answered |= batches.end()
    assert len(answered) > kills
    assert answered - recorded(chain) == set()
    assert verify(chain).findings == ()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_while_the_database_takes_nothing_nothing_that_needs_it_is_answered(serve, chain, a_patient):
    server = serve()
    status, _, prediction = send(server.port, "/predict", a_patient())
    assert status == 200
    outcome = {"prediction_id": prediction["prediction_id"], "responded": True, "observed_on": "2026-05-05"}
    requests = [
        ("/predict", a_patient(), {}),
        ("/predict", a_patient(), {"idempotency-key": "k"}),
        ("/predict/batch", {"patients": [a_patient()] * 3}, {}),
        ("/outcomes", outcome | {"source": "chart"}, {}),
    ]
    path = Path(chain.engine.url.database)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        for address, body, headers in requests:
            status, answered, problem = send(server.port, address, body, **headers)
            assert (status, problem["type"]) == (503, "/problems/audit-unavailable"), address
            assert int(answered["retry-after"]) >= 1
        assert server.get("/health/live") == 200
        assert server.get("/health/ready") == 503
        other.execute("ROLLBACK")
    for address, body, headers in requests:
        while (status := send(server.port, address, body, **headers)[0]) == 503:
            threading.Event().wait(0.1)
        assert status in (200, 201), address
    assert verify(chain).findings == ()
