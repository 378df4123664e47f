"""Who reaches which route: every one, as everybody who should not."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import APIRouter

from acrcast_service.app import create_app
from acrcast_service.auth.api_keys import make_key, revoke_key
from acrcast_service.auth.callers import SCOPES, needs, open_to_all, scope_needed
from acrcast_service.auth.guard import guarded
from acrcast_service.problems import PROBLEM_TYPES
from acrcast_service.settings import Settings

from .conftest import bearer

# What each route asks for. A new route is a new line here, and a decision.
ACCESS = {
    "POST /predict": "predict",
    "POST /predict/batch": "predict",
    "POST /fhir/$predict-acr-response": "predict",
    "GET /fhir/metadata": None,
    "GET /fhir/OperationDefinition/predict-acr-response": None,
    "GET /v2": None,
    "GET /v2/health/live": None,
    "GET /v2/health/ready": None,
    "GET /v2/models/{model_name}": None,
    "GET /v2/models/{model_name}/versions/{model_version}": None,
    "GET /v2/models/{model_name}/ready": None,
    "GET /v2/models/{model_name}/versions/{model_version}/ready": None,
    "POST /v2/models/{model_name}/infer": "predict",
    "POST /v2/models/{model_name}/versions/{model_version}/infer": "predict",
    "POST /outcomes": "outcome",
    "GET /cds-services": "predict",
    "POST /cds-services/{service_id}": "predict",
    "POST /cds-services/{service_id}/feedback": "outcome",
    "GET /basis/{prediction_id}": "signed link",
    "GET /audit/records": "audit",
    "GET /metrics": "admin",
    "POST /admin/model/refresh": "admin",
    "GET /model": None,
    "GET /model/card": None,
    "GET /model/page": None,
    "GET /health/live": None,
    "GET /health/ready": None,
    "GET /openapi.json": None,
    "GET /docs": None,
    "GET /docs/assets/{name}": None,
    "GET /": None,
    "POST /": "predict",
    "POST /pages/scores": "predict",
    "GET /pages/assets/{name}": None,
    "GET /operator": None,
    "POST /operator": "admin",
    "GET /audit": None,
    "POST /audit": "audit",
    "GET /problems": None,
    "GET /problems/{name}": None,
}
GUARDED = [route.split() for route, scope in ACCESS.items() if scope in SCOPES]


def test_every_route_has_the_access_that_was_decided(model):
    routes = create_app(Settings(), model).routes
    found = {f"{method} {route.path}": scope_needed(route.endpoint) for route in routes for method in route.methods}
    assert found == ACCESS


def test_a_route_that_does_not_say_who_may_is_refused():
    room = APIRouter()

    @room.get("/new")
    async def new():
        return {}

    with pytest.raises(TypeError, match=r"new: mark it with needs\(...\) or open_to_all"):
        list(guarded(room.routes))


def test_a_mount_which_nobody_can_mark_is_refused():
    room = APIRouter()
    room.mount("/files", lambda *_: None)
    with pytest.raises(TypeError, match="expected a route"):
        list(guarded(room.routes))


def test_a_scope_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="no such scope"):
        needs("everything")


def test_a_route_that_is_open_to_all_stays_as_it_is():
    room = APIRouter()

    @room.get("/open")
    @open_to_all
    async def open_route():
        return {}

    assert list(guarded(room.routes)) == room.routes


def _nobody(_a_key, _chain):
    return {}


def _garbage(_a_key, _chain):
    return bearer("Zz81734")


def _another_secret(a_key, _chain):
    return bearer(a_key(*SCOPES)[:-64] + "0" * 64)


def _no_such_key(_a_key, _chain):
    return bearer(f"acr_{'0' * 12}_{'0' * 64}")


def _expired(a_key, _chain):
    return bearer(a_key(*SCOPES, expires=datetime.now(UTC) - timedelta(seconds=1)))


def _revoked(a_key, chain):
    token = a_key(*SCOPES)
    assert revoke_key(chain.engine, token.split("_")[1])
    return bearer(token)


def _not_bearer(a_key, _chain):
    return {"authorization": f"Basic {a_key(*SCOPES)}"}


def told(answered):
    """Name and detail of a problem, also of one that left in the form of a protocol."""
    body = answered.json()
    if body.get("resourceType") == "OperationOutcome":
        (issue,) = body["issue"]
        return issue["details"]["coding"][0]["code"], issue["diagnostics"]
    if "error" in body:
        title, detail = body["error"].split(": ", 1)
        return next(kind.name for kind in PROBLEM_TYPES.values() if kind.title == title), detail
    return body["type"].rpartition("/")[2], body["detail"]


@pytest.mark.parametrize(
    "credential", [_nobody, _garbage, _another_secret, _no_such_key, _expired, _revoked, _not_bearer]
)
def test_without_a_valid_key_no_guarded_route_answers(client_of, settings, a_key, chain, credential):
    a_key("predict")
    headers = credential(a_key, chain)
    client = client_of(settings)
    for method, path in GUARDED:
        answered = client.request(method, path, content=b"{}", headers=headers)
        assert answered.status_code == 401, path
        assert told(answered)[0] == "unauthenticated"
        assert answered.headers["www-authenticate"].startswith('Bearer realm="acrcast"')
        assert "Zz81734" not in answered.text


def test_without_its_scope_no_guarded_route_answers_and_the_scope_is_named(client_of, settings, a_key):
    others = {scope: bearer(a_key(*(other for other in SCOPES if other != scope))) for scope in SCOPES}
    client = client_of(settings)
    for method, path in GUARDED:
        scope = ACCESS[f"{method} {path}"]
        answered = client.request(method, path, content=b"{}", headers=others[scope])
        assert answered.status_code == 403, path
        assert told(answered) == ("missing-scope", f"this needs the scope {scope}")
        assert answered.headers["www-authenticate"].endswith(f'error="insufficient_scope", scope="{scope}"')


def test_with_a_key_that_has_the_scope_a_patient_is_predicted(client_of, settings, a_key, a_patient):
    token = a_key("predict")
    assert client_of(settings).predict(a_patient(), **bearer(token)).status_code == 200


def test_two_keys_in_one_request_are_refused(client_of, settings, a_key):
    token = a_key("predict")
    headers = [("authorization", f"Bearer {token}")] * 2
    assert client_of(settings).request("POST", "/predict", headers=headers).status_code == 401


def test_what_is_public_stays_public_when_keys_exist(client_of, settings, a_key):
    a_key("predict")
    client = client_of(settings)
    for route, scope in ACCESS.items():
        if scope is None and "{" not in route:
            assert client.get(route.split()[1]).status_code == 200, route


def test_who_may_not_is_told_so_before_the_body_is_read(client_of, settings, a_key):
    a_key("predict")

    async def never():
        raise AssertionError("the body was read")
        yield b""

    assert client_of(settings).predict_stream(never()).status_code == 401


def test_a_tenant_has_no_outcome_for_another_tenants_prediction(client_of, settings, a_key, a_patient):
    here, there = a_key("predict", "outcome", tenant="north"), a_key("predict", "outcome", tenant="south")
    client = client_of(settings)
    prediction_id = client.predict(a_patient(), **bearer(here)).json()["prediction_id"]
    outcome = {"prediction_id": prediction_id, "responded": True, "observed_on": "2026-01-31", "source": "chart"}
    content = json.dumps(outcome)
    for token, status in ((there, 404), (here, 201)):
        headers = bearer(token) | {"content-type": "application/json"}
        assert client.request("POST", "/outcomes", content=content, headers=headers).status_code == status


def test_a_tenant_reads_its_own_audit_and_no_other(client_of, settings, a_key, a_patient):
    keys = {tenant: bearer(a_key("predict", "audit", tenant=tenant)) for tenant in ("north", "south", "east")}
    client = client_of(settings)
    names = {
        tenant: client.predict(a_patient(), **keys[tenant]).json()["prediction_id"] for tenant in ("north", "south")
    }
    for tenant, key in keys.items():
        read = client.request("GET", "/audit/records", headers=key)
        assert read.headers["content-type"] == "application/jsonl"
        lines = [json.loads(line) for line in read.text.splitlines()]
        assert [line["record_id"] for line in lines] == ([names[tenant]] if tenant in names else [])
        assert {line["tenant"] for line in lines} <= {tenant}


def test_an_idempotency_key_belongs_to_its_tenant(client_of, settings, a_key, a_patient):
    here, there = a_key("predict", tenant="north"), a_key("predict", tenant="south")
    client = client_of(settings)
    named = {"idempotency-key": "same"}
    first = client.predict(a_patient(), **bearer(here), **named).json()["prediction_id"]
    assert client.predict(a_patient(), **bearer(here), **named).json()["prediction_id"] == first
    assert client.predict(a_patient(), **bearer(there), **named).json()["prediction_id"] != first


def test_without_any_key_this_machine_may_do_everything(client_of, settings, a_patient):
    assert client_of(settings).predict(a_patient()).status_code == 200


def test_revoking_the_last_key_does_not_open_the_door(client_of, settings, chain, a_patient):
    key, _ = make_key(chain.engine, chain.keys, name="a", tenant="t", scopes=["predict"], expires=None)
    revoke_key(chain.engine, key.key_id)
    assert client_of(settings).predict(a_patient()).status_code == 401


@pytest.mark.usefixtures("chain")
def test_a_server_beyond_this_machine_is_closed_even_when_its_keys_are_gone(client_of, settings, a_patient):
    settings = settings.model_copy(update={"host": "0.0.0.0", "audit_key_file": settings.key_file})
    assert client_of(settings).predict(a_patient()).status_code == 401


def test_behind_an_authenticating_proxy_keys_are_asked_for_once_there_are_any(client_of, settings, a_key, a_patient):
    behind = settings.model_copy(update={"behind_authenticating_proxy": True})
    a_key("predict")
    assert client_of(behind).predict(a_patient()).status_code == 401


def test_the_openapi_document_says_for_each_operation_who_may(client):
    document = client.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    said = {
        f"{method.upper()} {path}": operation["security"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert said == {route: [{"key": [ACCESS[route]]}] if ACCESS[route] else [] for route in said}
    assert "/problems/missing-scope" in document["paths"]["/predict"]["post"]["responses"]["403"]["description"]
