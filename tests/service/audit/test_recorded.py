"""What the service records of a prediction, and what it does not."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import orjson
import pytest
from sqlalchemy import text

from acrcast_service import idempotency
from acrcast_service.app import create_app
from acrcast_service.audit.erasure import erase
from acrcast_service.audit.export import exported
from acrcast_service.audit.records import time_text
from acrcast_service.audit.verification import verify
from acrcast_service.store.database import writing


@pytest.fixture
def client(serving, chain, audit_settings, model):  # noqa: ARG001  the chain is there before the server
    return serving(create_app(audit_settings, model))


def lines(chain):
    return [orjson.loads(line) for line in exported(chain)]


def test_an_answer_is_recorded_with_what_was_asked(client, chain, a_patient):
    answer = client.predict(a_patient(age_years=61)).json()
    (line,) = lines(chain)
    assert line["record_id"] == answer["prediction_id"]
    assert line["answer"] == answer
    assert line["inputs"] == a_patient(age_years=61)
    assert (line["model"], line["study"]) == (answer["model"]["digest"], "ld-il2-ra")
    assert verify(chain).findings == ()


def test_what_is_refused_is_not_recorded(client, chain, a_patient):
    assert client.predict(a_patient(age_years=-1)).status_code == 422
    assert lines(chain) == []


def test_predictions_of_one_subject_are_erased_together(client, chain, a_patient):
    client.predict(a_patient(), **{"Subject-Reference": "P-1"})
    client.predict(a_patient(), **{"Subject-Reference": "P-1"})
    client.predict(a_patient(), **{"Subject-Reference": "P-2"})
    assert erase(chain, "P-1", "default", "operator") == 2
    assert ["inputs" in line for line in lines(chain)] == [False, False, True, False]


@pytest.mark.parametrize("reference", ["", "x" * 201, "a\tb", "Zz81734é".encode()])
def test_a_subject_reference_is_1_to_200_printable_characters(client, chain, a_patient, reference):
    refused = client.predict(a_patient(), **{"Subject-Reference": reference})
    assert refused.status_code == 400
    assert refused.json()["detail"] == "Subject-Reference: expected once, 1 to 200 printable ASCII characters"
    assert lines(chain) == []


def test_two_subject_references_are_refused(client, a_patient):
    headers = [("content-type", "application/json"), ("subject-reference", "a"), ("subject-reference", "b")]
    refused = client.request("POST", "/predict", content=json.dumps(a_patient()), headers=headers)
    assert refused.status_code == 400


def test_the_same_key_and_body_get_the_same_bytes_and_one_record(client, chain, a_patient):
    first, again = (client.predict(a_patient(), **{"Idempotency-Key": "k"}) for _ in range(2))
    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    assert len(lines(chain)) == 1


def test_another_key_is_another_request(client, chain, a_patient):
    for key in ("k", "l"):
        client.predict(a_patient(), **{"Idempotency-Key": key})
    assert len(lines(chain)) == 2


@pytest.mark.parametrize("changed", [{"age_years": 55}, {}])
def test_a_key_of_another_body_or_subject_is_refused(client, chain, a_patient, changed):
    client.predict(a_patient(), **{"Idempotency-Key": "k", "Subject-Reference": "P-1"})
    refused = client.predict(
        a_patient(**changed), **{"Idempotency-Key": "k", "Subject-Reference": "P-1" if changed else "P-2"}
    )
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert len(lines(chain)) == 1


@pytest.fixture
def being_answered(chain, a_patient):
    """Says in the database that another server answers this request, since so long ago."""

    def begin(**ago):
        content = json.dumps(a_patient()).encode() + b"\0"
        request = idempotency.Request("default", "/predict", "k", content)
        assert idempotency._claimed_or_stored(chain, request, str(uuid4())) is None
        since = time_text(datetime.now(UTC) - timedelta(**ago))
        with writing(chain.engine) as connection:
            connection.execute(text("UPDATE idempotency SET claimed_at = :since"), {"since": since})

    return begin


def test_while_the_first_request_is_being_answered_the_second_is_told_to_come_back(client, being_answered, a_patient):
    being_answered(seconds=1)
    refused = client.predict(a_patient(), **{"Idempotency-Key": "k"})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/idempotency-key-in-use")
    assert refused.headers["retry-after"] == "1"


def test_a_request_whose_server_died_is_answered_after_a_minute(client, chain, being_answered, a_patient):
    being_answered(seconds=61)
    assert client.predict(a_patient(), **{"Idempotency-Key": "k"}).status_code == 200
    assert len(lines(chain)) == 1


def test_after_a_day_a_key_names_another_request(client, being_answered, a_patient):
    being_answered(hours=25)
    assert client.predict(a_patient(age_years=70), **{"Idempotency-Key": "k"}).status_code == 200


def test_a_request_that_was_refused_frees_its_key(client, a_patient):
    assert client.predict(a_patient(age_years=-1), **{"Idempotency-Key": "k"}).status_code == 422
    assert client.predict(a_patient(), **{"Idempotency-Key": "k"}).status_code == 200


def test_after_an_erasure_the_same_request_is_answered_anew(client, chain, a_patient):
    headers = {"Idempotency-Key": "k", "Subject-Reference": "P-1"}
    first = client.predict(a_patient(), **headers).json()
    erase(chain, "P-1", "default", "operator")
    second = client.predict(a_patient(), **headers).json()
    assert first["prediction_id"] != second["prediction_id"]


def test_without_an_audit_nothing_is_kept_and_a_key_is_refused(serving, audit_settings, model, a_patient, tmp_path):
    settings = audit_settings.model_copy(update={"audit": False, "database": f"sqlite:///{tmp_path}/none/a.db"})
    client = serving(create_app(settings, model))
    assert client.predict(a_patient()).status_code == 200
    refused = client.predict(a_patient(), **{"Idempotency-Key": "k"})
    assert (refused.status_code, refused.json()["detail"]) == (
        400,
        "this server keeps no audit, which this request needs",
    )
    assert not (tmp_path / "none").exists()


@pytest.fixture
def outcome(client, a_patient):
    """Sends an outcome of a prediction; name only what matters."""

    def send(**changed):
        given = {"responded": True, "observed_on": "2026-05-05", "source": "chart"} | changed
        if "prediction_id" not in given:
            given["prediction_id"] = client.predict(a_patient()).json()["prediction_id"]
        return client.request(
            "POST", "/outcomes", content=json.dumps(given), headers={"content-type": "application/json"}
        )

    return send


def test_an_outcome_is_recorded_once(chain, outcome):
    first = outcome()
    again = outcome(prediction_id=first.json()["prediction_id"])
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["revision"] == 1
    prediction, recorded = lines(chain)
    assert recorded["kind"] == "outcome"
    assert recorded["about"] == prediction["record_id"]
    assert recorded["subject"] == prediction["subject"]
    assert (recorded["inputs"]["responded"], recorded["inputs"]["observed_on"]) == (True, "2026-05-05")


def test_another_outcome_has_to_be_called_a_correction_and_both_stay(chain, outcome):
    name = outcome().json()["prediction_id"]
    refused = outcome(prediction_id=name, responded=False)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/outcome-exists")
    corrected = outcome(prediction_id=name, responded=False, correction=True)
    assert (corrected.status_code, corrected.json()["revision"]) == (201, 2)
    assert [line["inputs"]["responded"] for line in lines(chain) if line["kind"] == "outcome"] == [True, False]


def test_an_outcome_names_the_arm_that_the_patient_was_treated_in(chain, outcome):
    assert outcome(arm="ld-il2+mtx").status_code == 201
    assert lines(chain)[-1]["inputs"]["arm"] == "ld-il2+mtx"


def test_an_arm_that_the_study_does_not_have_is_refused(outcome):
    refused = outcome(arm="Zz81734")
    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"field": "arm", "message": "expected one of placebo+mtx, ld-il2+mtx"}]


def test_an_outcome_without_an_arm_is_recorded_as_it_was_before_arms_could_be_named(chain, outcome):
    outcome()
    assert sorted(lines(chain)[-1]["inputs"]) == ["observed_on", "prediction_id", "responded", "source"]


def test_an_outcome_of_a_prediction_that_does_not_exist_is_refused(outcome):
    assert outcome(prediction_id=str(uuid4())).status_code == 404


def test_another_tenants_prediction_does_not_exist(outcome, add):
    assert outcome(prediction_id=add(tenant="other")).status_code == 404


def test_erasing_a_subject_erases_its_outcomes_and_takes_no_new_one(chain, outcome):
    name = outcome().json()["prediction_id"]
    assert erase(chain, name, "default", "operator") == 2
    assert outcome(prediction_id=name).status_code == 404


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"responded": "yes"}, "responded"),
        ({"responded": None}, "responded"),
        ({"observed_on": "5 May"}, "observed_on"),
        ({"observed_on": "2999-01-01"}, "observed_on"),
        ({"source": ""}, "source"),
        ({"arm": ""}, "arm"),
        ({"prediction_id": "Zz81734"}, "prediction_id"),
        ({"Zz81734": 1}, ""),
    ],
)
def test_an_outcome_is_read_strictly_and_never_repeated(outcome, changed, field):
    refused = outcome(**{"prediction_id": str(uuid4())} | changed)
    assert refused.status_code == 422
    assert [problem["field"] for problem in refused.json()["errors"]] == [field]
    assert b"Zz81734" not in refused.content
