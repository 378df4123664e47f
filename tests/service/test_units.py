"""A value with its unit, in place of a bare number in the field's own."""

import json

import pytest

from .test_strict_input import message_about, problem_of

CRP_UNITS = "expected the unit mg/L or mg/dL or ug/mL"


def same_answer(client, one, other):
    first, second = (client.predict(patient).json() for patient in (one, other))
    return first | {"prediction_id": ""} == second | {"prediction_id": ""}


@pytest.mark.parametrize(
    ("field", "bare", "with_unit"),
    [
        ("crp_mg_per_l", 31.0, {"value": 3.1, "unit": "mg/dL"}),
        ("crp_mg_per_l", 31.0, {"unit": "mg/dl", "value": 3.1}),
        ("crp_mg_per_l", 31.0, {"value": 31, "unit": "mg/L"}),
        ("il21_pg_per_ml", 85.0, {"value": 0.085, "unit": "ng/mL"}),
        ("pain_mm", 68, {"value": 6.8, "unit": "cm"}),
        ("tender_joint_count_28", 14, {"value": 14, "unit": "joints"}),
        ("age_years", 54, {"value": 54, "unit": "years"}),
        (
            "il21_pg_per_ml",
            {"comparator": "<", "value": 500.0},
            {"comparator": "<", "value": 0.5, "unit": "ng/mL"},
        ),
    ],
)
def test_a_value_with_its_unit_is_the_same_as_one_in_the_fields_own(client, a_patient, field, bare, with_unit):
    assert same_answer(client, a_patient(**{field: bare}), a_patient(**{field: with_unit}))


@pytest.mark.parametrize("unit", ["MG/L", "mg", "mmol/L", "", "mg/L ", None, 7, ["mg/L"]])
def test_an_unknown_unit_is_refused_with_those_that_are_taken(client, a_patient, unit):
    refused = client.predict(a_patient(crp_mg_per_l={"value": 3.1, "unit": unit}))
    assert message_about("crp_mg_per_l", refused) == CRP_UNITS
    assert "3.1" not in refused.text


def test_the_range_is_checked_after_the_conversion(client, a_patient):
    assert client.predict(a_patient(crp_mg_per_l={"value": 50, "unit": "mg/dL"})).status_code == 200
    refused = client.predict(a_patient(crp_mg_per_l={"value": 51, "unit": "mg/dL"}))
    assert (
        message_about("crp_mg_per_l", refused) == "expected a number from 0 to 500 mg/L, or null when it is not known"
    )


@pytest.mark.parametrize("value", ["3.1", True, None, [3.1], {"value": 3.1}])
def test_with_a_unit_a_number_is_still_a_number(client, a_patient, value):
    refused = client.predict(a_patient(crp_mg_per_l={"value": value, "unit": "mg/dL"}))
    assert message_about("crp_mg_per_l", refused) == 'expected {"value": a number, "unit": its unit}'


@pytest.mark.parametrize("text", [b"1e308", b"9" * 308])
def test_a_number_that_no_double_holds_after_the_conversion_is_refused(client, a_patient, text):
    body = json.dumps(a_patient(crp_mg_per_l=None)).encode()
    sent = body.replace(b'"crp_mg_per_l": null', b'"crp_mg_per_l": {"value": ' + text + b', "unit": "mg/dL"}')
    assert message_about("crp_mg_per_l", client.predict(sent)).startswith("expected a number from 0 to 500 mg/L")


@pytest.mark.parametrize("text", [b"NaN", b"1e400", b"-Infinity"])
def test_what_is_no_number_of_json_is_not_read(client, a_patient, text):
    body = json.dumps(a_patient(crp_mg_per_l=None)).encode()
    sent = body.replace(b'"crp_mg_per_l": null', b'"crp_mg_per_l": {"value": ' + text + b', "unit": "mg/dL"}')
    assert client.predict(sent).status_code in (400, 422)


def test_members_beside_value_and_unit_are_refused(client, a_patient):
    sent = {"value": 3.1, "unit": "mg/dL", "system": "http://unitsofmeasure.org"}
    refused = client.predict(a_patient(crp_mg_per_l=sent))
    assert message_about("crp_mg_per_l", refused) == 'expected {"value": a number, "unit": its unit}'


def test_a_limit_of_detection_with_a_unit_is_refused_where_there_is_none(client, a_patient):
    refused = client.predict(a_patient(crp_mg_per_l={"comparator": "<", "value": 5, "unit": "mg/L"}))
    assert message_about("crp_mg_per_l", refused).startswith("expected a number from 0 to 500 mg/L")


@pytest.mark.parametrize("field", ["rf_positive", "sex", "il21_assay"])
def test_what_has_no_unit_takes_none(client, a_patient, field):
    refused = client.predict(a_patient(**{field: {"value": 1, "unit": "mg/L"}}))
    assert message_about(field, refused) == "this field has no unit"


def test_problems_of_units_stand_beside_the_others(client, a_patient):
    wrong = a_patient(crp_mg_per_l={"value": 3.1, "unit": "mg"}, age_years=7, esr=48)
    problem = problem_of(client.predict(wrong), 422, "invalid-input")
    assert [error["field"] for error in problem["errors"]] == ["crp_mg_per_l", "age_years", "esr"]


def test_a_repeated_name_is_refused_also_beside_a_unit(client, a_patient):
    body = json.dumps(a_patient(crp_mg_per_l={"value": 3.1, "unit": "mg/dL"})).encode()
    for once, twice in (
        (b'"value": 3.1', b'"value": 3.1, "value": 4'),
        (b'"pain_mm": 68', b'"pain_mm": 68, "pain_mm": 9'),
    ):
        problem = problem_of(client.predict(body.replace(once, twice)), 422, "invalid-input")
        assert [error["message"] for error in problem["errors"]] == ["given more than once"]


def test_rows_and_columns_of_a_batch_take_units_too(client, a_patient):
    with_unit = a_patient(crp_mg_per_l={"value": 3.1, "unit": "mg/dL"})
    rows = {"patients": [a_patient(crp_mg_per_l=31.0), with_unit, a_patient(crp_mg_per_l={"value": 3.1, "unit": "mg"})]}
    columns = {"columns": {name: [row[name] for row in rows["patients"]] for name in with_unit}}
    headers = {"content-type": "application/json"}
    answered = client.request("POST", "/predict/batch", content=json.dumps(rows), headers=headers).json()
    bare, converted, refused = answered["predictions"]
    assert bare["treated"] == converted["treated"]
    assert refused["errors"] == [{"field": "crp_mg_per_l", "message": CRP_UNITS}]
    answered = client.request("POST", "/predict/batch", content=json.dumps(columns), headers=headers).json()
    assert answered["columns"]["treated_probability"][:2] == [bare["treated"]["probability"]] * 2
    assert answered["columns"]["treated_probability"][2] is None


def test_the_openapi_document_lists_the_units_of_a_field(client):
    patient = client.get("/openapi.json").json()["components"]["schemas"]["Patient"]["properties"]
    units = [
        option["properties"]["unit"]["enum"] for option in patient["crp_mg_per_l"]["anyOf"] if "properties" in option
    ]
    assert units == [["mg/L", "mg/dL", "ug/mL", "mg/l", "mg/dl", "ug/ml"]]
    limited = [option["required"] for option in patient["il21_pg_per_ml"]["anyOf"] if "properties" in option]
    assert limited == [["value", "unit"], ["comparator", "value", "unit"]]
    assert "anyOf" not in patient["sex"]
