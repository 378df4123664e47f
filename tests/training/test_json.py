"""With --json a command writes one document, whose members are those that docs/cli.md names."""

import json

import pytest

FILES = ("--study", "ld-il2-ra", "--baseline", "trial/baseline.csv", "--visits", "trial/visits.csv")


@pytest.fixture
def answered(trained):
    """Runs a command in the workplace of a finished training; gives what it wrote as JSON."""

    def run(*command, exit_code=0):
        done = trained.run(*command, "--json")
        assert done.returncode == exit_code, done.stderr
        return json.loads(done.stdout)

    return run


def test_simulating(answered, documented_members, tmp_path):
    found = answered("simulate", "--patients", "10", "--out", str(tmp_path))
    assert set(found) == documented_members["simulate"]
    assert found["truth"] == str(tmp_path / "truth.csv")


def test_checking_data(answered, documented_members):
    assert set(answered("check-data", *FILES)) == documented_members["check-data"]


@pytest.mark.slow
def test_training(workplace, documented_members):
    assert workplace.run("simulate", "--patients", "40", "--out", "trial").returncode == 0
    done = workplace.run("train", *FILES, "--repeats", "1", "--resamples", "20", "--register", "small", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == documented_members["train"]
    assert found["registered"] == {"name": "small", "version": 1}
    assert found["card"]["training_data"]["patients"] == 40
    assert found["model"]["digest"].startswith("sha256:")
    assert found["gates"][0]["code"] == "GATE001"


def test_reporting(answered, documented_members, tmp_path):
    target = str(tmp_path / "report.html")
    found = answered("report", "--model", "model", "--out", target)
    assert set(found) == documented_members["report"]
    assert found == {"file": target}


def test_promoting(answered, documented_members):
    found = answered("promote", "acr20", "1", "--alias", "challenger")
    assert set(found) == documented_members["promote"]
    assert (found["promoted"], found["alias"], found["gates"]) == (True, "challenger", [])


def test_a_refused_promotion_says_so_and_keeps_its_exit_code(answered, documented_members):
    found = answered("promote", "acr20", "1", exit_code=4)
    assert set(found) == documented_members["promote"]
    assert (found["promoted"], found["overridden"]) == (False, [])
    assert "failed" in {gate["status"] for gate in found["gates"]}


def test_predicting(answered, documented_members, tmp_path):
    found = answered("predict", "--in", "trial/baseline.csv", "--out", str(tmp_path / "predictions.csv"))
    assert set(found) == documented_members["predict"]
    assert found["patients"] == 80
    assert "Research use only" in found["intended_use"]


def test_sizing_a_trial(answered, documented_members):
    found = answered("sample-size", "--rate", "0.5", "--parameters", "4")
    assert set(found) == documented_members["sample-size"]


def test_proposing_a_mapping(answered, documented_members, tmp_path):
    target = str(tmp_path / "map.toml")
    found = answered("map", "--study", "ld-il2-ra", "--in", "trial/baseline.csv", "--out", target)
    assert set(found) == documented_members["map"]
    assert (found["file"], found["notes"]) == (target, [])


def test_listing_studies(answered, documented_members):
    assert [set(study) for study in answered("studies")] == [documented_members["studies"]] * 2


def test_showing_a_study(answered, documented_members):
    found = answered("studies", "auranofin-ra")
    assert set(found) == documented_members["studies STUDY"]
    assert found["fields"][0] == {
        "name": "age_years",
        "label": "Age",
        "unit": "years",
        "expected": "a number from 18 to 100 years",
        "required": True,
    }
