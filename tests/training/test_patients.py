"""Patients to predict for: a file of typed columns and the same as text are the same patients."""

import numpy as np
import pandas as pd
import pytest

from acrcast.studies import load_study
from acrcast_training.data.patients import patients_of_frame, read_patients
from acrcast_training.data.typed_patients import typed_parts


@pytest.fixture
def study():
    return load_study("ld-il2-ra")


@pytest.fixture
def frame():
    """Three patients; IL-21 of the second was below the limit of detection, of the third not measured."""
    return pd.DataFrame(
        {
            "patient_id": ["P1", "P2", "P3"],
            "age_years": [54.0, 61.5, 40.0],
            "sex": ["female", "male", "female"],
            "tender_joint_count_28": [14, 6, 9],
            "swollen_joint_count_28": [9, 12, 3],
            "il21_pg_per_ml": [85.0, 15.6, None],
            "il21_pg_per_ml_comparator": [None, "<", None],
        }
    )


def il21(study, covariates):
    position = [field.name for field in study.contract.covariates].index("il21_pg_per_ml")
    return covariates.values[:, position].tolist(), covariates.below[:, position].tolist()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("typed", [True, False])
def test_a_limit_of_detection_in_a_column_of_its_own_is_one_in_every_file(study, frame, tmp_path, ending, typed):
    path = tmp_path / f"patients.{ending}"
    written = frame if typed else frame.assign(age_years=frame["age_years"].astype(str))
    (written.to_csv if ending == "csv" else written.to_parquet)(path, index=False)
    ids, covariates = read_patients(study, [path])
    values, below = il21(study, covariates)
    assert ids.tolist() == ["P1", "P2", "P3"]
    np.testing.assert_array_equal(values, [85.0, 15.6, np.nan])
    assert below == [False, True, False]


def test_a_limit_of_detection_of_a_data_frame_is_that_of_a_file(study, frame):
    values, below = il21(study, patients_of_frame(study, frame.drop(columns="patient_id")))
    np.testing.assert_array_equal(values, [85.0, 15.6, np.nan])
    assert below == [False, True, False]


@pytest.mark.parametrize("ids", [["P1", "P2", "P3"], [1, 2, 3]])
def test_identifiers_as_pandas_writes_them_leave_the_columns_typed(study, frame, tmp_path, ids):
    frame.assign(patient_id=ids).to_parquet(tmp_path / "patients.parquet", index=False)
    parts = list(typed_parts(study, tmp_path / "patients.parquet", 2))
    assert [part[0].tolist() for part in parts] == [[str(i) for i in ids[:2]], [str(i) for i in ids[2:]]]


def test_a_part_that_is_not_typed_ends_the_reading_of_parts(study, frame, tmp_path):
    frame.assign(tender_joint_count_28=[14, 6, 99]).to_parquet(tmp_path / "patients.parquet", index=False)
    assert [part is None for part in typed_parts(study, tmp_path / "patients.parquet", 2)] == [False, True]
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1")
    assert list(typed_parts(study, tmp_path / "damaged.parquet", 2)) == [None]
