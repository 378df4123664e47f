"""What leaves is FHIR R4, as two validators judge it that are each blind elsewhere."""

import json

import pytest

from acrcast.protocol import FieldProblem, ProblemBody
from acrcast_service import answers
from acrcast_service.app import create_app
from acrcast_service.fhir.outcomes import ISSUE_TYPES, operation_outcome
from acrcast_service.model_store import load_model
from acrcast_service.settings import Settings

from .conftest import TODAY, a_bundle, a_record, on, parameters, plain

PATH, DEFINITION = "/fhir/$predict-acr-response", "/fhir/OperationDefinition/predict-acr-response"
HEADERS = {"content-type": "application/fhir+json"}


@pytest.fixture(scope="module")
def found(node, client, serving, one_arm_folder, own_study):
    """What the validators found in each, by its name. Node starts slowly: all are judged in one run."""
    settings = Settings(model=str(one_arm_folder), study=str(own_study))
    one_arm = serving(create_app(settings, load_model(settings)))
    required = plain(age_years=54, sex="female", tender_joint_count_28=14, swollen_joint_count_28=9)

    def ask(client, resource):
        return client.request("POST", PATH, content=json.dumps(resource).encode(), headers=HEADERS).json()

    record = ask(client, a_bundle(*on(TODAY, a_record())))
    values = ask(client, parameters(required))
    wrong = json.loads(json.dumps(values))
    wrong["prediction"][0]["probabilityDecimal"] = 120
    errors = (FieldProblem("Bundle.entry[0]", "no"),)
    problems = {status: ProblemBody("/problems/x", "A title", status, None, None, errors) for status in ISSUE_TYPES}
    resources = {
        "a record": record,
        "plain values": values,
        "one arm": ask(one_arm, parameters(plain(age_years=60, stage="II"))),
        "capabilities": client.get("/fhir/metadata").json(),
        "definition": client.get(DEFINITION).json(),
        "definition of one arm": one_arm.get(DEFINITION).json(),
        "a refusal": ask(client, a_bundle()),
        **{f"status {status}": answers.plain(operation_outcome(problem)) for status, problem in problems.items()},
        "a probability of 120": wrong,
        "a wrong status": values | {"status": "done"},
    }
    assert record["resourceType"] == values["resourceType"] == "RiskAssessment"
    lists = json.loads(node("validate_fhir.mjs", given=json.dumps([*resources.values()])))
    return dict(zip(resources, lists, strict=True))


def test_everything_that_leaves_is_valid(found):
    planted = {"a probability of 120", "a wrong status"}
    assert {name: messages for name, messages in found.items() if messages and name not in planted} == {}
    assert len(found) == len(ISSUE_TYPES) + 7 + len(planted)


def test_the_validators_find_what_is_wrong(found):
    assert any("ras-2" in message for message in found["a probability of 120"])
    assert any("done" in message for message in found["a wrong status"])
