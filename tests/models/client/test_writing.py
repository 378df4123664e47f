"""What is sent is JSON, or it is not sent; and what cannot be sent is not repeated."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from acrcast.client import NotSent
from acrcast.client.operations import predict, predict_columns, record_outcome
from acrcast.client.writing import written
from acrcast.contract import Undetectable
from acrcast.studies import load_study

CANARY = "Zz81734"


def test_none_and_nan_are_null_and_what_is_known_is_as_it_was_given():
    patient = {"age_years": 54, "haq_di": 1.5, "crp_mg_per_l": float("nan"), "esr_mm_per_h": None, "rf_positive": True}
    assert written(patient) == (
        b'{"age_years":54,"haq_di":1.5,"crp_mg_per_l":null,"esr_mm_per_h":null,"rf_positive":true}'
    )


def test_numbers_of_numpy_and_columns_of_pandas_are_numbers():
    columns = {
        "age_years": np.array([54.0, np.nan]),
        "tender_joint_count_28": pd.Series([14, 9]),
        "rf_positive": [np.bool_(True), None],
        "haq_di": (np.float32(1.5), np.int64(2)),
    }
    assert written({"columns": columns}) == (
        b'{"columns":{"age_years":[54.0,null],"tender_joint_count_28":[14,9],"rf_positive":[true,null],"haq_di":[1.5,2]}}'
    )
    assert predict_columns(columns, None).content == written({"columns": columns})


def test_a_patient_of_a_study_is_sent_with_the_fields_that_it_was_given():
    patient = load_study("ld-il2-ra").patient(
        age_years=54,
        sex="female",
        tender_joint_count_28=14,
        swollen_joint_count_28=9,
        il21_pg_per_ml=Undetectable(comparator="<", value=3.9),
    )
    assert predict(patient, None, None).content == (
        b'{"age_years":54.0,"sex":"female","il21_pg_per_ml":{"comparator":"<","value":3.9},'
        b'"tender_joint_count_28":14,"swollen_joint_count_28":9}'
    )


def test_a_day_is_written_as_the_server_reads_it():
    sent = record_outcome(
        "p", responded=True, observed_on=date(2026, 1, 31), source="chart", arm=None, correction=False
    )
    assert b'"observed_on":"2026-01-31"' in sent.content


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("inf"), "an infinite number is no JSON"),
        (np.array([1.0, -np.inf]), "an infinite number is no JSON"),
        ({CANARY}, "a value of the type set is no JSON"),
        (CANARY.encode(), "a value of the type bytes is no JSON"),
        (pd.NA, "a value of the type NAType is no JSON"),
    ],
)
def test_what_json_has_no_word_for_is_not_sent_and_not_repeated(value, message):
    with pytest.raises(NotSent, match=message) as refused:
        written({"age_years": value})
    assert CANARY not in repr(refused.value)


@pytest.mark.parametrize("name", ["", "Müller", f"{CANARY}\r\nX-Other: 1", "a\tb"])
def test_a_pseudonym_or_key_that_no_header_can_hold_is_not_sent(name):
    with pytest.raises(NotSent, match="subject_reference: expected printable ASCII characters") as refused:
        predict({}, name, None)
    assert CANARY not in repr(refused.value)
    with pytest.raises(NotSent, match="idempotency_key: "):
        predict({}, None, name or " \n")


def test_a_prediction_is_repeated_only_when_it_has_a_name():
    named, nameless = predict({}, "p-1", "mine"), predict({}, None, None)
    assert named.headers["Idempotency-Key"] == "mine"
    assert named.headers["Subject-Reference"] == "p-1"
    assert named.repeatable
    assert nameless.headers == {"Content-Type": "application/json"}
    assert not nameless.repeatable


def test_a_call_is_shown_without_what_is_sent():
    shown = repr(predict({"il21_assay": CANARY}, CANARY, CANARY))
    assert CANARY not in shown
