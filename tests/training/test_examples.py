"""The tables that ship, against where they come from."""

import csv

import pytest

from acrcast.errors import UsageError
from acrcast.studies import load_study
from acrcast_training.data.cohort import ArmFlow, flow, load_cohort
from acrcast_training.data.examples import derive_auranofin, example_table


def test_the_auranofin_table_is_what_the_published_one_gives():
    assert example_table("auranofin-ra").read_text(encoding="utf-8") == derive_auranofin()


def test_the_auranofin_table_is_a_cohort_of_302_patients_of_whom_9_were_not_assessed():
    patients = load_cohort(load_study("auranofin-ra"), table=example_table("auranofin-ra"))
    assert len(patients) == 302
    assert patients.data_kind == "trial"
    assert flow(patients) == (
        ArmFlow("placebo", "Placebo", randomised=149, assessed=147, responders=58, responders_per_protocol=58),
        ArmFlow("auranofin", "Auranofin", randomised=153, assessed=146, responders=73, responders_per_protocol=73),
    )


def test_the_auranofin_table_agrees_with_the_trial_table_beside_the_project(shared_data):
    with (shared_data / "auranofin_ra.csv").open(newline="") as file:
        last_visits = [row for row in csv.DictReader(file) if row["time"] == "5"]
    with example_table("auranofin-ra").open(newline="") as file:
        shipped = {row["patient_id"]: row for row in csv.DictReader(file)}
    assert len(last_visits) == len(shipped) == 302
    for visit in last_visits:
        assert shipped[visit["id"]] == {
            "patient_id": visit["id"],
            "arm": {"1": "placebo", "2": "auranofin"}[visit["trt"]],
            "age_years": visit["age"],
            "sex_code": visit["sex"],
            "self_assessment": visit["baseline"],
            "self_assessment_month_5": "" if visit["y"] in ("", "NA") else visit["y"],
        }


def test_a_study_without_a_table_is_told_which_have_one():
    with pytest.raises(UsageError, match="there is one for auranofin-ra"):
        example_table("ld-il2-ra")
