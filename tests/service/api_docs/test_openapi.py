"""The OpenAPI document: complete, without fault to a public linter, and the source of types that compile."""

import copy
import json
import re

import pytest
from docs import api_description
from tests.service.conftest import save_model

from acrcast import artefact
from acrcast_service.app import create_app
from acrcast_service.settings import Settings

REDOCLY, TSC = "node_modules/@redocly/cli/bin/cli.js", "node_modules/typescript/bin/tsc"
STRICT = ("--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom")
MODULES = ("--module", "nodenext", "--moduleResolution", "nodenext")


@pytest.fixture(scope="session")
def document(client):
    return client.get("/openapi.json").json()


@pytest.fixture(scope="session")
def operations(document):
    return [operation for path in document["paths"].values() for operation in path.values()]


@pytest.fixture
def lint(node, tmp_path, monkeypatch):
    """What Redocly's recommended rules, all of them, say of a document."""
    monkeypatch.setenv("REDOCLY_TELEMETRY", "off")
    monkeypatch.setenv("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")

    def run(document):
        path = tmp_path / "openapi.json"
        path.write_text(json.dumps(document))
        found = json.loads(node(REDOCLY, "lint", str(path), "--extends", "recommended", "--format", "json"))
        assert found["totals"]["ignored"] == 0
        return {problem["ruleId"] for problem in found["problems"]}

    return run


def test_a_public_linter_finds_no_error_and_no_warning(lint, document):
    assert lint(document) == set()


def test_the_linter_finds_a_planted_mistake(lint, document):
    wrong = copy.deepcopy(document)
    predict = wrong["paths"]["/predict"]["post"]
    del predict["responses"]["200"]["content"]["application/json"]["example"]["treated"]
    del wrong["tags"][0]["description"]
    assert lint(wrong) == {"no-invalid-media-type-examples", "tag-description"}


def _objects(schema):
    """Every schema with members, at any depth."""
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield schema
        for value in schema.values():
            yield from _objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _objects(value)


def test_every_member_of_every_body_is_described(document, operations):
    bodies = [content["schema"] for operation in operations for content in _contents(operation)]
    found = [*_objects(document["components"]["schemas"]), *_objects(bodies)]
    assert len(found) > 30
    without = [
        f"{schema.get('title')}.{name}"
        for schema in found
        for name, member in schema["properties"].items()
        # an empty one repeats a member that is described beside it, to say that it is required
        if member and not member.get("description")
    ]
    assert without == []


def _contents(operation):
    parts = [operation.get("requestBody", {}), *operation["responses"].values()]
    return [content for part in parts for content in part.get("content", {}).values()]


def test_what_a_docstring_says_of_a_member_stands_with_the_member_and_nowhere_else(document):
    risk = document["components"]["schemas"]["ArmRisk"]
    assert risk["description"] == "Probability of response in one arm, 0 to 1."
    said = {name: member["description"] for name, member in risk["properties"].items()}
    of_average = "The arm's own response rate in the training data, for comparison"
    assert said == {
        "arm": "Its key",
        "probability": "Of response, for this patient",
        "interval": "Of this patient's risk given everything that was measured; estimation uncertainty only",
        "average": of_average,
        "average_interval": of_average,
    }
    assert (risk["properties"]["probability"]["minimum"], risk["properties"]["probability"]["maximum"]) == (0, 1)


def test_every_body_of_json_has_an_example(operations):
    without = [
        (operation["operationId"], status)
        for operation in operations
        for status, part in {"body": operation.get("requestBody", {}), **operation["responses"]}.items()
        for media_type, content in part.get("content", {}).items()
        if media_type.endswith("json") and status != "default" and not content.keys() & {"example", "examples"}
    ]
    assert without == []


def test_an_input_error_is_shown_with_a_field_of_the_study_in_the_form_of_its_address(document):
    def shown(path, media_type):
        content = document["paths"][path]["post"]["responses"]["422"]["content"][media_type]
        return content["examples"]["invalid-input"]["value"]

    expected = "expected a number from 18 to 100 years"
    assert shown("/predict", "application/problem+json") == {
        "type": "/problems/invalid-input",
        "title": "The input is not valid",
        "status": 422,
        "errors": [{"field": "age_years", "message": expected}],
    }
    assert shown("/v2/models/{model_name}/infer", "application/json") == {
        "error": f"The input is not valid: age_years: {expected}"
    }


def test_a_refusal_that_passes_says_when_to_come_back(operations):
    later = [answer for operation in operations for status, answer in operation["responses"].items() if status == "503"]
    assert later
    assert all("Retry-After" in answer["headers"] for answer in later)


def test_operation_ids_are_names_and_each_is_there_once(operations):
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[a-z][a-z_]+", name) for name in ids)
    assert {"predict", "predict_batch", "record_outcome", "describe_model", "model_card", "health_ready"} <= set(ids)


def test_tags_servers_licence_and_contact_are_said(document, operations):
    tags = {tag["name"]: tag["description"] for tag in document["tags"]}
    assert {tag for operation in operations for tag in operation["tags"]} == tags.keys()
    assert tags["outcomes"] == "What happened after a prediction."
    assert document["servers"] == [{"url": ".", "description": "The server that this document is from"}]
    assert document["info"]["license"] == {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    assert document["info"]["contact"] == {"name": "The acrcast authors"}


def test_the_document_follows_the_model_that_answers(serving, model, tmp_path):
    app = create_app(Settings(), model)
    client = serving(app)

    def shown():
        answer = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["responses"]["200"]
        return answer["content"]["application/json"]["example"]["model"]["digest"]

    assert shown() == shown() == model.identity.digest
    other = artefact.load(save_model(model.study, tmp_path / "other", seed=8))
    app.server.models.put(other)
    assert shown() == other.identity.digest != model.identity.digest


def test_the_document_of_the_released_model_is_the_one_in_the_docs():
    """A change here is a change to the API: `make docs` writes it, CHANGELOG.md says it."""
    assert api_description.DOCUMENT.read_text() == api_description.openapi_json()


def test_what_the_model_answers_is_not_in_the_docs(project):
    text = api_description.DOCUMENT.read_text()
    manifest = json.loads((project / "models/acrcast/released/ld-il2-ra/manifest.json").read_text())
    assert "sha256:" not in re.sub(r"`sha256:`", "", text)
    assert manifest["version"] not in text
    assert '"age_years": 54' in text


@pytest.mark.usefixtures("node")
def test_the_types_of_typescript_are_those_of_the_document():
    assert api_description.TYPES.read_text() == api_description.types()


def test_the_example_in_typescript_compiles_strictly(node, project):
    node(TSC, *STRICT, *MODULES, str(project / "docs" / "api" / "example.ts"))


def test_a_field_that_no_patient_has_does_not_compile(node, project, tmp_path):
    source = (project / "docs" / "api" / "example.ts").read_text()
    wrong = source.replace('"./acrcast-api"', json.dumps(str(api_description.TYPES.with_name("acrcast-api"))))
    wrong += "\nexport const patient: Patient = { age_years: 54, weight_kg: 70 };\n"
    path = tmp_path / "wrong.ts"
    path.write_text(wrong)
    with pytest.raises(AssertionError, match="weight_kg"):
        node(TSC, *STRICT, *MODULES, str(path))
