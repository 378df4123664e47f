"""Whole columns, checked at once: accepted is only what the patient class accepts."""

from typing import Annotated

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, field_validator

from acrcast.contract import Contract, Measure, Patient, Undetectable
from acrcast.contract.arrow import covariates_of_arrow
from acrcast.contract.columns import cells_of_list, covariates_of, names_of_list, says_all
from acrcast.studies import load_study

STUDY = load_study("ld-il2-ra")
ANY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 250),
    st.floats(-3, 250),
    st.sampled_from(["female", "male", "other", "", "ELISA", "x" * 81]),
    st.sampled_from(
        [{"comparator": "<", "value": 3.9}, {"comparator": "<", "value": 0}, {"comparator": ">", "value": 1}]
    ),
    st.just([]),
)


def _patient(**changed):
    return {"age_years": 54, "sex": "female", "tender_joint_count_28": 9, "swollen_joint_count_28": 9} | changed


def _checked(rows):
    columns = {field.name: [row.get(field.name) for row in rows] for field in STUDY.contract}
    cells = {field.name: cells_of_list(field, columns[field.name]) for field in STUDY.contract.covariates}
    names = {field.name: names_of_list(STUDY.patient, field, columns[field.name]) for field in STUDY.contract.assays}
    return covariates_of(STUDY.patient, STUDY.contract, cells, names, len(rows))


@given(st.sampled_from([field.name for field in STUDY.contract]), ANY)
def test_what_is_accepted_is_a_valid_patient(name, value):
    row = _patient(**{name: value})
    _, (accepted,) = _checked([row])
    try:
        STUDY.patient.model_validate(row, strict=True)
    except ValidationError:
        assert not accepted


def test_plain_valid_values_are_accepted_with_their_numbers():
    covariates, accepted = _checked([_patient(rf_positive=True, crp_mg_per_l=2), _patient(sex="male", haq_di=1.5)])
    position = {name: j for j, name in enumerate(STUDY.contract.names)}
    assert accepted.tolist() == [True, True]
    assert covariates.values[:, position["sex"]].tolist() == [0.0, 1.0]
    assert covariates.values[0, position["rf_positive"]] == 1.0
    assert np.isnan(covariates.values[1, position["rf_positive"]])
    assert covariates.values[:, position["haq_di"]].tolist()[1] == 1.5


def test_a_result_below_a_limit_is_the_limit_and_says_so():
    covariates, accepted = _checked([_patient(il21_pg_per_ml={"comparator": "<", "value": 3.9})])
    position = STUDY.contract.names.index("il21_pg_per_ml")
    assert accepted.tolist() == [True]
    assert covariates.values[0, position] == 3.9
    assert covariates.below[0, position]


@pytest.mark.parametrize(
    "changed",
    [
        {"age_years": True},
        {"age_years": "54"},
        {"age_years": 17.9},
        {"tender_joint_count_28": 9.0},
        {"tender_joint_count_28": 29},
        {"rf_positive": 1},
        {"sex": "Female"},
        {"sex": None},
        {"il21_assay": 3},
        {"il21_assay": "x" * 81},
        {"crp_mg_per_l": {"comparator": "<", "value": 3.9}},
    ],
)
def test_what_a_single_patient_may_not_be_is_not_accepted(changed):
    _, accepted = _checked([_patient(), _patient(**changed)])
    assert accepted.tolist() == [True, False]


def test_a_class_with_a_validator_or_another_limit_decides_every_row_itself():
    class WithValidator(Patient):
        age_years: Annotated[float, Field(ge=18, le=90), Measure(label="Age")]

        @field_validator("age_years")
        @classmethod
        def _even(cls, value: float) -> float:
            return value

    class WithOtherLimit(Patient):
        age_years: Annotated[float, Field(gt=18), Measure(label="Age")]

    class WithInnerLimit(Patient):
        marker: Annotated[Annotated[float, Field(multiple_of=2)] | Undetectable | None, Measure(label="Marker")] = None

    assert says_all(STUDY.patient)
    assert not any(says_all(patient) for patient in (WithValidator, WithOtherLimit, WithInnerLimit))
    contract = Contract.of(WithOtherLimit)
    _, accepted = covariates_of(
        WithOtherLimit, contract, {"age_years": cells_of_list(contract["age_years"], [40.0])}, {}, 1
    )
    assert accepted.tolist() == [False]


def test_arrow_columns_give_the_covariates_of_json():
    rows = [_patient(esr_mm_per_h=48, il21_assay="ELISA", rf_positive=False), _patient(sex="male", haq_di=1.125)]
    expected, _ = _checked(rows)
    columns = {name: [row.get(name) for row in rows] for name in {*rows[0], *rows[1]}}
    found, accepted = covariates_of_arrow(STUDY.patient, STUDY.contract, pa.table(columns))
    assert accepted.tolist() == [True, True]
    np.testing.assert_array_equal(found.values, expected.values)
    assert found.assays["il21_assay"].tolist() == ["ELISA", ""]


@pytest.mark.parametrize(
    ("name", "column", "value", "accepted"),
    [
        ("tender_joint_count_28", pa.array([9.0]), 9.0, True),
        ("tender_joint_count_28", pa.array([9.5]), 9.5, False),
        ("tender_joint_count_28", pa.array([9], pa.uint8()), 9.0, True),
        ("haq_di", pa.array([0.1], pa.float32()), 0.1, True),
        ("haq_di", pa.array([float("nan")]), np.nan, True),
        ("haq_di", pa.array([float("inf")]), np.inf, False),
        ("haq_di", pa.array(["1.5"]), np.nan, False),
        ("haq_di", pa.array([True]), np.nan, False),
        ("sex", pa.array(["male"]).dictionary_encode(), 1.0, True),
        ("sex", pa.array(["Male"]), -1.0, False),
        ("sex", pa.nulls(1), np.nan, False),
        ("rf_positive", pa.array([True]), 1.0, True),
        ("rf_positive", pa.array([1]), np.nan, False),
        ("crp_mg_per_l", pa.nulls(1), np.nan, True),
    ],
)
def test_each_type_of_an_arrow_column(name, column, value, accepted):
    columns = {key: pa.array([given]) for key, given in _patient().items()} | {name: column}
    covariates, decided = covariates_of_arrow(STUDY.patient, STUDY.contract, pa.table(columns))
    np.testing.assert_equal(covariates.values[0, STUDY.contract.names.index(name)], value)
    assert decided.tolist() == [accepted]


@pytest.mark.parametrize(("sign", "below", "accepted"), [("<", True, True), (None, False, True), (">", False, False)])
def test_a_comparator_column_marks_limits_of_detection(sign, below, accepted):
    columns = {key: pa.array([given]) for key, given in _patient(il21_pg_per_ml=3.9).items()}
    table = pa.table(columns | {"il21_pg_per_ml_comparator": pa.array([sign], pa.string())})
    covariates, decided = covariates_of_arrow(STUDY.patient, STUDY.contract, table)
    assert covariates.below[0, STUDY.contract.names.index("il21_pg_per_ml")] == below
    assert decided.tolist() == [accepted]
