"""`GET /audit/records`: a tenant's audit over HTTP."""

import json

import pytest

from acrcast_service.app import create_app
from acrcast_service.audit import routes
from acrcast_service.audit.erasure import erase


@pytest.fixture
def client(serving, chain, audit_settings, model):  # noqa: ARG001  the chain is there before the server
    return serving(create_app(audit_settings, model))


def lines(client, query=""):
    answered = client.get(f"/audit/records{query}")
    assert answered.status_code == 200, answered.text
    return [json.loads(line) for line in answered.text.splitlines()]


def test_every_record_comes_once_in_order_however_many_there_are(client, add, monkeypatch):
    monkeypatch.setattr(routes, "PIECE", 3)
    names = [add() for _ in range(8)]
    assert [line["record_id"] for line in lines(client)] == names


def test_no_record_is_an_empty_answer(client):
    assert lines(client) == []


def test_records_from_a_moment_on(client, add):
    add(time="2026-01-31T09:29:59.999999Z")
    later = [add(time="2026-01-31T09:30:00.000000Z"), add(time="2026-02-01T00:00:00.000000Z")]
    assert [line["record_id"] for line in lines(client, "?since=2026-01-31T09:30:00Z")] == later


@pytest.mark.parametrize(
    "since", ["", "yesterday", "2026-01-31", "2026-13-01T00:00:00Z", "2026-01-31T09:30:00%2B01:00"]
)
def test_a_moment_of_another_form_is_refused_and_not_repeated(client, since):
    refused = client.get(f"/audit/records?since={since}")
    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"field": "since", "message": "not valid, see /openapi.json"}]


def test_what_was_erased_is_said_and_not_shown(client, chain, add):
    add(subject="P-1")
    erase(chain, "P-1", "default", "operator")
    first, erasure = lines(client)
    assert (first["erased"], "inputs" in first, erasure["kind"]) == (True, False, "erasure")


def test_a_record_that_was_changed_is_not_shown_and_the_operator_is_told(client, add, tamper, caplog):
    add()
    tamper("UPDATE audit_records SET payload = :payload", payload=b"x" * 40)
    refused = client.get("/audit/records")
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/audit-unavailable")
    assert "audit-tampered" in caplog.text


def test_without_an_audit_there_is_none_to_read(serving, audit_settings, model):
    off = serving(create_app(audit_settings.model_copy(update={"audit": False}), model))
    assert off.get("/audit/records").status_code == 400
