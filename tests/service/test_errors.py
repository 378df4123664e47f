"""Every exception becomes a problem, and none tells a client or a log what it must not."""

import asyncio
import re
from dataclasses import replace
from html import unescape

import pytest
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from acrcast import errors as core
from acrcast_service import problems
from acrcast_service.app import create_app
from acrcast_service.errors import PROBLEM_OF
from acrcast_service.problems import PROBLEM_TYPES, ProblemType
from acrcast_service.settings import Settings

CANARY = "Zz81734"


def _with_subclasses(cls):
    return {cls}.union(*(_with_subclasses(sub) for sub in cls.__subclasses__()))


def test_every_error_of_the_core_has_a_problem_of_its_own_line():
    assert set(PROBLEM_OF) == _with_subclasses(core.AcrcastError)


def test_every_problem_type_is_in_the_table_under_its_name():
    defined = {value.name: value for value in vars(problems).values() if isinstance(value, ProblemType)}
    assert dict(PROBLEM_TYPES) == defined


def test_names_and_statuses_of_problems_are_permanent():
    assert {kind.name: kind.status for kind in PROBLEM_TYPES.values()} == {
        "malformed-json": 400,
        "bad-request": 400,
        "not-http": 400,
        "not-found": 404,
        "method-not-allowed": 405,
        "not-acceptable": 406,
        "refused-by-gate": 409,
        "too-large": 413,
        "unsupported-media-type": 415,
        "invalid-input": 422,
        "cannot-be-fitted": 422,
        "internal": 500,
        "not-ready": 503,
        "stopping": 503,
        "busy": 503,
        "model-unusable": 503,
        "audit-unavailable": 503,
        "idempotency-key-in-use": 409,
        "idempotency-key-reused": 422,
        "outcome-exists": 409,
        "unauthenticated": 401,
        "missing-scope": 403,
        "body-too-slow": 408,
        "too-many-requests": 429,
        "overloaded": 503,
        "identity-unavailable": 503,
        "link-expired": 410,
        "fhir-data-missing": 412,
        "headers-too-large": 431,
        "headers-too-slow": 408,
    }


def test_every_problem_has_a_page_and_an_unknown_one_has_none(client):
    for kind in PROBLEM_TYPES.values():
        page = client.get(kind.uri)
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert kind.title in unescape(page.text)
    assert client.get("/problems/nothing").status_code == 404


def test_the_problems_are_listed_and_each_link_leads_to_its_page(client):
    main, _, _ = client.get("/problems").text.partition("<main")[2].partition("</main>")
    links = re.findall('href="([^"]+)"', main)
    assert len(links) == len(PROBLEM_TYPES)
    assert all(client.get(f"/{link}").status_code == 200 for link in links)


def test_a_problem_is_explained_in_plain_text_to_whoever_asks_for_that(client):
    page = client.request("GET", "/problems/missing-scope", headers={"accept": "text/plain"})
    assert page.headers["content-type"] == "text/plain; charset=utf-8"
    assert page.text.startswith("This caller may not do that\nStatus 403, type /problems/missing-scope\n\n")
    assert "/problems/overloaded\t503\t" in client.request("GET", "/problems", headers={"accept": "text/plain"}).text


BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize(
    ("path", "status", "root"), [("/nowhere", 404, "./"), ("/a/b", 404, "../"), ("/predict", 405, "./")]
)
def test_whoever_opens_an_address_in_a_browser_reads_a_page(client, path, status, root):
    page = client.request("GET", path, headers=BROWSER)
    assert page.status_code == status
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "style-src 'self'" in page.headers["content-security-policy"]
    assert PROBLEM_TYPES["not-found" if status == 404 else "method-not-allowed"].title in page.text
    assert f'href="{root}?lang=en"' in page.text


def test_a_page_of_an_error_is_in_the_browsers_language(client):
    page = client.request("GET", "/nowhere", headers=BROWSER | {"accept-language": "zh-CN,zh;q=0.9"})
    assert page.headers["content-language"] == "zh-Hans"
    assert "此地址没有内容" in page.text


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html;q=0.5", ""])
def test_a_program_that_opens_the_same_address_gets_json(client, accept):
    answer = client.request("GET", "/nowhere", headers={"accept": accept})
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_protocols_own_form_goes_before_the_browsers(client):
    answer = client.request("GET", "/fhir/Patient/1", headers=BROWSER)
    assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.fixture
def raising(serving, model):
    """A client of the real application with one more address, which raises what it is given."""

    def make(error, path="/raise"):
        app = create_app(Settings(), model)

        @app.get(path)
        async def fail():
            raise error

        return serving(app)

    return make


def test_a_page_of_the_servers_own_fault_names_what_the_log_has_and_nothing_else(raising, caplog):
    page = raising(RuntimeError(CANARY)).request("GET", "/raise", headers=BROWSER)
    assert page.status_code == 500
    assert CANARY not in page.text
    (instance,) = re.findall(r"<code>(urn:uuid:[0-9a-f-]{36})</code>", page.text)
    assert f"instance={instance}" in caplog.text


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (core.UsageError("study 'x' not found"), 400, "study 'x' not found"),
        (core.FitError("too few responders"), 422, "too few responders"),
        (core.GateRefusal(["GATE002"], "GATE002: calibration"), 409, "GATE002: calibration"),
        (core.ArtefactError("/srv/models/a: no manifest.json here"), 503, None),
        (core.TamperedError("/srv/models/a"), 503, None),
        (core.AcrcastError("/srv/models/a"), 500, None),
    ],
)
def test_an_error_of_the_core_says_its_message_unless_it_is_the_operators(raising, error, status, detail):
    answered = raising(error).get("/raise")
    assert answered.status_code == status
    assert answered.json().get("detail") == detail
    assert "/srv" not in answered.text


def test_the_problems_of_an_input_error_become_the_errors_of_the_answer(raising):
    error = core.DataError([core.Problem("age_years", "expected a number", file="trial.csv", row=3)])
    assert raising(error).get("/raise").json()["errors"] == [{"field": "age_years", "message": "expected a number"}]


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError(CANARY), ValueError({"name": CANARY}), KeyError(CANARY), HTTPException(418, CANARY)],
)
def test_an_unforeseen_failure_says_nothing_and_its_log_line_names_the_place_alone(raising, error, caplog):
    answered = raising(error).get("/raise")
    assert answered.status_code == 500
    assert answered.headers["content-type"] == "application/problem+json"
    assert answered.headers["x-content-type-options"] == "nosniff"
    problem = answered.json()
    assert problem.keys() == {"type", "title", "status", "instance"}
    (record,) = caplog.records
    assert record.getMessage().startswith(f"internal instance={problem['instance']} error={type(error).__name__} at=")
    assert record.exc_info is None
    assert "fail:" in record.getMessage()
    assert CANARY not in answered.text + caplog.text


def test_a_failure_after_the_answer_began_is_logged_and_goes_no_further(model, caplog):
    """Straight to the application: what is left of the answer is the server's to cut off."""
    app = create_app(Settings(), model)
    answered = []

    async def broken():
        yield b"begun"
        raise ValueError(CANARY)

    @app.get("/broken")
    async def stream():
        return StreamingResponse(broken())

    async def receive():
        return {"type": "http.request"}

    async def send(message):
        answered.append(message["type"])

    scope = {"type": "http", "method": "GET", "path": "/broken", "query_string": b"", "headers": []}
    asyncio.run(app(scope | {"asgi": {"spec_version": "2.4"}}, receive, send))
    assert answered == ["http.response.start", "http.response.body"]
    assert [record.getMessage().split()[0] for record in caplog.records] == ["internal"]
    assert CANARY not in caplog.text


def test_a_parameter_that_is_not_valid_is_named_and_not_repeated(serving, model):
    app = create_app(Settings(), model)

    @app.get("/items/{number}")
    async def item(number: int) -> int:
        return number

    answered = serving(app).get(f"/items/{CANARY}")
    assert answered.status_code == 422
    assert answered.json()["errors"] == [{"field": "number", "message": "not valid, see /openapi.json"}]
    assert CANARY not in answered.text


def test_a_model_that_fails_on_a_patient_logs_nothing_of_the_patient(serving, model, a_patient, caplog):
    broken = replace(model, averages={})
    answered = serving(create_app(Settings(), broken)).predict(a_patient(crp_mg_per_l=81.734, il21_assay=CANARY))
    assert answered.status_code == 500
    (record,) = caplog.records
    assert "error=KeyError at=" in record.getMessage()
    assert "81.734" not in answered.text + caplog.text
    assert CANARY not in answered.text + caplog.text
