"""When a call is sent again, and after how long."""

import json

import pytest

from acrcast.client import Retries
from acrcast.client.exchange import Answer, Lost, retry_after
from acrcast.client.operations import Operation

GET = Operation("GET", "/model", bytes, repeatable=True)
BATCH = Operation("POST", "/predict/batch", bytes, repeatable=False)
CUT = Lost("ConnectError")


def answer(status, body=b"", **headers):
    return Answer(status, {name.replace("_", "-"): text for name, text in headers.items()}, body)


@pytest.mark.parametrize(
    ("attempt", "chance", "seconds"),
    [(1, 0.0, 0.125), (1, 1.0, 0.25), (2, 1.0, 0.5), (3, 0.5, 0.75), (6, 1.0, 8.0), (7, 1.0, 8.0), (7, 0.0, 4.0)],
)
def test_the_wait_doubles_up_to_its_longest_and_half_of_it_is_by_chance(attempt, chance, seconds):
    assert Retries().wait(GET, CUT, attempt, chance) == seconds


def test_the_last_attempt_is_the_last():
    assert Retries(attempts=3).wait(GET, CUT, 2, 0.5) == 0.375
    assert Retries(attempts=3).wait(GET, CUT, 3, 0.5) is None
    assert Retries(attempts=1).wait(GET, CUT, 1, 0.5) is None


def test_what_retry_after_asks_for_is_waited_as_well():
    assert Retries().wait(GET, answer(429, retry_after="3"), 1, 1.0) == 3.25


def test_a_time_beyond_ones_patience_is_not_waited_for():
    assert Retries().wait(GET, answer(429, retry_after="30"), 1, 0.0) == 30.125
    assert Retries().wait(GET, answer(429, retry_after="31"), 1, 0.0) is None
    assert Retries(patience_seconds=3600).wait(GET, answer(503, retry_after="600"), 1, 0.0) == 600.125


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_passes_is_asked_again(status):
    assert Retries().wait(GET, answer(status), 1, 0.0) == 0.125


@pytest.mark.parametrize("status", [200, 201, 301, 400, 401, 403, 404, 408, 409, 413, 415, 422, 431, 500])
def test_what_does_not_pass_is_not(status):
    assert Retries().wait(GET, answer(status), 1, 0.0) is None


PROBLEM = {"type": "/problems/idempotency-key-in-use", "title": "A request is being answered", "status": 409}
HELD = answer(409, json.dumps(PROBLEM).encode(), content_type="application/problem+json", retry_after="1")


@pytest.mark.parametrize("lost", [0, 1, 7])
def test_a_name_that_a_killed_server_held_is_waited_for_until_it_is_free(lost):
    """A minute by the server's own clock, however unlucky the draws, and although the server was away at first."""
    outcomes = [CUT] * lost + [HELD] * (19 - lost)
    waits = [Retries().wait(GET, outcome, attempt, 0.0) for attempt, outcome in enumerate(outcomes, start=1)]
    assert sum(waits) > 65
    assert Retries().wait(GET, HELD, 20, 0.0) is None


def test_who_asks_once_asks_once_about_a_held_name_too():
    assert Retries(attempts=1).wait(GET, HELD, 1, 0.0) is None


def test_a_first_request_that_is_still_being_answered_is_waited_for():
    assert Retries().wait(GET, HELD, 1, 0.0) == 1.125
    other = json.dumps(PROBLEM | {"type": "/problems/outcome-exists"}).encode()
    assert Retries().wait(GET, answer(409, other, content_type="application/problem+json"), 1, 0.0) is None


@pytest.mark.parametrize("outcome", [CUT, answer(429), answer(503, retry_after="1")])
def test_what_could_be_done_twice_is_never_sent_twice(outcome):
    assert Retries().wait(BATCH, outcome, 1, 0.0) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry_after": "2"}, 2.0),
        ({"retry_after": "0"}, 0.0),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "-1"}, None),
        ({"retry_after": "9" * 400}, None),
        ({"retry_after": "Fri, 27 Nov 2026 08:00:30 GMT", "date": "Fri, 27 Nov 2026 08:00:00 GMT"}, 30.0),
        ({"retry_after": "Fri, 27 Nov 2026 07:59:00 GMT", "date": "Fri, 27 Nov 2026 08:00:00 GMT"}, 0.0),
        ({"retry_after": "Fri, 27 Nov 2026 08:00:30 GMT"}, None),
    ],
)
def test_retry_after_is_seconds_or_a_time_by_the_answers_own_clock(headers, seconds):
    assert retry_after(answer(503, **headers)) == seconds


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"first_seconds": -1.0}, {"patience_seconds": -0.1}])
def test_retries_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="at least one attempt"):
        Retries(**wrong)
