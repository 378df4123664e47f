"""`acrcast predict` of a folder: each partition appears whole, under its name, and nothing else is mixed in."""

import fcntl
import json
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from acrcast.errors import AcrcastError, DataError, UsageError

NAMES = ["a.parquet", "b.parquet", "site=1/a.parquet", "site=2/c.parquet"]


def read(path):
    return pq.ParquetFile(path).read().to_pandas()


def rewrite(path, change):
    frame = read(path)
    change(frame).to_parquet(path, index=False)


# what is written


@pytest.mark.usefixtures("patients")
def test_each_partition_has_the_predictions_of_its_file_by_itself(predicted, tmp_path, contents):
    said = predicted("patients", "out")
    assert (said["partitions"], said["finished_before"], said["patients"]) == (4, 0, 2000)
    assert sorted(contents(tmp_path / "out")) == NAMES
    for name in NAMES:
        predicted(f"patients/{name}", "alone.parquet")
        pd.testing.assert_frame_equal(read(tmp_path / "out" / name), read(tmp_path / "alone.parquet"), check_exact=True)


def test_a_partition_larger_than_what_is_read_at_once_is_predicted_as_a_file(predicted, table, tmp_path):
    complete = table[table["il21_pg_per_ml_comparator"].isna()].dropna(axis=1, how="all").dropna()
    many = complete.drop(columns="patient_id").iloc[np.resize(np.arange(len(complete)), 65_536 + 10)]
    (tmp_path / "patients").mkdir()
    many.to_parquet(tmp_path / "patients" / "a.parquet", index=False)
    predicted("patients", "out")
    predicted("patients/a.parquet", "alone.parquet")
    found = read(tmp_path / "out" / "a.parquet")
    pd.testing.assert_frame_equal(found, read(tmp_path / "alone.parquet"), check_exact=True)
    # rows are counted through, where nobody has an identifier
    assert found["patient_id"].tolist()[-1] == "65546"


def test_what_other_programs_leave_beside_is_no_partition(patients, predicted, tmp_path, contents):
    (patients / "_SUCCESS").touch()
    for name in (".a.parquet.crc", "_metadata.parquet", ".hidden.parquet"):
        (patients / name).write_bytes(b"not Parquet")
    predicted("patients", "out")
    assert sorted(contents(tmp_path / "out")) == NAMES
    # and what acrcast keeps beside predictions is none for others
    assert len(pd.read_parquet(tmp_path / "out")) == 2000


def test_a_partition_without_patients_has_predictions_without_rows(patients, predicted, tmp_path):
    rewrite(patients / "a.parquet", lambda frame: frame[:0])
    assert predicted("patients", "out")["patients"] == 1500
    assert len(read(tmp_path / "out" / "a.parquet")) == 0


@pytest.mark.usefixtures("patients")
def test_the_folder_says_what_its_predictions_are(predicted, tmp_path):
    said = predicted("patients", "out", "--level", 0.8)
    record = json.loads((tmp_path / "out" / "_acrcast.json").read_text())
    assert record["digest"] == said["model"]["digest"]
    assert (record["level"], record["training_data"]) == (0.8, "simulated")
    assert record["cautions"] == said["cautions"]


# going on


@pytest.mark.usefixtures("patients")
def test_finished_partitions_are_not_scored_again(predicted, tmp_path):
    first = predicted("patients", "out")
    before = {name: (tmp_path / "out" / name).stat() for name in NAMES}
    (tmp_path / "out" / "b.parquet").unlink()
    again = predicted("patients", "out")
    assert again == first | {"finished_before": 3}
    after = {name: (tmp_path / "out" / name).stat() for name in NAMES}
    assert [name for name in NAMES if after[name].st_mtime_ns != before[name].st_mtime_ns] == ["b.parquet"]


def test_a_partition_that_was_written_since_is_scored_again(patients, predicted, tmp_path):
    predicted("patients", "out")
    before = read(tmp_path / "out" / "b.parquet")
    rewrite(patients / "b.parquet", lambda frame: frame.assign(tender_joint_count_28=28))
    assert predicted("patients", "out")["finished_before"] == 3
    assert (read(tmp_path / "out" / "b.parquet")["treated_probability"] != before["treated_probability"]).any()


def test_after_a_kill_every_partition_is_whole_and_the_same_command_goes_on(table, predicted, tmp_path, contents):
    (tmp_path / "patients").mkdir()
    for number in range(6):
        many = table.iloc[np.resize(np.arange(len(table)), 5_000)]
        many.to_parquet(tmp_path / "patients" / f"{number}.parquet", index=False)
    predicted("patients", "uninterrupted")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "acrcast.cli", "predict", "--in", str(tmp_path / "patients"), "--out", str(out)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not list(out.glob("*.parquet")):
            assert process.poll() is None
            time.sleep(0.002)
        process.kill()
    kept = contents(out)
    assert 1 <= len(kept) < 6
    (out / ".5.parquet.0123.unfinished").write_bytes(b"what was being written")
    assert predicted("patients", "out")["finished_before"] == len(kept)
    assert contents(out) == contents(tmp_path / "uninterrupted")
    assert not list(out.glob(".*unfinished"))
    assert kept.items() <= contents(out).items()


@pytest.mark.usefixtures("patients")
def test_two_processes_do_not_write_into_one_folder(predict, tmp_path):
    predict("patients", "out")
    with (tmp_path / "out" / "_acrcast.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = predict("patients", "out")
    assert isinstance(refused.exception, AcrcastError)
    assert "another process writes into it" in str(refused.exception)


# what is refused


def test_a_partition_that_is_not_valid_is_named_and_all_others_are_scored(
    patients, predict, predicted, tmp_path, contents
):
    rewrite(patients / "site=1/a.parquet", lambda frame: frame.assign(tender_joint_count_28=[8] * 499 + [123456]))
    refused = predict("patients", "out")
    assert isinstance(refused.exception, DataError)
    assert refused.exception.exit_code == 3
    said = str(refused.exception)
    assert said.startswith("1 of 4 partitions are not valid, and have no predictions; the others have.")
    assert "site=1/a.parquet, row 500, tender_joint_count_28: expected a whole number from 0 to 28 joints" in said
    assert "123456" not in said
    assert sorted(contents(tmp_path / "out")) == [name for name in NAMES if name != "site=1/a.parquet"]
    rewrite(patients / "site=1/a.parquet", lambda frame: frame.assign(tender_joint_count_28=8))
    assert predicted("patients", "out")["finished_before"] == 3


def test_partitions_with_other_columns_are_refused_before_anything_is_written(patients, predict, tmp_path):
    rewrite(patients / "b.parquet", lambda frame: frame.drop(columns="esr_mm_per_h").assign(note=""))
    refused = predict("patients", "out")
    assert isinstance(refused.exception, DataError)
    assert str(refused.exception) == (
        "b.parquet: its columns differ from those of a.parquet: without esr_mm_per_h, with note; give all files the same"
    )
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_parquet_is_refused(patients, predict):
    (patients / "b.parquet").write_text("patient_id,age_years\n")
    refused = predict("patients", "out")
    assert isinstance(refused.exception, DataError)
    assert str(refused.exception) == "b.parquet: expected a Parquet file"


def test_a_measure_in_the_names_of_folders_only_is_refused(patients, predict):
    (patients / "sex=female").mkdir()
    (patients / "b.parquet").rename(patients / "sex=female" / "b.parquet")
    refused = predict("patients", "out")
    assert isinstance(refused.exception, DataError)
    assert "sex=female/b.parquet, sex: expected in the files: here it is in the names of folders only" in str(
        refused.exception
    )


@pytest.mark.parametrize("left", [[], ["a.csv", "_a.parquet"]])
def test_a_folder_without_a_partition_is_bad_usage(predict, tmp_path, left):
    (tmp_path / "patients").mkdir()
    for name in left:
        (tmp_path / "patients" / name).touch()
    refused = predict("patients", "out")
    assert isinstance(refused.exception, UsageError)
    assert "no Parquet file in it" in str(refused.exception)
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_patient_is_refused(patients, predict):
    for name in NAMES:
        rewrite(patients / name, lambda frame: frame[:0])
    assert "no patients in any file" in str(predict("patients", "out").exception)


@pytest.mark.usefixtures("patients")
def test_a_folder_of_another_level_is_left_as_it_is(predict, tmp_path, contents):
    predict("patients", "out")
    before = contents(tmp_path / "out")
    refused = predict("patients", "out", "--level", 0.9)
    assert isinstance(refused.exception, UsageError)
    assert "holds predictions of another --level: give a new folder for --out" in str(refused.exception)
    assert contents(tmp_path / "out") == before


def test_a_folder_of_another_model_and_other_patients_is_left_as_it_is(patients, predict, tmp_path):
    predict("patients", "out")
    record = tmp_path / "out" / "_acrcast.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"digest": "sha256:of another"}))
    patients.rename(patients.with_name("others"))
    refused = predict("others", "out")
    assert isinstance(refused.exception, UsageError)
    assert "of another --in and another model: give a new folder" in str(refused.exception)


@pytest.mark.usefixtures("patients")
def test_a_folder_that_holds_something_else_is_left_as_it_is(predict, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.parquet").write_bytes(b"somebody's")
    refused = predict("patients", "out")
    assert isinstance(refused.exception, UsageError)
    assert "acrcast predict did not begin it: give a new folder for --out" in str(refused.exception)
    assert (tmp_path / "out" / "a.parquet").read_bytes() == b"somebody's"


@pytest.mark.usefixtures("patients")
def test_a_record_that_is_not_ours_is_bad_usage(predict, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "_acrcast.json").write_text('{"form": 2}')
    refused = predict("patients", "out")
    assert isinstance(refused.exception, UsageError)
    assert "not what this acrcast writes" in str(refused.exception)


def test_predictions_of_a_partition_that_is_gone_are_named(patients, predict, tmp_path):
    predict("patients", "out")
    (patients / "b.parquet").unlink()
    refused = predict("patients", "out")
    assert isinstance(refused.exception, UsageError)
    assert f"{tmp_path}/out/b.parquet: {tmp_path}/patients has no such partition" in str(refused.exception)


@pytest.mark.parametrize(
    ("source", "target"), [("patients", "patients"), ("patients", "patients/out"), ("patients", ".")]
)
@pytest.mark.usefixtures("patients")
def test_predictions_are_not_written_among_patients(predict, source, target):
    refused = predict(source, target)
    assert isinstance(refused.exception, UsageError)
    assert "give folders of which none is in the other" in str(refused.exception)


def test_a_folder_is_predicted_by_itself(patients, predict):
    refused = predict("patients", "out", "--in", patients / "a.parquet")
    assert isinstance(refused.exception, UsageError)
    assert "leave out --map and every other --in" in str(refused.exception)


@pytest.mark.usefixtures("patients")
def test_a_file_where_the_folder_should_be_is_bad_usage(predict, tmp_path):
    (tmp_path / "out").touch()
    refused = predict("patients", "out")
    assert isinstance(refused.exception, UsageError)
    assert "cannot be written" in str(refused.exception)
