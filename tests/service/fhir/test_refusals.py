"""What is refused, each time as an OperationOutcome that says where and what was expected, and never what was sent."""

import asyncio
import json
import sqlite3
from copy import deepcopy
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acrcast_service.app import create_app
from acrcast_service.audit.opening import open_chain
from acrcast_service.auth.api_keys import make_key
from acrcast_service.fhir.outcomes import ISSUE_TYPES
from acrcast_service.problems import PROBLEM_TYPES
from acrcast_service.settings import Settings

from .conftest import (
    NOW,
    TODAY,
    a_bundle,
    a_person,
    a_record,
    an_observation,
    joint_counts,
    on,
    parameters,
    plain,
    quantity,
)

PATH = "/fhir/$predict-acr-response"
FHIR_JSON = "application/fhir+json"
CANARY = "Zz81734"


def send(client, body, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.request("POST", PATH, content=content, headers={"content-type": FHIR_JSON} | headers)


def issues_of(response, status, code):
    """The issues of an OperationOutcome, after checking what every one has."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == FHIR_JSON
    assert int(response.headers["content-length"]) == len(response.content)
    outcome = response.json()
    assert outcome["resourceType"] == "OperationOutcome"
    for issue in outcome["issue"]:
        assert issue["severity"] == "error"
        assert issue["code"] == ISSUE_TYPES[status]
        assert issue["details"]["coding"] == [{"system": "https://acrcast.example/problems", "code": code}]
    return outcome["issue"]


def the_issue(client, body, **headers):
    """Place and words of the one issue that a body is refused with."""
    (issue,) = issues_of(send(client, body, **headers), 422, "invalid-input")
    return (issue.get("expression", [""])[0], issue["diagnostics"])


def a_whole_record(*more):
    return a_bundle(*on(TODAY, a_record()), *more)


def enough(**changes):
    """A person with joint counts, the tender ones with these members."""
    tender, swollen = on(TODAY, joint_counts())
    return a_bundle(a_person(), tender | changes, swollen)


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "Patient", "id": "p1"},
        {"resourceType": "bundle", "type": "collection"},
        {"resourceType": ["Bundle"]},
        {"type": "collection"},
        [a_bundle()],
        "Bundle",
        None,
        7,
    ],
)
def test_a_body_that_is_neither_parameters_nor_a_bundle_is_refused(client, body):
    assert the_issue(client, body) == ("", "expected a FHIR R4 resource of type Parameters or Bundle")


@pytest.mark.parametrize(
    "kind", ["batch", "transaction", "message", "history", "batch-response", None, 7, ["collection"]]
)
def test_a_bundle_that_does_not_hold_resources_as_they_are_is_refused(client, kind):
    place, message = the_issue(client, a_bundle(a_person(), kind=kind))
    assert (place, message) == ("Bundle.type", "expected a Bundle of type searchset, collection, document")


@pytest.mark.parametrize("relation", ["next", "previous"])
def test_a_page_of_several_is_refused(client, relation):
    links = [{"relation": "self", "url": "https://ehr.test/1"}, {"relation": relation, "url": "https://ehr.test/2"}]
    place, message = the_issue(client, a_bundle(a_person(), kind="searchset", link=links, total=40))
    assert place == "Bundle.link"
    assert message == "this Bundle is one page of several, and what is missing may be newer: send all of them in one"


def test_a_search_that_fits_on_one_page_is_read_without_what_it_says_of_itself(client):
    bundle = a_bundle(
        *on(TODAY, a_record()), kind="searchset", link=[{"relation": "self", "url": "https://ehr.test/1"}]
    )
    hint = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "processing"}]}
    bundle["entry"].append({"resource": hint, "search": {"mode": "outcome"}})
    assert send(client, bundle).status_code == 200


@pytest.mark.parametrize(
    ("entries", "place"),
    [
        ({}, "Bundle.entry"),
        ([7], "Bundle.entry[0].resource"),
        ([{"fullUrl": "urn:uuid:1"}], "Bundle.entry[0].resource"),
        ([{"resource": {"id": "1"}}], "Bundle.entry[0].resource.resourceType"),
    ],
)
def test_an_entry_without_a_resource_is_refused(client, entries, place):
    assert the_issue(client, a_bundle() | {"entry": entries})[0] == place


@pytest.mark.parametrize(
    ("parameter", "place", "message"),
    [
        (7, "Parameters.parameter[0]", "expected an object with a name"),
        ({"resource": a_person()}, "Parameters.parameter[0]", "expected an object with a name"),
        (
            {"name": "person", "resource": a_person()},
            "Parameters.parameter[0].name",
            "expected one of patient, observation, condition, medication, record, patient-values, at, subject",
        ),
        (
            {"name": "patient", "resource": joint_counts()[0]},
            "Parameters.parameter[0].resource",
            "expected a resource of type Patient",
        ),
        (
            {"name": "medication", "valueString": "methotrexate"},
            "Parameters.parameter[0].resource",
            "expected a resource of type MedicationStatement or MedicationRequest or Medication",
        ),
        (
            {"name": "record", "resource": a_bundle(kind="batch")},
            "Parameters.parameter[0].resource.type",
            "expected a Bundle of type searchset, collection, document",
        ),
        (
            {"name": "at", "valueDateTime": "2024-03-01"},
            "Parameters.parameter[0]",
            "expected valueDateTime or valueInstant with a time and its zone",
        ),
        (
            {"name": "at", "valueDateTime": "2024-03-01T09:00:00"},
            "Parameters.parameter[0].valueDateTime",
            "expected YYYY, YYYY-MM, YYYY-MM-DD or a time with seconds and zone, such as 2026-03-01T08:30:00Z",
        ),
        (
            {"name": "at", "valueInstant": "2999-03-01T09:00:00Z"},
            "Parameters.parameter[0]",
            "expected a time since 1900 that is not in the future",
        ),
        (
            {"name": "at", "valueInstant": "0001-01-01T09:00:00Z"},
            "Parameters.parameter[0]",
            "expected a time since 1900 that is not in the future",
        ),
        ({"name": "at"}, "Parameters.parameter[0]", "expected one value[x]"),
        (
            {"name": "subject", "valueReference": {"display": "Mrs Jones"}},
            "Parameters.parameter[0].valueReference",
            "expected a reference to the patient",
        ),
        (
            {"name": "patient-values"},
            "Parameters.parameter[0].part",
            "expected a list with at least one parameter",
        ),
    ],
)
def test_a_parameter_that_the_operation_does_not_have_is_refused(client, parameter, place, message):
    assert the_issue(client, parameters(parameter)) == (place, message)


@pytest.mark.parametrize("listed", [None, [], {}])
def test_parameters_without_a_parameter_are_refused(client, listed):
    body = {"resourceType": "Parameters", "parameter": listed}
    assert the_issue(client, body) == ("Parameters.parameter", "expected a list with at least one parameter")


def test_what_there_may_be_once_is_refused_twice(client):
    at = {"name": "at", "valueInstant": "2024-03-01T09:00:00Z"}
    assert the_issue(client, parameters(at, at)) == ("Parameters.parameter[1]", "expected the parameter at once")


@pytest.mark.parametrize(
    ("part", "place", "message"),
    [
        (
            {"name": "crp", "valueDecimal": 22},
            "Parameters.parameter[0].part[0].name",
            "expected the name of a field: GET /model lists them",
        ),
        (
            {"name": "crp_mg_per_l", "valueString": "22"},
            "Parameters.parameter[0].part[0]",
            "CRP (crp_mg_per_l): expected valueDecimal, valueInteger or valueQuantity: a number from 0 to 500 mg/L",
        ),
        (
            {"name": "crp_mg_per_l", "valueDecimal": 501},
            "Parameters.parameter[0].part[0]",
            "CRP (crp_mg_per_l): expected a number from 0 to 500 mg/L",
        ),
        (
            {"name": "crp_mg_per_l", "valueQuantity": quantity(22, "mg")},
            "Parameters.parameter[0].part[0].valueQuantity",
            "CRP (crp_mg_per_l): expected the unit mg/L or mg/dL or ug/mL, with system http://unitsofmeasure.org and code",
        ),
        (
            {"name": "rf_positive", "valueCode": "true"},
            "Parameters.parameter[0].part[0]",
            "Rheumatoid factor positive (rf_positive): expected valueBoolean: true or false",
        ),
        (
            {"name": "sex", "valueBoolean": True},
            "Parameters.parameter[0].part[0]",
            "Sex (sex): expected valueCode: one of female, male",
        ),
        (
            {"name": "age_years", "valueDecimal": "54"},
            "Parameters.parameter[0].part[0].valueDecimal",
            "expected as FHIR R4 has it: input should be a valid number",
        ),
        (
            {"name": "age_years", "valueDecimal": 54, "valueInteger": 54},
            "Parameters.parameter[0].part[0]",
            "expected one value[x]",
        ),
    ],
)
def test_a_plain_value_that_its_field_does_not_take_is_refused(client, part, place, message):
    assert the_issue(client, parameters({"name": "patient-values", "part": [part]})) == (place, message)


def test_a_plain_value_that_is_given_twice_is_refused(client):
    twice = plain(age_years=54)
    twice["part"] *= 2
    assert the_issue(client, parameters(twice)) == (
        "Parameters.parameter[0].part[1]",
        "age_years: given more than once",
    )


def test_a_level_that_a_field_does_not_have_is_refused(client):
    values = plain(age_years=54, sex="f", tender_joint_count_28=1, swollen_joint_count_28=1)
    assert the_issue(client, parameters(values)) == ("", "sex: expected one of female, male")


def test_what_is_required_and_missing_is_told_with_what_was_there_and_why_it_was_not_used(client):
    old = (NOW - timedelta(days=400)).isoformat()
    place, message = the_issue(client, enough(effectiveDateTime=old))
    assert place == ""
    assert message == (
        "tender_joint_count_28: required: a whole number from 0 to 28 joints "
        "(left out: Bundle.entry[1].resource: it is, or may be, more than 180 days old)"
    )


def test_an_empty_record_lacks_everything_that_is_required(client):
    issues = issues_of(send(client, a_bundle()), 422, "invalid-input")
    assert [issue["diagnostics"].partition(":")[0] for issue in issues] == [
        *("age_years", "sex", "tender_joint_count_28", "swollen_joint_count_28")
    ]


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        (an_observation("30522-7", quantity(2.2, "mg/L"), TODAY), "observation"),
        (an_observation("718-7", quantity(13, "g/dL"), TODAY), "observation"),
    ],
)
def test_an_observation_that_was_sent_by_itself_must_be_of_a_measure(client, resource, name):
    record = {"name": "record", "resource": a_whole_record()}
    place, message = the_issue(client, parameters(record, {"name": name, "resource": resource}))
    assert place == "Parameters.parameter[1].resource.code"
    assert message == (
        "none of its codes is of a measure of this study: GET /model lists the codes; in a Bundle others are left out"
    )


def test_every_problem_of_a_record_is_told_at_once_each_with_its_place(client):
    wrong = [
        an_observation("1988-5", quantity(2.2, "mg"), TODAY),
        an_observation("4537-7", quantity("48", "mm/h"), TODAY),
        an_observation("75874-8", quantity(1.5, "{score}"), TODAY, subject={"reference": "Patient/p2"}),
    ]
    issues = issues_of(send(client, a_bundle(*on(TODAY, [a_person(), *joint_counts()]), *wrong)), 422, "invalid-input")
    assert {issue["expression"][0] for issue in issues} == {
        "Bundle.entry[3].resource.valueQuantity",
        "Bundle.entry[4].resource.valueQuantity.value",
        "Bundle.entry[5].resource.subject",
    }


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed-json"),
        (b"{", "malformed-json"),
        (b"\xff\xfe{}", "malformed-json"),
        (b'{"resourceType": "Bundle", "x": NaN}', "malformed-json"),
        (b'{"resourceType": "Bundle", "x": 1e400}', "malformed-json"),
        (b'{"resourceType": "Bundle", "x": -Infinity}', "malformed-json"),
        (rb'{"resourceType": "Bundle", "x": "\ud800"}', "malformed-json"),
        (b"[" * 100_000, "malformed-json"),
        (b'{"a":' * 100_000, "malformed-json"),
        (b"<Bundle xmlns='http://hl7.org/fhir'/>", "malformed-json"),
    ],
)
def test_a_body_that_is_no_json_is_refused(client, body, code):
    issues_of(send(client, body), 400, code)


def test_a_name_that_is_given_twice_in_one_object_is_refused_at_any_depth(client):
    body = json.dumps(enough()).replace('"value": 14', '"value": 14, "value": 2')
    assert the_issue(client, body.encode()) == ("", "value: given more than once")


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(client, serving, model):
    small = serving(create_app(Settings(fhir_limit_bytes=500), model))
    (issue,) = issues_of(send(small, enough()), 413, "too-large")
    assert issue["diagnostics"] == "this server reads at most 500 bytes"
    many = a_bundle(*[{"resourceType": "Basic"}] * 1001)
    (issue,) = issues_of(send(client, many), 413, "too-large")
    assert issue["diagnostics"] == "at most 1000 resources are looked at"


@pytest.mark.parametrize(
    "content_type", ["application/fhir+xml", "text/plain", "application/fhir+json; charset=latin-1", ""]
)
def test_a_body_of_another_type_is_refused(client, content_type):
    refused = send(client, enough(), **{"content-type": content_type})
    (issue,) = issues_of(refused, 415, "unsupported-media-type")
    assert issue["diagnostics"] == "send Content-Type: application/fhir+json, in UTF-8"


@pytest.mark.parametrize("content_type", ["application/json", "application/fhir+json; charset=UTF-8; fhirVersion=4.0"])
def test_json_may_be_called_by_either_name(client, content_type):
    assert send(client, enough(), **{"content-type": content_type}).status_code == 200


def test_a_compressed_body_is_refused(client):
    issues_of(send(client, enough(), **{"content-encoding": "gzip"}), 415, "unsupported-media-type")


@pytest.mark.parametrize("accept", ["application/fhir+xml", "text/html", "application/fhir+json;q=0"])
def test_an_answer_in_another_form_is_refused(client, accept):
    issues_of(send(client, enough(), accept=accept), 406, "not-acceptable")


@pytest.mark.parametrize(
    "accept", ["*/*", "application/fhir+json", "application/json", "text/html, application/*;q=0.1"]
)
def test_an_answer_may_be_asked_for_as_json(client, accept):
    answered = send(client, enough(), accept=accept)
    assert (answered.status_code, answered.headers["content-type"]) == (200, FHIR_JSON)


def test_there_is_nothing_else_under_fhir(client):
    for path in ("/fhir/Patient/p1", "/fhir/RiskAssessment", "/fhir/$other"):
        assert client.get(path).json()["resourceType"] == "OperationOutcome"
    answered = client.get(PATH)
    issues_of(answered, 405, "method-not-allowed")
    assert answered.headers["allow"] == "POST"


def test_a_server_without_a_model_says_so(serving):
    client = serving(create_app(Settings()), started=False)
    for answered in (send(client, enough()), client.get("/fhir/metadata")):
        issues_of(answered, 503, "not-ready")
        assert answered.headers["retry-after"] == "1"


def test_who_may_not_ask_is_told_so(serving, model, tmp_path):
    settings = Settings(state=tmp_path)
    chain = open_chain(settings, may_make=True)
    _, token = make_key(chain.engine, chain.keys, name="outcomes", tenant="t", scopes=("outcome",), expires=None)
    chain.engine.dispose()
    client = serving(create_app(settings, model))
    answered = send(client, enough())
    issues_of(answered, 401, "unauthenticated")
    assert answered.headers["www-authenticate"].startswith("Bearer")
    issues_of(send(client, enough(), authorization=f"Bearer {token}"), 403, "missing-scope")
    assert client.get("/fhir/metadata").status_code == 200


def test_too_many_at_a_time_are_told_so(serving, model):
    client = serving(create_app(Settings(requests_in_progress=1, requests_waiting=0), model))
    body = json.dumps(enough()).encode()

    async def all_at_once():
        sent = [client._http.post(PATH, content=body, headers={"content-type": FHIR_JSON}) for _ in range(8)]
        return await asyncio.gather(*sent)

    answers = client._runner.run(all_at_once())
    assert {answer.status_code for answer in answers} == {200, 503}
    for refused in (answer for answer in answers if answer.status_code == 503):
        issues_of(refused, 503, "overloaded")
        assert refused.headers["retry-after"] == "1"


def test_an_audit_that_cannot_be_written_is_told_and_nothing_is_answered(serving, model, tmp_path):
    settings = Settings(state=tmp_path)
    client = serving(create_app(settings, model))
    with sqlite3.connect(tmp_path / "acrcast.db") as database:
        database.execute("ALTER TABLE audit_records RENAME TO elsewhere")
    answered = send(client, enough())
    issues_of(answered, 503, "audit-unavailable")
    with sqlite3.connect(tmp_path / "acrcast.db") as database:
        database.execute("ALTER TABLE elsewhere RENAME TO audit_records")


def test_a_header_that_cannot_be_read_is_refused(client):
    for name in ("subject-reference", "idempotency-key"):
        issues_of(send(client, enough(), **{name: "x" * 300}), 400, "bad-request")


def test_every_problem_has_an_issue_type():
    assert {kind.status for kind in PROBLEM_TYPES.values()} <= ISSUE_TYPES.keys()


def test_outside_fhir_a_problem_stays_one(client):
    assert client.get("/nowhere").headers["content-type"] == "application/problem+json"
    assert client.get("/fhirs").headers["content-type"] == "application/problem+json"


def places(value, path=()):
    """Every place in a resource."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in items:
        yield from places(part, (*path, name))


def put(resource, path, value):
    changed = deepcopy(resource)
    if not path:
        return value
    at = changed
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return changed


WHOLE = a_whole_record()
PLACES = sorted(places(WHOLE), key=str)
ODD = st.sampled_from(
    [None, True, 0, -1, 10**30, 1.5, CANARY, [], {}, [CANARY], {CANARY: CANARY}, [None], {"reference": CANARY}]
)


@given(path=st.sampled_from(PLACES), value=ODD)
def test_anything_in_any_place_is_predicted_or_refused_and_never_repeated_in_an_error(client, path, value):
    answered = send(client, put(WHOLE, path, value))
    assert answered.status_code in (200, 422), answered.text
    assert answered.headers["content-type"] == FHIR_JSON
    if answered.status_code != 200:
        assert CANARY not in answered.text


@given(body=st.binary(max_size=300))
def test_any_bytes_are_answered_with_an_operation_outcome(client, body):
    answered = send(client, body)
    assert answered.status_code in (400, 422)
    assert answered.json()["resourceType"] == "OperationOutcome"


def test_no_value_of_a_record_is_in_a_log(client, caplog, capfd):
    wrong = deepcopy(WHOLE)
    for entry in wrong["entry"]:
        entry["resource"]["id"] = CANARY
        entry["resource"]["note"] = [{"text": CANARY}]
    assert send(client, wrong).status_code == 422
    wrong["entry"][0]["resource"]["id"] = "p1"
    assert send(client, wrong).status_code == 200
    assert CANARY not in caplog.text
    output = capfd.readouterr()
    assert CANARY not in output.out + output.err
