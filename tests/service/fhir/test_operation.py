"""`POST /fhir/$predict-acr-response`: what comes out, what it rests on, and that it is recorded."""

import asyncio
import json
import re
from uuid import UUID

import pytest

from acrcast_service.app import create_app
from acrcast_service.audit.export import exported
from acrcast_service.audit.opening import open_chain
from acrcast_service.model_store import load_model
from acrcast_service.settings import Settings

from .conftest import (
    NOW,
    TODAY,
    UCUM,
    a_bundle,
    a_condition,
    a_person,
    a_record,
    a_statement,
    an_observation,
    joint_counts,
    on,
    parameters,
    plain,
    quantity,
)

PATH = "/fhir/$predict-acr-response"
FHIR_JSON = "application/fhir+json"


@pytest.fixture(scope="module")
def ask(client):
    """Sends a resource to the operation, by the client that is given or the one of all tests."""

    def asked(resource, client=client, **headers):
        content = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
        return client.request("POST", PATH, content=content, headers={"content-type": FHIR_JSON} | headers)

    return asked


@pytest.fixture(scope="module")
def assessment(ask):
    """What a resource is answered with, when it is."""

    def of(resource, **headers):
        answered = ask(resource, **headers)
        assert answered.status_code == 200, answered.text
        assert answered.headers["content-type"] == FHIR_JSON
        return answered.json()

    return of


def a_whole_record(*more):
    return a_bundle(*on(TODAY, a_record()), *more)


def required(**more):
    return plain(age_years=54, sex="female", tender_joint_count_28=14, swollen_joint_count_28=9, **more)


def notes(answer):
    return [note["text"] for note in answer["note"]]


def used(answer):
    (text,) = [note for note in notes(answer) if note.startswith("What was used. ")]
    return text


def test_a_record_is_answered_with_the_numbers_of_predict_as_percentages(assessment, client, a_patient):
    born = NOW.replace(year=NOW.year - 54, day=1).isoformat()
    resources = [one | ({"birthDate": born} if one["resourceType"] == "Patient" else {}) for one in a_record()]
    years = plain(disease_duration_years=4.5, il21_assay="ELISA")
    years["part"][1] = {"name": "il21_assay", "valueString": "ELISA"}
    answer = assessment(parameters({"name": "record", "resource": a_bundle(*on(TODAY, resources))}, years))
    flat = client.predict(a_patient()).json()
    treated, treated_interval, control, control_interval = answer["prediction"]
    assert treated["probabilityDecimal"] == pytest.approx(100 * flat["treated"]["probability"], abs=1e-9)
    assert control["probabilityDecimal"] == pytest.approx(100 * flat["control"]["probability"], abs=1e-9)
    for sent, arm in ((treated_interval, flat["treated"]), (control_interval, flat["control"])):
        ends = [sent["probabilityRange"][end] for end in ("low", "high")]
        assert [end["value"] for end in ends] == pytest.approx([100 * end for end in arm["interval"]], abs=1e-9)
        assert {(end["system"], end["code"], end["unit"]) for end in ends} == {(UCUM, "%", "%")}
        assert "probabilityDecimal" not in sent


def test_a_bundle_and_parameters_with_the_same_resources_get_the_same_prediction(assessment):
    resources = on(TODAY, a_record())
    names = {"Patient": "patient", "Condition": "condition", "MedicationStatement": "medication"}
    one_by_one = [{"name": names.get(one["resourceType"], "observation"), "resource": one} for one in resources]
    in_one = {"name": "record", "resource": a_bundle(*resources)}
    answers = [assessment(sent) for sent in (a_bundle(*resources), parameters(*one_by_one), parameters(in_one))]
    assert answers[0]["prediction"] == answers[1]["prediction"] == answers[2]["prediction"]
    assert answers[0]["basis"] == answers[1]["basis"]
    assert {answer["subject"]["reference"] for answer in answers} == {"Patient/p1"}


def test_the_answer_says_what_it_is_of_whom_by_which_model(assessment, client, a_patient):
    answer = assessment(a_whole_record())
    model = client.predict(a_patient()).json()["model"]
    assert answer["resourceType"] == "RiskAssessment"
    assert answer["status"] == "preliminary"
    assert answer["subject"] == {"reference": "Patient/p1"}
    assert answer["code"] == {"text": "ACR20 at week 24"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", answer["occurrenceDateTime"])
    assert answer["identifier"] == [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{UUID(answer['id'])}"}]
    assert answer["performer"]["reference"] == "#model"
    (device,) = answer["contained"]
    assert (device["resourceType"], device["id"]) == ("Device", "model")
    assert device["deviceName"] == [{"name": model["name"], "type": "model-name"}]
    assert device["version"] == [{"value": model["version"]}]
    assert device["identifier"][0]["value"] == model["digest"]
    outcomes = [prediction["outcome"] for prediction in answer["prediction"]]
    assert outcomes[0] == {
        "coding": [
            {
                "system": "https://acrcast.example/arms/ld-il2-ra",
                "code": "ld-il2+mtx",
                "display": "Low-dose IL-2 with methotrexate",
            }
        ],
        "text": "ACR20 at week 24, on Low-dose IL-2 with methotrexate (ld-il2+mtx)",
    }
    assert [outcome["coding"][0]["code"] for outcome in outcomes] == ["ld-il2+mtx"] * 2 + ["placebo+mtx"] * 2


def test_the_basis_is_each_resource_that_was_used(assessment):
    basis = assessment(a_whole_record())["basis"]
    assert {"reference": "Observation/o-4537-7", "display": "ESR"} in basis
    assert {"reference": "Observation/o-treg-percent-of-cd4", "display": "Treg frequency, Treg gating"} in basis
    assert {"reference": "Condition/c1", "display": "Disease duration"} in basis
    assert {"reference": "MedicationStatement/m1", "display": "Methotrexate dose"} in basis
    assert not any(part.get("reference", "").startswith("Patient") for part in basis)


def test_a_resource_without_a_name_is_in_the_basis_by_what_it_is_of(assessment):
    unnamed = [{k: v for k, v in one.items() if k != "id"} for one in on(TODAY, [a_person(), *joint_counts()])]
    unnamed = [one | ({"subject": {"reference": "urn:uuid:1"}} if "subject" in one else {}) for one in unnamed]
    bundle = a_bundle(*unnamed)
    bundle["entry"][0]["fullUrl"] = "urn:uuid:1"
    assert assessment(bundle)["basis"] == [{"display": "Tender joint count (28), Swollen joint count (28)"}]


def test_the_benefit_is_an_extension_and_a_sentence(assessment):
    answer = assessment(a_whole_record())
    (benefit,) = answer["extension"]
    assert benefit["url"] == "https://acrcast.example/fhir/StructureDefinition/benefit"
    difference, interval, positive = benefit["extension"]
    treated, _, control, _ = (one.get("probabilityDecimal") for one in answer["prediction"])
    assert difference["valueQuantity"]["value"] == pytest.approx(treated - control, abs=2e-4)
    low, high = (interval["valueRange"][end]["value"] for end in ("low", "high"))
    assert low < difference["valueQuantity"]["value"] < high
    assert 0 <= positive["valueQuantity"]["value"] <= 100
    (sentence,) = [note for note in notes(answer) if note.startswith("Difference, ld-il2+mtx less placebo+mtx: ")]
    assert "percentage points, 95 % interval" in sentence


def test_the_notes_say_what_it_is_for_what_was_used_missing_and_left_out(assessment):
    resources = [
        *on(TODAY, [a_person(), *joint_counts()]),
        an_observation("4537-7", quantity(48, "mm/h"), "2020-01-01"),
    ]
    hs_crp = an_observation("30522-7", quantity(2.2, "mg/L"), TODAY)
    answer = assessment(a_bundle(*resources, hs_crp))
    texts = notes(answer)
    assert texts[0].startswith("Research use only: not a medical device")
    assert texts[1].startswith("Trained on simulated patients")
    assert "CRP" in next(text for text in texts if text.startswith("Not known, and averaged over: "))
    assert "Tender joint count (28) 14 joints (Observation/o-88981-6, " in used(answer)
    assert "Left out, because it is, or may be, more than 180 days old: Observation/o-4537-7." in texts
    assert "Left out, because none of its codes is of a measure of this study: Observation/o-30522-7." in texts
    assert f"This prediction is {answer['id']}." in texts
    assert "1971" not in json.dumps(answer)


def test_what_was_converted_is_said(assessment):
    assert "CRP 22 mg/L (Observation/o-1988-5, " in used(assessment(a_whole_record()))
    assert "sent as 2.2 mg/dL, converted to 22 mg/L" in used(assessment(a_whole_record()))


def test_of_many_that_were_left_out_some_are_named(assessment):
    old = [an_observation("4537-7", quantity(48, "mm/h"), "2020-01-01", id=f"e{i}") for i in range(25)]
    (text,) = [note for note in notes(assessment(a_whole_record(*old))) if "180 days old" in note]
    assert text.endswith("Observation/e9 and 15 more.")


def test_plain_values_go_before_what_the_resources_say(assessment):
    record = {"name": "record", "resource": a_whole_record()}
    answer = assessment(parameters(record, plain(crp_mg_per_l=quantity(3.1, "mg/dL"), esr_mm_per_h=50)))
    assert "CRP, given as it is; ESR, given as it is." in used(answer)
    assert "Observation/o-1988-5" not in json.dumps(answer["basis"])
    bare = assessment(parameters(record, plain(crp_mg_per_l=31.0, esr_mm_per_h=50.0)))
    assert answer["prediction"] == bare["prediction"]


def test_a_plain_value_helps_where_the_record_cannot_be_read(ask, assessment):
    drug = a_statement()
    wrong = [an_observation("1988-5", quantity(2.2, "mg"), TODAY), a_person(gender="f"), drug]
    record = {"name": "record", "resource": a_bundle(*wrong, *on(TODAY, joint_counts()))}
    assert ask(parameters(record)).status_code == 422
    answer = assessment(parameters(record, plain(crp_mg_per_l=22.0, sex="female", methotrexate_mg_per_week=15.0)))
    assert "Methotrexate dose, given as it is" in used(answer)
    assert "Left out, because its measure was given as a plain value: Observation/o-1988-5." in notes(answer)


CRP_LIMIT = "CRP counts as not known: its newest result is a limit (a comparator such as <) and no number."


def test_a_crp_below_a_limit_is_a_caution_of_the_answer_and_no_obstacle(assessment):
    below = an_observation("1988-5", quantity(5, "mg/L", comparator="<"), TODAY)
    answer = assessment(
        parameters({"name": "record", "resource": a_bundle(a_person(), below, *on(TODAY, joint_counts()))})
    )
    assert CRP_LIMIT in notes(answer)
    (missing,) = [note for note in notes(answer) if note.startswith("Not known, and averaged over: ")]
    assert "CRP" in missing


def test_a_required_measure_below_a_limit_is_refused_in_the_same_words(ask):
    counts = joint_counts()
    counts[0]["valueQuantity"] = counts[0]["valueQuantity"] | {"comparator": "<"}
    answer = ask(parameters({"name": "record", "resource": a_bundle(a_person(), *on(TODAY, counts))}))
    assert answer.status_code == 422
    (told,) = [issue["diagnostics"] for issue in answer.json()["issue"]]
    assert "its newest result is a limit (a comparator such as <) and no number" in told


def test_plain_values_alone_are_a_patient_that_nothing_names(assessment, client, a_patient):
    answer = assessment(parameters(required(rf_positive=True, il21_pg_per_ml=quantity(4, "pg/mL", comparator="<"))))
    assert answer["subject"] == {"display": "The patient of the request"}
    assert "basis" not in answer
    four = ("age_years", "sex", "tender_joint_count_28", "swollen_joint_count_28", "rf_positive")
    flat = {name: a_patient()[name] for name in four} | {"il21_pg_per_ml": {"comparator": "<", "value": 4}}
    assert answer["prediction"][0]["probabilityDecimal"] == pytest.approx(
        100 * client.predict(flat).json()["treated"]["probability"], abs=1e-9
    )


def test_a_parameter_may_say_who_the_patient_is(assessment):
    subject = {"name": "subject", "valueReference": {"reference": "Patient/17"}}
    assert assessment(parameters(required(), subject))["subject"] == {"reference": "Patient/17"}


def test_the_time_of_the_prediction_may_be_in_the_past_and_nothing_later_is_used(assessment):
    before = an_observation("4537-7", quantity(48, "mm/h"), "2024-02-01", id="before")
    after = an_observation("4537-7", quantity(20, "mm/h"), "2024-06-01", id="after")
    record = {"name": "record", "resource": a_bundle(*on("2024-02-01", [a_person(), *joint_counts()]), before, after)}
    at = {"name": "at", "valueDateTime": "2024-03-01T09:00:00+01:00"}
    answer = assessment(parameters(record, at))
    assert answer["occurrenceDateTime"] == "2024-03-01T09:00:00+01:00"
    assert "Age 52 years" in used(answer)
    assert "ESR 48 mm/h (Observation/before, 2024-02-01)" in used(answer)
    assert "Left out, because it is later than the prediction: Observation/after." in notes(answer)


def test_nothing_in_an_answer_is_empty(assessment):
    def parts(value):
        yield value
        if isinstance(value, dict | list):
            for part in value.values() if isinstance(value, dict) else value:
                yield from parts(part)

    for sent in (a_whole_record(), parameters(required())):
        for part in parts(assessment(sent)):
            assert part not in (None, "", [], {})


def test_the_capability_statement_names_the_operation_where_its_definition_is(serving, model):
    client = serving(create_app(Settings(public_url="https://acrcast.hospital.test/a"), model))
    statement = client.get("/fhir/metadata").json()
    (operation,) = statement["rest"][0]["operation"]
    assert operation["name"] == "predict-acr-response"
    definition = client.get("/fhir/OperationDefinition/predict-acr-response").json()
    assert operation["definition"] == definition["url"]
    assert definition["url"] == "https://acrcast.hospital.test/a/fhir/OperationDefinition/predict-acr-response"
    assert statement["fhirVersion"] == "4.0.1"


def test_the_definition_has_each_field_of_the_study_with_its_type(client):
    definition = client.get("/fhir/OperationDefinition/predict-acr-response").json()
    by_name = {one["name"]: one for one in definition["parameter"]}
    assert list(by_name) == [
        *("patient", "observation", "condition", "medication", "record", "subject", "at", "patient-values", "return")
    ]
    types = {part["name"]: part["type"] for part in by_name["patient-values"]["part"]}
    assert len(types) == 19
    assert (types["crp_mg_per_l"], types["sex"], types["rf_positive"]) == ("Quantity", "code", "boolean")


def test_the_example_of_the_openapi_document_is_answered(client, assessment):
    document = client.get("/openapi.json").json()
    operation = document["paths"][PATH]["post"]
    assert assessment(operation["requestBody"]["content"][FHIR_JSON]["example"])["resourceType"] == "RiskAssessment"
    refused = operation["responses"]["422"]["content"]
    assert refused[FHIR_JSON]["schema"] == {"$ref": "#/components/schemas/OperationOutcome"}
    assert list(refused) == [FHIR_JSON]


def test_a_study_of_one_arm_has_one_and_no_benefit(serving, one_arm_folder, own_study):
    settings = Settings(model=str(one_arm_folder), study=str(own_study))
    client = serving(create_app(settings, load_model(settings)))
    sent = parameters(plain(age_years=60, stage="II"))
    headers = {"content-type": FHIR_JSON}
    answer = client.request("POST", PATH, content=json.dumps(sent).encode(), headers=headers).json()
    assert [one["outcome"]["coding"][0]["code"] for one in answer["prediction"]] == ["drug", "drug"]
    assert "extension" not in answer


@pytest.fixture
def recorded(tmp_path, serving, model):
    """A client of a server with an audit of its own, and the lines of that audit."""
    settings = Settings(state=tmp_path)
    client = serving(create_app(settings, model))

    def lines():
        chain = open_chain(settings, may_make=False)
        try:
            return [json.loads(line) for line in exported(chain)]
        finally:
            chain.engine.dispose()

    return client, lines


def test_a_prediction_is_recorded_like_any_other_with_what_came_in_and_what_went_out(ask, recorded):
    client, lines = recorded
    body = json.dumps(a_whole_record()).encode()
    answered = ask(body, client)
    (line,) = lines()
    assert line["kind"] == "prediction"
    assert line["record_id"] == answered.json()["id"]
    assert line["inputs"]["crp_mg_per_l"] == 22.0
    assert line["answer"]["prediction_id"] == line["record_id"]
    assert 100 * line["answer"]["treated"]["probability"] == pytest.approx(
        answered.json()["prediction"][0]["probabilityDecimal"]
    )
    assert line["answer"]["fhir"] == {"request": body.decode(), "answer": answered.text}


def test_the_subject_of_the_record_is_the_patient_unless_a_header_names_another(ask, recorded):
    client, lines = recorded
    for headers in ({}, {}, {"subject-reference": "Patient/p1"}, {"subject-reference": "pseudonym 7"}):
        assert ask(a_whole_record(), client, **headers).status_code == 200
    first, second, third, fourth = (line["subject"] for line in lines())
    assert first == second == third != fourth


def test_a_request_that_is_sent_again_gets_the_same_bytes_and_is_recorded_once(ask, recorded):
    client, lines = recorded
    first, again = (ask(a_whole_record(), client, **{"idempotency-key": "17"}) for _ in range(2))
    assert first.status_code == 200
    assert first.content == again.content
    assert len(lines()) == 1
    other = ask(a_bundle(*on(TODAY, [a_person(), *joint_counts(tender=2)])), client, **{"idempotency-key": "17"})
    assert other.status_code == 422
    assert other.json()["issue"][0]["details"]["coding"][0]["code"] == "idempotency-key-reused"


def test_what_is_refused_is_not_recorded(ask, recorded):
    client, lines = recorded
    assert ask(a_bundle(), client).status_code == 422
    assert lines() == []


def test_requests_at_the_same_time_get_their_own_answers(serving, model):
    client = serving(create_app(Settings(), model))
    bodies = [json.dumps(parameters(required(pain_mm=float(pain)))).encode() for pain in range(0, 100, 5)]

    async def all_at_once():
        send = [client._http.post(PATH, content=body, headers={"content-type": FHIR_JSON}) for body in bodies]
        return await asyncio.gather(*send)

    together = [answer.json()["prediction"] for answer in client._runner.run(all_at_once())]
    assert together == [
        client.request("POST", PATH, content=body, headers={"content-type": FHIR_JSON}).json()["prediction"]
        for body in bodies
    ]


def test_a_disease_and_a_drug_of_no_use_are_left_out_of_a_record(assessment):
    others = (a_condition(id="c2", code={"text": "gout"}), a_statement(id="m2", status="stopped"))
    assert assessment(a_whole_record(*others))["status"] == "preliminary"
