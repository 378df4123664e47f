"""`acrcast predict` from typed Parquet to Parquet, part after part: the numbers of a CSV file, in a file that is whole or not there."""

import pandas as pd
import pytest

from acrcast.errors import DataError, UsageError
from acrcast_training import predictions
from acrcast_training.commands.predict import predict


@pytest.fixture
def frame():
    """Five patients with typed columns; IL-21 of the second was below its limit, and is not known of the third."""
    return pd.DataFrame(
        {
            "patient_id": ["P1", "P2", "P3", "P4", "P5"],
            "age_years": [54.0, 61.5, 40.0, 70.0, 33.0],
            "sex": ["female", "male", "female", "male", "female"],
            "tender_joint_count_28": [14, 6, 9, 20, 11],
            "swollen_joint_count_28": [9, 12, 3, 8, 7],
            "il21_pg_per_ml": [85.0, 15.6, None, 60.0, 120.0],
            "il21_pg_per_ml_comparator": [None, "<", None, None, None],
        }
    )


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(predictions, "ROWS_OF_A_PART", 2)

    def run(*arguments):
        predict.main(list(arguments), standalone_mode=False)

    return run


@pytest.mark.parametrize("options", [[], ["--estimates-only"]])
def test_parts_of_a_typed_file_give_the_numbers_of_a_csv_file(run, frame, options):
    frame.to_parquet("patients.parquet", index=False)
    frame.to_csv("patients.csv", index=False)
    run("--in", "patients.parquet", "--out", "parts.parquet", *options)
    run("--in", "patients.csv", "--out", "whole.csv", *options)
    pd.testing.assert_frame_equal(
        pd.read_parquet("parts.parquet"),
        pd.read_csv("whole.csv", keep_default_na=False),
        check_exact=True,
        check_dtype=False,
    )


def test_a_value_out_of_range_in_a_later_part_is_said_and_what_was_there_stays(run, frame, tmp_path):
    frame.to_parquet("patients.parquet", index=False)
    run("--in", "patients.parquet", "--out", "out.parquet")
    before = (tmp_path / "out.parquet").read_bytes()
    frame.assign(age_years=[54.0, 61.5, 40.0, 70.0, 3.0]).to_parquet("patients.parquet", index=False)
    with pytest.raises(DataError, match="age_years"):
        run("--in", "patients.parquet", "--out", "out.parquet")
    assert (tmp_path / "out.parquet").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.parquet", "patients.parquet"]


@pytest.mark.parametrize("name", ["out.parquet", "out.csv"])
def test_a_folder_that_is_not_there_is_said(run, frame, name):
    frame.to_parquet("patients.parquet", index=False)
    with pytest.raises(UsageError, match="there is no folder elsewhere"):
        run("--in", "patients.parquet", "--out", f"elsewhere/{name}")
