"""What the server says of itself: the model, its card, the OpenAPI document, the pages, health."""

import html
import json
import re
from dataclasses import replace
from urllib.parse import urljoin

import pytest
from fastapi.openapi.models import OpenAPI

from acrcast.answer import predict_patients
from acrcast.contract import Covariates
from acrcast.studies import load_study
from acrcast_service.answers import written
from acrcast_service.app import create_app
from acrcast_service.model_store import load_model
from acrcast_service.settings import Settings


@pytest.fixture(scope="session")
def document(client):
    return client.get("/openapi.json").json()


@pytest.fixture(scope="session")
def patient_schema(document):
    return document["components"]["schemas"]["Patient"]


def _leaves(schema):
    return [schema, *schema.get("anyOf", [])]


def test_the_openapi_document_is_a_valid_one_of_version_3_1(document):
    assert document["openapi"].startswith("3.1")
    OpenAPI.model_validate(document)


def test_every_reference_in_the_openapi_document_leads_somewhere(document):
    references = set(re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(document)))
    assert {"Patient", "Prediction", "ProblemBody", "ModelIdentity", "Undetectable"} <= references
    assert references <= document["components"]["schemas"].keys()


def test_the_schema_of_a_patient_has_every_field_with_label_unit_range_and_example(patient_schema):
    contract = load_study("ld-il2-ra").contract
    assert list(patient_schema["properties"]) == [field.name for field in contract]
    for field in contract:
        schema = patient_schema["properties"][field.name]
        assert schema["title"] == field.measure.label
        assert schema.get("x-unit", "") == field.measure.unit
        assert [leaf["minimum"] for leaf in _leaves(schema) if "minimum" in leaf] == (
            [] if field.low is None else [field.low]
        )
        assert [leaf["maximum"] for leaf in _leaves(schema) if "maximum" in leaf] == (
            [] if field.high is None else [field.high]
        )
        assert len(schema["examples"]) == 1
        assert field.measure.help in schema["description"]
        assert field.expected in schema["description"]


def test_one_field_of_the_schema_in_full(patient_schema):
    assert patient_schema["properties"]["esr_mm_per_h"] == {
        "anyOf": [
            {"type": "number", "minimum": 0, "maximum": 200},
            {"type": "null"},
            {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "value": {"type": "number", "description": "In that unit"},
                    "unit": {"enum": ["mm/h"], "description": "The value is converted to mm/h"},
                },
                "required": ["value", "unit"],
            },
        ],
        "default": None,
        "examples": [48],
        "title": "ESR",
        "description": "Expected: a number from 0 to 200 mm/h.",
        "x-unit": "mm/h",
        "x-ucum": "mm/h",
        "x-codes": [
            {"system": "http://loinc.org", "code": "4537-7"},
            {"system": "http://loinc.org", "code": "30341-2"},
            {"system": "http://loinc.org", "code": "82477-1"},
        ],
        "x-source": "Prevoo 1995;38:44",
    }


def test_the_schema_refuses_what_the_server_refuses(patient_schema):
    assert patient_schema["additionalProperties"] is False
    assert patient_schema["required"] == ["age_years", "sex", "tender_joint_count_28", "swollen_joint_count_28"]


def test_the_example_of_the_document_is_answered_with_the_answer_that_it_shows(client, document):
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/Patient"}
    answer = client.predict(body["example"]).json()
    shown = document["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]["example"]
    assert answer | {"prediction_id": "00000000-0000-0000-0000-000000000000"} == shown


def test_the_document_lists_the_problems_of_a_prediction(document):
    responses = document["paths"]["/predict"]["post"]["responses"]
    assert set(responses) == {
        "200",
        *["400", "401", "403", "408", "409", "413", "415", "422", "429", "431", "503", "default"],
    }
    assert "/problems/invalid-input" in responses["422"]["description"]
    refused = responses["422"]["content"]["application/problem+json"]
    assert refused["schema"] == {"$ref": "#/components/schemas/ProblemBody"}
    assert refused["examples"]["invalid-input"]["value"] == {
        "type": "/problems/invalid-input",
        "title": "The input is not valid",
        "status": 422,
        "errors": [{"field": "age_years", "message": "expected a number from 18 to 100 years"}],
    }


def _operations(document):
    return [operation for path in document["paths"].values() for operation in path.values()]


def _reachable(part, schemas):
    """Names of the schemas that a part refers to, directly or through others."""
    found, new = set(), set(re.findall(r"#/components/schemas/(\w+)", json.dumps(part)))
    while new:
        found |= new
        texts = json.dumps([schemas[name] for name in new])
        new = set(re.findall(r"#/components/schemas/(\w+)", texts)) - found
    return found


def test_the_answers_schema_says_that_members_are_absent_and_never_null(document):
    schemas = document["components"]["schemas"]
    assert schemas["Prediction"]["properties"]["control"] == {
        "$ref": "#/components/schemas/ArmRisk",
        "description": "On the control treatment",
    }
    assert "control" not in schemas["Prediction"]["required"]
    assert "treated" in schemas["Prediction"]["required"]
    requests = _reachable([operation.get("requestBody") for operation in _operations(document)], schemas)
    assert {"Patient", "Undetectable", "HookRequest"} <= requests
    assert '"null"' not in json.dumps({name: schema for name, schema in schemas.items() if name not in requests})


def test_every_member_of_an_answer_is_in_the_schema(client, document, a_patient):
    patient = a_patient()
    del patient["crp_mg_per_l"]
    schemas = document["components"]["schemas"]
    answer = client.predict(patient).json()
    schema = schemas["Prediction"]
    assert set(schema["required"]) <= answer.keys() <= schema["properties"].keys()
    contribution = schemas["Contribution"]
    for part in answer["explanation"]:
        assert set(contribution["required"]) <= part.keys() <= contribution["properties"].keys()


@pytest.mark.parametrize("changed", [{}, {"il21_pg_per_ml": None}, {"crp_mg_per_l": 300.0}])
def test_what_is_answered_is_what_the_core_says_is_the_answer(client, model, a_patient, changed):
    study = load_study("ld-il2-ra")
    patient = study.patient.model_validate(a_patient(**changed))
    (prediction,) = predict_patients(model, Covariates.of_patients(study.contract, [patient]))
    answer = client.predict(a_patient(**changed)).json()
    assert answer == json.loads(written(replace(prediction, prediction_id=answer["prediction_id"])))
    assert answer == prediction.as_answer() | {"prediction_id": answer["prediction_id"]}


def test_the_document_follows_the_study_that_is_served(serving, one_arm_folder, own_study):
    settings = Settings(model=str(one_arm_folder), study=str(own_study))
    document = serving(create_app(settings, load_model(settings))).get("/openapi.json").json()
    patient = document["components"]["schemas"]["Patient"]
    assert list(patient["properties"]) == ["age_years", "stage", "marker_ng_per_ml"]
    assert patient["properties"]["stage"]["enum"] == ["I", "II", "III"]
    assert document["info"]["summary"] == "A drug in a disease"
    # its only example is no patient
    assert "example" not in document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]


def test_the_model_is_described_with_its_study_and_every_field(client):
    described = client.get("/model").json()
    assert described["model"]["name"] == "made-up"
    assert described["study"] == "ld-il2-ra"
    assert described["endpoint"] == "ACR20 at week 24"
    assert described["arms"] == [
        {"key": "placebo+mtx", "title": "Methotrexate alone", "drug": []},
        {
            "key": "ld-il2+mtx",
            "title": "Low-dose IL-2 with methotrexate",
            "drug": [
                {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "70223"},
                {"system": "http://www.whocc.no/atc", "code": "L03AC01"},
            ],
        },
    ]
    assert described["control"] == "placebo+mtx"
    assert described["intended_use"].startswith("Research use only")
    (treg,) = [field for field in described["fields"] if field["name"] == "treg_percent_of_cd4"]
    assert (treg["low"], treg["high"], treg["measure"]["unit"]) == (0.2, 100.0, "%")
    assert len(described["fields"]) == 19


def test_the_card_is_the_one_of_the_model(client):
    assert client.get("/model/card").json() == {"title": "A made-up model"}


def test_health_names_the_model_that_is_ready(client, a_patient):
    assert client.get("/health/live").json() == {"status": "alive"}
    ready = client.get("/health/ready").json()
    assert ready == {"status": "ready", "model": client.predict(a_patient()).json()["model"]["digest"]}


@pytest.mark.parametrize("path", ["/health/ready", "/model", "/model/card", "/openapi.json", "/"])
def test_without_a_model_the_server_is_alive_and_not_ready(serving, path):
    client = serving(create_app(Settings()), started=False)
    assert client.get("/health/live").status_code == 200
    answered = client.get(path)
    assert answered.status_code == 503
    assert answered.json()["type"] == "/problems/not-ready"
    assert answered.headers["retry-after"] == "1"


def test_a_patient_is_not_predicted_without_a_model(serving, a_patient):
    assert serving(create_app(Settings()), started=False).predict(a_patient()).json()["type"] == "/problems/not-ready"


def test_the_landing_page_says_what_this_is_and_is_not(client):
    page = client.get("/").text
    assert "Research use only: not a medical device" in page
    assert "trained on simulated patients" in page
    for address in re.findall('href="([^"#:]+)[#"]', page):
        assert client.get(urljoin("/", html.unescape(address))).status_code == 200


def test_the_page_of_the_api_is_served_whole_and_names_no_other_host(client):
    page = client.get("/docs")
    assert page.status_code == 200
    addresses = re.findall('(?:src|href)="([^"]+)"', page.text)
    assert len(addresses) == 6
    for address in addresses:
        assert ":" not in address
        assert client.get(f"/{address}").status_code == 200
    assert "http" not in client.get("/docs/assets/start.js").text
    assert "script-src 'self';" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/predict", "/model", "/health/live", "/", "/nowhere", "/problems/not-found"])
def test_every_answer_has_the_headers_that_keep_it_from_caches_and_frames(client, a_patient, path):
    answered = client.predict(a_patient()) if path == "/predict" else client.get(path)
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert answered.headers["cache-control"] == "no-store"
    assert answered.headers["referrer-policy"] == "no-referrer"
    assert answered.headers["content-security-policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in answered.headers["content-security-policy"]
