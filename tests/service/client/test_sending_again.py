"""A client that sends again gets its answer, and the server does what was asked once."""

import signal
import socket
import threading
from datetime import date

import pytest

from acrcast.client import Client, NoAnswer, Retries, TooManyRequests, Unavailable
from acrcast_service.audit.opening import open_chain
from acrcast_service.audit.records import OUTCOME, PREDICTION
from acrcast_service.auth.api_keys import make_key
from acrcast_service.settings import Settings
from acrcast_service.store.tables import audit_records

SOON = Retries(attempts=8, first_seconds=0.01)
ONCE = Retries(attempts=1)


def names_recorded(state, kind):
    """Of what the server with this state recorded of a kind, in order."""
    chain = open_chain(Settings(state=state), may_make=False)
    with chain.engine.connect() as connection:
        found = connection.execute(audit_records.select().where(audit_records.c.kind == kind)).all()
    chain.engine.dispose()
    return [row.record_id for row in sorted(found, key=lambda row: row.sequence)]


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def narrow(start_for_module, model_folder, state):
    """A server that answers one request at a time, and lets none wait."""
    return start_for_module(
        *("--model", str(model_folder), "--port", "0"),
        ACRCAST_STATE=str(state),
        ACRCAST_REQUESTS_IN_PROGRESS="1",
        ACRCAST_REQUESTS_WAITING="0",
        ACRCAST_BATCHES_AT_ONCE="1",
    )


@pytest.fixture
def newly_recorded(narrow, state):  # noqa: ARG001  the server makes the database
    """Names of what that server recorded since the test began, of a kind."""
    before = {kind: len(names_recorded(state, kind)) for kind in (PREDICTION, OUTCOME)}
    return lambda kind: names_recorded(state, kind)[before[kind] :]


def test_an_answer_that_is_lost_is_given_again_and_recorded_once(asking, narrow, cutting, newly_recorded, a_patient):
    broken = cutting(narrow.port, 2)
    client = asking(broken.url, retries=SOON)
    prediction = client.predict(a_patient())
    assert broken.left == 0
    assert newly_recorded(PREDICTION) == [prediction.prediction_id]
    broken.left = 2
    seen = {"observed_on": date(2026, 1, 31), "source": "chart"}
    outcome = client.record_outcome(prediction.prediction_id, responded=True, **seen)
    assert (broken.left, outcome.revision) == (0, 1)
    assert newly_recorded(OUTCOME) == [outcome.record_id]


def test_a_batch_whose_answer_is_lost_is_not_sent_again(asking, narrow, cutting, newly_recorded, a_patient):
    broken = cutting(narrow.port, 1)
    client = asking(broken.url, retries=SOON)
    with pytest.raises(NoAnswer, match="asked once"):
        client.predict_batch([a_patient(), a_patient()])
    assert len(newly_recorded(PREDICTION)) == 2


def test_a_server_that_has_no_room_for_a_batch_says_so(asking, narrow, a_patient):
    client = asking(narrow.url, retries=SOON)
    with socket.create_connection(("127.0.0.1", narrow.port)) as slow:
        slow.sendall(
            b"POST /predict/batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
        )
        refused = _refused_with(Unavailable, lambda: client.predict_batch([a_patient()]))
    assert (refused.type, refused.retry_after) == ("/problems/busy", 1.0)


def test_a_server_that_is_full_answers_whoever_comes_back(narrow, newly_recorded, a_patient):
    patient_clients = Retries(attempts=100, first_seconds=0.01)
    answered, failed = Crowd(8, narrow.url, a_patient(), patient_clients, times=5).joined()
    assert failed == []
    assert len(set(answered)) == 40
    assert sorted(newly_recorded(PREDICTION)) == sorted(answered)
    assert '"status":503' in narrow.process.stderr.read()


@pytest.fixture(scope="module")
def limited(start_for_module, model_folder, tmp_path_factory):
    """A server that each key may ask twice a second, and a key of it."""
    state = tmp_path_factory.mktemp("limited")
    chain = open_chain(Settings(state=state), may_make=True)
    _, key = make_key(chain.engine, chain.keys, name="a", tenant="t", scopes=("predict",), expires=None)
    chain.engine.dispose()
    options = ("--model", str(model_folder), "--port", "0")
    return start_for_module(*options, ACRCAST_STATE=str(state), ACRCAST_RATE_LIMIT="2/second"), key


def test_who_asks_too_often_comes_back_when_the_server_says(asking, limited, a_patient):
    server, key = limited
    client, hasty = asking(server.url, key=key), asking(server.url, key=key, retries=ONCE)
    assert len({client.predict(a_patient()).prediction_id for _ in range(4)}) == 4
    refused = _refused_with(TooManyRequests, lambda: hasty.predict(a_patient()))
    assert (refused.type, refused.status) == ("/problems/too-many-requests", 429)
    assert refused.retry_after >= 1


def _refused_with(kind, ask):
    """The error that comes sooner or later when one asks again and again."""
    for _ in range(50):
        try:
            ask()
        except kind as refused:
            return refused
    raise AssertionError(f"never refused with {kind.__name__}")


@pytest.fixture
def serve(start, model_folder, tmp_path):
    return lambda port=0: start("--model", str(model_folder), "--port", str(port), ACRCAST_STATE=str(tmp_path))


@pytest.fixture
def recorded(tmp_path):
    return lambda kind: names_recorded(tmp_path, kind)


def test_clients_do_not_notice_that_the_server_is_restarted(serve, recorded, a_patient):
    """Stopped and started again at the same address while they ask."""
    server = serve()
    crowd = Crowd(4, server.url, a_patient(), Retries(attempts=200, first_seconds=0.05, longest_seconds=0.5))
    crowd.wait_for(20)
    assert server.stop(signal.SIGTERM) == 0
    serve(server.port)
    crowd.wait_for(20)
    answered, failed = crowd.end()
    assert failed == []
    assert sorted(recorded(PREDICTION)) == sorted(answered)
    assert len(set(answered)) == len(answered)


@pytest.mark.slow
def test_clients_do_not_notice_that_the_server_was_killed(serve, recorded, a_patient):
    """A request whose server died keeps its name for a minute: until then it is still being answered, as far as anybody knows."""
    server = serve()
    crowd = Crowd(4, server.url, a_patient(), Retries(attempts=400, first_seconds=0.05, longest_seconds=0.5))
    crowd.wait_for(20)
    server.stop(signal.SIGKILL)
    serve(server.port)
    crowd.wait_for(20)
    answered, failed = crowd.end()
    assert failed == []
    assert sorted(recorded(PREDICTION)) == sorted(answered)


class Crowd:
    """Clients that predict for one patient again and again, each in a thread of its own."""

    def __init__(self, clients, url, patient, retries, times=None):
        self._answered, self._failed, self._changed = [], [], threading.Condition()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(url, patient, retries, times)) for _ in range(clients)
        ]
        for thread in self._threads:
            thread.start()

    def wait_for(self, answers):
        """Until so many more were answered."""
        with self._changed:
            wanted = len(self._answered) + answers
            assert self._changed.wait_for(lambda: len(self._answered) >= wanted or self._failed, 120)

    def end(self):
        self._stop.set()
        return self.joined()

    def joined(self):
        for thread in self._threads:
            thread.join()
        return self._answered, self._failed

    def _ask(self, url, patient, retries, times):
        with Client(url, retries=retries) as client:
            while not self._stop.is_set() and times != 0:
                times = None if times is None else times - 1
                try:
                    name = client.predict(patient).prediction_id
                except Exception as error:  # noqa: BLE001  whatever it is, the test shows it
                    with self._changed:
                        self._failed.append(error)
                        self._changed.notify_all()
                    return
                with self._changed:
                    self._answered.append(name)
                    self._changed.notify_all()
