"""What `POST /predict` answers."""

import json
import re
from uuid import UUID

import pytest

from acrcast_service.app import create_app
from acrcast_service.settings import Settings

REQUIRED = ("age_years", "sex", "tender_joint_count_28", "swollen_joint_count_28")


def test_the_answer_names_the_model_and_both_risks_with_their_intervals(client, a_patient):
    answered = client.predict(a_patient())
    assert answered.status_code == 200
    assert answered.headers["content-type"] == "application/json"
    answer = answered.json()
    assert answer["study"] == "ld-il2-ra"
    assert answer["endpoint"] == "ACR20 at week 24"
    assert answer["model"]["name"] == "made-up"
    assert answer["model"]["training_data"] == "simulated"
    assert re.fullmatch("sha256:[0-9a-f]{64}", answer["model"]["digest"])
    assert answer["control"]["arm"] == "placebo+mtx"
    assert answer["treated"]["arm"] == "ld-il2+mtx"
    for arm in (answer["control"], answer["treated"]):
        assert 0 < arm["interval"][0] <= arm["probability"] <= arm["interval"][1] < 1
    difference = answer["treated"]["probability"] - answer["control"]["probability"]
    assert answer["benefit"]["difference"] == pytest.approx(difference, abs=1.1e-6)
    assert answer["level"] == 0.95
    assert set(answer["derived"]) == {"das28_esr", "das28_crp", "cdai", "sdai"}
    # 14 tender + 9 swollen joints + global assessments of 6.5 and 6.0 cm
    assert answer["derived"]["cdai"] == 35.5
    assert answer["missing"] == []
    assert answer["support"]["status"] in ("inside", "edge", "outside")
    assert answer["cautions"][0].startswith("Trained on simulated patients")
    assert answer["intended_use"].startswith("Research use only: not a medical device")


def test_each_answer_has_a_prediction_id_of_its_own(client, a_patient):
    first, second = (UUID(client.predict(a_patient()).json()["prediction_id"]) for _ in range(2))
    assert first != second
    assert first.version == 4


def test_the_same_patient_gets_the_same_bytes_except_the_prediction_id(client, a_patient):
    first, second = (client.predict(a_patient()).content for _ in range(2))
    assert first != second
    assert _without_id(first) == _without_id(second)


def test_the_order_of_the_fields_changes_no_byte_but_the_prediction_id(client, a_patient):
    backwards = dict(reversed(a_patient().items()))
    assert _without_id(client.predict(a_patient()).content) == _without_id(client.predict(backwards).content)


def _without_id(content):
    return re.sub(rb'"prediction_id":"[0-9a-f-]{36}"', b"", content)


def test_what_is_absent_or_null_is_named_as_missing(client, a_patient):
    only_required = {name: a_patient()[name] for name in REQUIRED}
    answer = client.predict(only_required | {"il21_pg_per_ml": None}).json()
    missing = {measure["measure"] for measure in answer["missing"]}
    assert {"il21_pg_per_ml", "treg_percent_of_cd4", "crp_mg_per_l"} <= missing
    assert missing.isdisjoint(REQUIRED)


def test_a_result_below_the_limit_of_detection_is_accepted(client, a_patient):
    answered = client.predict(a_patient(il21_pg_per_ml={"comparator": "<", "value": 3.9}))
    assert answered.status_code == 200
    assert "il21_pg_per_ml" not in {measure["measure"] for measure in answered.json()["missing"]}


def test_no_member_of_an_answer_is_null(client, a_patient):
    only_required = {name: a_patient()[name] for name in REQUIRED}
    for patient in (a_patient(), only_required):
        assert b"null" not in client.predict(patient).content


def test_a_one_arm_study_answers_with_the_treated_arm_alone(serving, one_arm_folder, own_study):
    settings = Settings(model=str(one_arm_folder), study=str(own_study))
    from acrcast_service.model_store import load_model

    client = serving(create_app(settings, load_model(settings)))
    answer = client.predict({"age_years": 60, "stage": "II"}).json()
    assert answer["treated"]["arm"] == "drug"
    assert "control" not in answer
    assert "benefit" not in answer
    assert answer["missing"][0]["measure"] == "marker_ng_per_ml"


def test_the_level_of_the_intervals_is_a_setting(serving, model, a_patient):
    wide, narrow = (
        serving(create_app(Settings(level=level), model)).predict(a_patient()).json() for level in (0.99, 0.5)
    )
    assert (wide["level"], narrow["level"]) == (0.99, 0.5)
    assert wide["treated"]["interval"][0] < narrow["treated"]["interval"][0]
    assert narrow["treated"]["interval"][1] < wide["treated"]["interval"][1]


def test_a_charset_of_utf_8_is_accepted_in_the_content_type(client, a_patient):
    body = json.dumps(a_patient()).encode()
    assert client.predict(body, **{"content-type": "Application/JSON; charset=UTF-8"}).status_code == 200


def test_text_with_a_colon_and_no_repeated_name_is_accepted(client, a_patient):
    assert client.predict(a_patient(il21_assay="ELISA: kit 7")).status_code == 200
