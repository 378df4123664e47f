"""A patient is validated strictly: nothing is guessed, and nothing is converted silently."""

import math

import pytest
from pydantic import ValidationError

from acrcast.contract import Undetectable


@pytest.fixture
def valid(ld_il2, a_patient):
    """Whether ld-il2-ra accepts the patient so changed."""

    def judge(**changed):
        try:
            ld_il2.patient.model_validate(a_patient(**changed))
        except ValidationError:
            return False
        return True

    return judge


def test_a_complete_patient_is_accepted(valid):
    assert valid()


@pytest.mark.parametrize("field", ["age_years", "sex", "tender_joint_count_28", "swollen_joint_count_28"])
def test_what_is_required_must_be_there(ld_il2, a_patient, field):
    patient = a_patient()
    del patient[field]
    with pytest.raises(ValidationError):
        ld_il2.patient.model_validate(patient)


def test_all_else_may_be_absent_or_null_and_is_then_missing_not_zero(ld_il2):
    patient = ld_il2.patient.model_validate(
        {"age_years": 50, "sex": "male", "tender_joint_count_28": 3, "swollen_joint_count_28": 0, "crp_mg_per_l": None}
    )
    assert patient.crp_mg_per_l is None
    assert patient.haq_di is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("age_years", "54"),
        ("age_years", True),
        ("age_years", math.nan),
        ("age_years", math.inf),
        ("tender_joint_count_28", 14.0),
        ("tender_joint_count_28", True),
        ("tender_joint_count_28", "14"),
        ("sex", "Female"),
        ("sex", "f"),
        ("rf_positive", 1),
        ("rf_positive", "true"),
        ("treg_gating", 3),
        ("weight_kg", 60),
    ],
)
def test_what_only_looks_like_a_value_is_refused(valid, field, value):
    assert not valid(**{field: value})


@pytest.mark.parametrize(
    ("field", "inside", "outside"),
    [
        ("age_years", 18, 17.99),
        ("age_years", 100, 100.01),
        ("tender_joint_count_28", 28, 29),
        ("tender_joint_count_28", 0, -1),
        ("treg_percent_of_cd4", 0.2, 0.19),
        ("haq_di", 3, 3.01),
        ("crp_mg_per_l", 0, -0.01),
        ("il21_pg_per_ml", 20_000, 20_001),
    ],
)
def test_the_ends_of_a_range_belong_to_it(valid, field, inside, outside):
    assert valid(**{field: inside})
    assert not valid(**{field: outside})


def test_an_undetectable_result_is_below_a_limit(ld_il2, a_patient):
    patient = ld_il2.patient.model_validate(a_patient(il21_pg_per_ml={"comparator": "<", "value": 3.9}))
    assert patient.il21_pg_per_ml == Undetectable(comparator="<", value=3.9)


@pytest.mark.parametrize(
    "result",
    [
        {"comparator": ">", "value": 3.9},
        {"comparator": "<", "value": 0},
        {"comparator": "<", "value": -1},
        {"comparator": "<", "value": "3.9"},
        {"comparator": "<", "value": math.inf},
        {"comparator": "<"},
        {"value": 3.9},
        {"comparator": "<", "value": 3.9, "unit": "pg/mL"},
        "<3.9",
    ],
)
def test_any_other_way_to_say_so_is_refused(valid, result):
    assert not valid(il21_pg_per_ml=result)


def test_only_an_assay_with_a_limit_may_be_undetectable(valid):
    assert not valid(crp_mg_per_l={"comparator": "<", "value": 3.9})


def test_a_patient_cannot_be_changed_afterwards(ld_il2, a_patient):
    patient = ld_il2.patient.model_validate(a_patient())
    with pytest.raises(ValidationError):
        patient.age_years = 60
