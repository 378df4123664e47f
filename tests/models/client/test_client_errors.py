"""Errors of a client: one tree, one class for each kind of answer, and nothing of what was sent."""

import json
import pickle

import pytest

from acrcast import client
from acrcast.client import errors
from acrcast.client.exchange import Answer, Lost, result_of
from acrcast.client.operations import describe_model, predict
from acrcast.client.synchronous import Client

PROBLEM = {
    "type": "/problems/invalid-input",
    "title": "The input is not valid",
    "status": 422,
    "errors": [{"field": "age_years", "message": "expected a number from 18 to 100 years"}],
}


def problem(status=422, **changed):
    headers = {"content-type": "application/problem+json", "x-request-id": "0a1b", "retry-after": "2"}
    return Answer(status, headers, json.dumps(PROBLEM | {"status": status} | changed).encode())


def raised(outcome, operation=None, attempts=1):
    with pytest.raises(client.ClientError) as error:
        result_of(operation or describe_model(), outcome, "sent", attempts)
    return error.value


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, client.Refused) for status in (400, 405, 406, 408, 412, 413, 415, 422, 431)),
        (401, client.Unauthorised),
        (403, client.Forbidden),
        (404, client.NotFound),
        (409, client.Conflict),
        (429, client.TooManyRequests),
        *((status, client.Unavailable) for status in (502, 503, 504)),
        *((status, client.ServerFailed) for status in (500, 501, 599)),
    ],
)
def test_each_status_has_its_error(status, kind):
    assert type(raised(problem(status))) is kind
    bare = raised(Answer(status, {"content-type": "text/html"}, b"<html>"))
    assert type(bare) is kind
    assert (bare.type, bare.status, bare.request_id) == ("about:blank", status, "sent")


def test_a_problem_is_told_whole():
    error = raised(problem())
    assert (error.type, error.status, error.request_id, error.retry_after) == (
        *("/problems/invalid-input", 422),
        *("0a1b", 2.0),
    )
    assert error.errors[0].field == "age_years"
    assert str(error) == (
        "The input is not valid: age_years: expected a number from 18 to 100 years "
        "(422 /problems/invalid-input, request 0a1b)"
    )


def test_a_call_without_answer_says_why_and_how_often_it_was_sent():
    assert str(raised(Lost("ReadTimeout"), attempts=3)) == "no answer: ReadTimeout; asked 3 times (request sent)"
    assert str(raised(Lost("ConnectError"))) == "no answer: ConnectError; asked once (request sent)"


def test_an_answer_of_another_program_says_what_was_expected():
    page = Answer(200, {"content-type": "text/html"}, b"<html>Zz81734</html>")
    error = raised(page)
    assert str(error) == "expected what GET /model answers, and the answer of status 200 is none (request sent)"
    assert isinstance(raised(Answer(302, {"location": "/login"}, b"")), client.NotUnderstood)


def test_every_error_of_the_tree_is_there_to_be_caught():
    drawn = {line.split()[1] for line in errors.__doc__.splitlines() if "──" in line}
    tree = {name for name in client.__all__ if isinstance(getattr(client, name), type)} - {
        *("AsyncClient", "Client", "Retries", "ClientError")
    }
    assert drawn == tree
    assert all(issubclass(getattr(client, name), client.ClientError) for name in tree)


def test_nothing_that_was_sent_is_in_an_error_nor_in_what_it_holds():
    operation = predict({"age_years": 81.734, "il21_assay": "Zz81734"}, "Zz81734", "Zz81734")
    for outcome in (problem(), problem(500), Lost("ReadError"), Answer(200, {}, b"Zz81734")):
        error = raised(outcome, operation)
        told = f"{error!s} {error!r} {error.args!r} {vars(error)!r} {error.__cause__!r} {error.__context__!r}"
        assert "81734" not in told
        assert "81.734" not in told


@pytest.mark.parametrize("outcome", [problem(), problem(503), Lost("ReadError"), Answer(200, {}, b"")])
def test_an_error_goes_from_one_process_to_another(outcome):
    error = raised(outcome)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)


def test_a_client_is_shown_without_its_key():
    with Client("https://acrcast.example/", key="acr_Zz81734") as asking:
        assert repr(asking) == "Client('https://acrcast.example/')"
        assert "Zz81734" not in repr(vars(asking))


WITH_PASSWORD = "https://user:Zz@acrcast.example"  # pragma: allowlist secret  made up, and refused


@pytest.mark.parametrize("url", ["acrcast.example", "ftp://acrcast.example", WITH_PASSWORD])
def test_an_address_that_is_none_is_refused_and_not_repeated(url):
    with pytest.raises(ValueError, match="expected http:// or https://") as refused:
        Client(url)
    assert "acrcast.example" not in str(refused.value)
