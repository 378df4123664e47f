"""What became of a card: recorded with its prediction, exported, erased with it, and unknown to others."""

import json
import uuid

import pytest

from acrcast_service.audit.erasure import erase
from acrcast_service.audit.verification import verify

from .conftest import SERVICES, VIEW, bearer, told
from .records import a_prefetch

WHEN = "2026-11-27T10:05:31Z"
REASON = {"system": "https://acrcast.example/override-reasons", "code": "data-wrong"}


@pytest.fixture
def post(client, a_token):
    def send(path, body, **claims):
        headers = bearer(a_token(f"{SERVICES}/{path}", **claims)) | {"content-type": "application/json"}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return client.request("POST", f"/cds-services/{path}", content=content, headers=headers)

    return send


@pytest.fixture
def card(post, a_hook):
    """Makes a card and gives its uuid."""
    return lambda **claims: post(VIEW, a_hook(prefetch=a_prefetch()), **claims).json()["cards"][0]["uuid"]


@pytest.fixture
def tell(post):
    return lambda *feedback, **claims: post(f"{VIEW}/feedback", {"feedback": list(feedback)}, **claims)


def _feedback(card, outcome="overridden", **more):
    return {"card": card, "outcome": outcome, "outcomeTimestamp": WHEN} | more


def test_an_override_with_its_reason_is_recorded_with_the_prediction(card, tell, chain, recorded, conforming):
    shown = card()
    given = _feedback(shown, overrideReason={"reason": REASON, "userComment": "CRP is from another clinic"})
    conforming("feedback", {"feedback": [given]})
    answered = tell(given)
    assert (answered.status_code, answered.content) == (200, b"")
    (record,), (prediction,) = recorded("feedback"), recorded("prediction")
    assert record["about"] == prediction["record_id"] == shown
    assert record["inputs"] == given
    for same in ("tenant", "caller", "subject", "model", "study"):
        assert record[same] == prediction[same]
    assert verify(chain).findings == ()


@pytest.mark.parametrize(
    "more",
    [{}, {"acceptedSuggestions": [{"id": "e56e1945-20b3-4393-8503-a1a20fd73152"}]}],
    ids=["the card itself", "with suggestions"],
)
def test_an_accepted_card_is_recorded(card, tell, recorded, more):
    given = _feedback(card(), "accepted", **more)
    assert tell(given).status_code == 200
    assert [record["inputs"] for record in recorded("feedback")] == [given]


def test_a_dismissal_needs_no_reason_and_several_cards_may_be_told_of_at_once(card, tell, recorded):
    first, second = card(), card()
    assert tell(_feedback(first), _feedback(second, "accepted"), _feedback(first, "accepted")).status_code == 200
    assert [record["about"] for record in recorded("feedback")] == [first, second, first]


def test_what_a_client_sends_beside_it_is_not_kept(card, tell, recorded):
    assert tell(_feedback(card(), extension={"com.example": "Zz81734"}, more=1)).status_code == 200
    assert "Zz81734" not in json.dumps(recorded("feedback"))


@pytest.mark.parametrize("claims", [{"iss": "https://south.test/"}, {"tenant": "another"}])
def test_a_card_of_another_tenant_does_not_exist(card, tell, recorded, claims):
    answered = tell(_feedback(card()), **claims)
    assert answered.status_code == 404
    assert told(answered) == ("not-found", ["this caller was not given a card of that uuid"])
    assert recorded("feedback") == []


def test_of_several_cards_one_unknown_records_none(card, tell, recorded):
    assert tell(_feedback(card()), _feedback(str(uuid.uuid4()))).status_code == 404
    assert recorded("feedback") == []


def test_feedback_is_erased_with_the_patient(card, tell, recorded, chain):
    shown = card()
    tell(_feedback(shown, overrideReason={"userComment": "he moved away"}))
    assert erase(chain, "Patient/p1", "north", "tests") >= 2
    assert [record["erased"] for record in recorded("feedback")] == [True]
    assert tell(_feedback(shown)).status_code == 404
    assert verify(chain).findings == ()


@pytest.mark.parametrize(
    ("more", "field", "expected"),
    [
        ({"card": "1"}, "feedback.0.card", "expected the uuid of a card"),
        ({"card": None}, "feedback.0.card", "expected the uuid of a card"),
        ({"outcome": "ignored"}, "feedback.0.outcome", "expected accepted or overridden"),
        ({"outcomeTimestamp": "2026-11-27"}, "feedback.0.outcomeTimestamp", "expected a date and time with its time zone, as RFC 3339 writes it"),
        ({"outcomeTimestamp": "2026-11-27T10:05:31"}, "feedback.0.outcomeTimestamp", "expected a date and time with its time zone, as RFC 3339 writes it"),
        ({"outcomeTimestamp": 1795745759}, "feedback.0.outcomeTimestamp", "expected a date and time with its time zone, as RFC 3339 writes it"),
        ({"acceptedSuggestions": []}, "feedback.0.acceptedSuggestions", "expected a list of objects with id, the uuid of a suggestion"),
        ({"acceptedSuggestions": [{"id": "1"}]}, "feedback.0.acceptedSuggestions", "expected a list of objects with id, the uuid of a suggestion"),
        ({"overrideReason": {}}, "feedback.0.overrideReason", "expected an object with reason (system, code), userComment, or both"),
        ({"overrideReason": {"userComment": ""}}, "feedback.0.overrideReason", "expected an object with reason (system, code), userComment, or both"),
        ({"overrideReason": {"userComment": "x" * 4001}}, "feedback.0.overrideReason", "expected an object with reason (system, code), userComment, or both"),
        ({"overrideReason": {"reason": {"code": "x"}}}, "feedback.0.overrideReason", "expected an object with reason (system, code), userComment, or both"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_feedback_is_named(tell, more, field, expected):
    answered = tell(_feedback(str(uuid.uuid4())) | more)
    assert answered.status_code == 422
    assert told(answered) == ("invalid-input", [f"{field}: {expected}"])


@pytest.mark.parametrize("body", [{}, {"feedback": []}, {"feedback": None}, [], {"feedback": [5]}, {"feedback": {}}])
def test_what_is_no_feedback_is_refused(post, body):
    answered = post(f"{VIEW}/feedback", body)
    assert answered.status_code == 422
    assert "expected a list feedback of 1 to 100 objects with card" in told(answered)[1][0]


def test_more_than_a_hundred_at_once_are_refused(tell):
    assert tell(*[_feedback(str(uuid.uuid4()))] * 101).status_code == 422


@pytest.mark.parametrize("body", [b"{", b'{"feedback": "\\ud800"}', b"\xff"])
def test_what_is_not_json_is_refused(post, body):
    assert post(f"{VIEW}/feedback", body).status_code == 400


def test_feedback_to_a_service_that_does_not_exist_is_refused(post, card):
    assert post("unknown/feedback", {"feedback": [_feedback(card())]}).status_code == 404
