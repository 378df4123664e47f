"""What is refused, with which status, and what the refusal says. It never says what was sent."""

import asyncio
import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acrcast_service.app import create_app
from acrcast_service.settings import Settings

CANARY = "Zz81734"


def problem_of(response, status, kind):
    """The body of a problem, after checking what every problem has."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == f"/problems/{kind}"
    assert problem["status"] == status
    assert problem["title"]
    return problem


def message_about(field, response):
    problem = problem_of(response, 422, "invalid-input")
    (message,) = [error["message"] for error in problem["errors"] if error["field"] == field]
    return message


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("age_years", "54", "expected a number from 18 to 100 years"),
        ("age_years", True, "expected a number from 18 to 100 years"),
        ("age_years", 17.99, "expected a number from 18 to 100 years"),
        ("age_years", None, "expected a number from 18 to 100 years"),
        ("age_years", [54], "expected a number from 18 to 100 years"),
        ("age_years", {"value": 54}, "expected a number from 18 to 100 years"),
        ("tender_joint_count_28", 29, "expected a whole number from 0 to 28 joints"),
        ("tender_joint_count_28", 14.0, "expected a whole number from 0 to 28 joints"),
        ("tender_joint_count_28", -1, "expected a whole number from 0 to 28 joints"),
        ("sex", "Female", "expected one of female, male"),
        ("sex", 1, "expected one of female, male"),
        ("rf_positive", 1, "expected true or false, or null when it is not known"),
        ("rf_positive", "true", "expected true or false, or null when it is not known"),
        ("haq_di", 3.01, "expected a number from 0 to 3, or null when it is not known"),
        ("treg_gating", 5, "expected the assay's name, or null when it is not known"),
        ("treg_gating", "x" * 81, "expected the assay's name, or null when it is not known"),
    ],
)
def test_a_value_that_is_not_valid_is_refused_with_what_was_expected(client, a_patient, field, value, expected):
    assert message_about(field, client.predict(a_patient(**{field: value}))) == expected


@pytest.mark.parametrize("value", ["18", "100", "54", "54.0", "5.4e1"])
def test_both_ends_of_a_range_and_any_way_to_write_a_number_are_accepted(client, a_patient, value):
    body = json.dumps(a_patient()).replace('"age_years": 54', f'"age_years": {value}')
    assert client.predict(body.encode()).status_code == 200


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
def test_a_number_that_is_not_finite_is_refused(client, a_patient, value):
    body = json.dumps(a_patient()).replace('"crp_mg_per_l": 22.0', f'"crp_mg_per_l": {value}')
    assert message_about("crp_mg_per_l", client.predict(body.encode())).startswith("expected a number from 0 to 500")


@pytest.mark.parametrize(
    "value",
    [
        {"comparator": "<", "value": 0},
        {"comparator": ">", "value": 3.9},
        {"comparator": "<"},
        {"comparator": "<", "value": "3.9"},
        {"comparator": "<", "value": 3.9, "assay": "ELISA"},
        "<3.9",
    ],
)
def test_a_limit_of_detection_must_be_written_as_one(client, a_patient, value):
    message = message_about("il21_pg_per_ml", client.predict(a_patient(il21_pg_per_ml=value)))
    assert message == (
        'expected a number from 0 to 20000 pg/mL, or {"comparator": "<", "value": limit} below the limit of detection, '
        "or null when it is not known"
    )


def test_a_measure_without_a_limit_of_detection_takes_none(client, a_patient):
    response = client.predict(a_patient(crp_mg_per_l={"comparator": "<", "value": 3.9}))
    assert message_about("crp_mg_per_l", response).startswith("expected a number from 0 to 500 mg/L")


def test_required_fields_that_are_missing_are_all_named(client):
    problem = problem_of(client.predict({}), 422, "invalid-input")
    assert [error["field"] for error in problem["errors"]] == [
        "age_years",
        "sex",
        "tender_joint_count_28",
        "swollen_joint_count_28",
    ]
    assert problem["errors"][1]["message"] == "required: one of female, male"


def test_an_unknown_field_is_refused_and_the_one_that_was_meant_is_named(client, a_patient):
    message = message_about("crp_mg_l", client.predict(a_patient(crp_mg_l=22)))
    assert message == "an unknown field; did you mean crp_mg_per_l? GET /model lists the fields"


@pytest.mark.parametrize("name", [CANARY, "Jane Doe", "1950-01-01", "", "é", "a" * 41, "__class__", "12345678"])
def test_an_unknown_name_that_is_not_written_like_a_field_is_not_repeated(client, a_patient, name):
    response = client.predict(a_patient(**{name: 1}))
    assert message_about("", response) == "an unknown field; GET /model lists the fields"
    if name:
        assert name not in response.text


def test_very_many_unknown_fields_are_counted_and_not_all_described(client, a_patient):
    problem = client.predict(a_patient(**{f"field_{i}": i for i in range(1000)})).json()
    assert len(problem["errors"]) == 21
    assert problem["errors"][-1]["message"] == "980 further unknown fields"


@pytest.mark.parametrize(
    ("twice", "field"),
    [
        (b'{"age_years": 60, ', "age_years"),
        (b'{"age\\u005fyears": 60, ', "age_years"),
        (b'{"age_years": 54, ', "age_years"),
        (b'{"rf_positive": null, "il21_assay": "a:b", ', "rf_positive"),
    ],
)
def test_a_name_given_twice_is_refused(client, a_patient, twice, field):
    body = json.dumps(a_patient()).encode().replace(b"{", twice, 1)
    assert message_about(field, client.predict(body)) == "given more than once"


def test_a_name_given_twice_in_an_inner_object_is_refused(client, a_patient):
    inner = '{"comparator": "<", "value": 2, "value": 3.9}'
    body = json.dumps(a_patient()).replace('"il21_pg_per_ml": 85.0', f'"il21_pg_per_ml": {inner}')
    assert message_about("value", client.predict(body.encode())) == "given more than once"


@pytest.mark.parametrize("body", [b"null", b"[]", b'"x"', b"1", b"true", b"NaN", b'[{"age_years": 54}]'])
def test_json_that_is_not_an_object_is_refused(client, body):
    assert (
        message_about("", client.predict(body))
        == "expected a JSON object with the patient's fields; GET /model lists them"
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"age_years": 54,}',
        b"{'age_years': 54}",
        b'{"age_years": 054}',
        b'{"age_years": 54} {"age_years": 54}',
        b'{"age_years": \xff}',
        b'{"il21_assay": "\xff"}',
        b'{"il21_assay": "\\ud800"}',
        b"\xef\xbb\xbf{}",
        '{"age_years": 54}'.encode("utf-16"),
        b"age_years=54",
        b"[" * 500 + b"]" * 500,
        b'{"a":' * 500 + b"1" + b"}" * 500,
        b'{"age_years": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_body_that_is_not_json_is_refused_with_the_place(client, body):
    problem = problem_of(client.predict(body), 400, "malformed-json")
    assert " at line " in problem["detail"]
    assert "errors" not in problem


def test_a_body_of_the_limit_is_read_and_one_byte_more_is_not(client, a_patient):
    body = json.dumps(a_patient()).encode()
    assert client.predict(body.ljust(65_536)).status_code == 200
    problem = problem_of(client.predict(body.ljust(65_537)), 413, "too-large")
    assert problem["detail"] == "this server reads at most 65536 bytes"


def test_a_body_without_a_declared_length_is_cut_off_at_the_limit(serving, model):
    client = serving(create_app(Settings(body_limit_bytes=1000), model))
    sent = 0

    async def endless():
        nonlocal sent
        while True:
            sent += 100
            yield b" " * 100

    problem_of(client.predict_stream(endless()), 413, "too-large")
    assert sent <= 1200


def test_a_body_in_pieces_is_put_together(client, a_patient):
    async def pieces():
        for byte in json.dumps(a_patient()).encode():
            yield bytes([byte])

    assert client.predict_stream(pieces()).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "application/jsonl"],
)
def test_another_content_type_is_refused(client, a_patient, content_type):
    response = client.predict(a_patient(), **{"content-type": content_type})
    problem_of(response, 415, "unsupported-media-type")


def test_a_missing_content_type_is_refused(client):
    problem_of(client.request("POST", "/predict", content=b"{}"), 415, "unsupported-media-type")


def test_a_compressed_body_is_refused(client, a_patient):
    problem_of(client.predict(a_patient(), **{"content-encoding": "gzip"}), 415, "unsupported-media-type")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "BREW"])
def test_another_method_is_refused_with_those_that_are_allowed(client, method):
    response = client.request(method, "/predict")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/nowhere", "/predict/", "/predict/x", "/docs/assets/index.html", "/docs/assets/..%2f__init__.py"]
)
def test_an_unknown_address_is_refused(client, path):
    problem_of(client.request("GET", path), 404, "not-found")


def test_a_connection_that_closes_early_is_no_failure_of_the_server(model, caplog):
    """Straight to the application: the client that goes away cannot read the answer."""
    answered = []

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        answered.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/predict",
        "raw_path": b"/predict",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    app = create_app(Settings(), model)

    async def ask():
        async with app.router.lifespan_context(app):
            await app(scope, receive, send)

    asyncio.run(ask())
    assert answered[0]["status"] == 400
    assert caplog.records == []


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(CANARY),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9) | st.just(CANARY), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(body=st.binary(max_size=400))
def test_any_bytes_are_answered_with_a_problem(client, body):
    assert client.predict(body).status_code in (400, 422)


@given(data=st.data())
def test_a_patient_with_anything_in_any_field_is_predicted_or_refused_and_never_repeated(client, a_patient, data):
    names = st.sampled_from(sorted(a_patient())) | st.text(max_size=12) | st.just(CANARY)
    changed = data.draw(st.dictionaries(names, values, max_size=4))
    response = client.predict(a_patient(**changed))
    assert response.status_code in (200, 400, 422)
    if response.status_code != 200:
        assert response.headers["content-type"] == "application/problem+json"
        assert CANARY not in response.text


@given(data=st.data())
def test_a_body_with_bytes_changed_is_predicted_or_refused(client, a_patient, data):
    body = bytearray(json.dumps(a_patient(il21_assay=CANARY)).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    response = client.predict(bytes(body))
    assert response.status_code in (200, 400, 422)
    assert CANARY not in response.text


def test_a_value_of_each_field_that_is_refused_is_in_no_answer(client, a_patient):
    for field in a_patient():
        for value in (CANARY * 20, [CANARY], {CANARY: CANARY}, {"comparator": CANARY, "value": CANARY}, 8173481734):
            response: httpx.Response = client.predict(a_patient(**{field: value}))
            assert response.status_code == 422
            assert CANARY not in response.text
            assert "81734" not in response.text
