"""What a user sees of the commands: exit codes, one clear line, and nothing lost."""

import csv

import mlflow
import pytest
from mlflow import MlflowClient

TRIAL = ("--study", "ld-il2-ra", "--baseline", "trial/baseline.csv", "--visits", "trial/visits.csv")


def test_training_is_logged_as_a_run_with_a_child_for_each_candidate(trained):
    client = MlflowClient(trained.environment["MLFLOW_TRACKING_URI"])
    (experiment,) = [e for e in client.search_experiments() if e.name == "ld-il2-ra"]
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = {run.data.params["candidate"] for run in runs if run is not parent}
    assert children == {"prevalence", "prespecified", "hierarchical", "firth", "elastic-net", "xgboost"}
    assert parent.data.params["patients"] == "80"
    assert parent.data.tags["training_data"] == "simulated"
    assert len(parent.data.tags["data_fingerprint"]) == 64
    assert parent.data.tags["code_revision"]
    logged = {artefact.path for artefact in client.list_artifacts(parent.info.run_id)}
    assert logged == {"candidates.png", "card.json", "report.html"}


def test_the_registered_model_has_an_explicit_signature(trained):
    mlflow.set_tracking_uri(trained.environment["MLFLOW_TRACKING_URI"])
    signature = mlflow.models.get_model_info("models:/acr20@champion").signature
    inputs = {column.name: (column.type.name, column.required) for column in signature.inputs.inputs}
    assert inputs["age_years"] == ("double", True)
    assert inputs["rf_positive"] == ("double", False)
    assert inputs["sex"] == ("string", True)
    assert inputs["il21_pg_per_ml_comparator"] == ("string", False)
    assert "treated_probability" in signature.outputs.input_names()


def test_an_alias_moves_with_its_reason(trained):
    client = MlflowClient(trained.environment["MLFLOW_TRACKING_URI"])
    version = client.get_model_version_by_alias("acr20", "champion")
    assert version.tags["promoted_to_champion"] == "the first"


def test_a_version_that_does_not_exist_cannot_be_promoted(trained):
    done = trained.run("promote", "acr20", "99")
    assert done.returncode == 2
    assert done.stderr.startswith("acrcast: models:/acr20/99: ")
    assert len(done.stderr.splitlines()) == 1


def test_an_unknown_study_is_bad_usage(workplace):
    done = workplace.run("train", "--study", "no-such-study", "--table", "x.csv")
    assert done.returncode == 2
    assert "use auranofin-ra, ld-il2-ra or the path of a .py file" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_invalid_data_exit_with_3_and_leave_no_model(trained, workplace):
    with (trained.folder / "trial" / "baseline.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[3]["treg_percent_of_cd4"] = "0.05"
    (workplace.folder / "trial").mkdir()
    with (workplace.folder / "trial" / "baseline.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    visits = (trained.folder / "trial" / "visits.csv").read_bytes()
    (workplace.folder / "trial" / "visits.csv").write_bytes(visits)
    done = workplace.run("train", *TRIAL, "--out", "model")
    assert done.returncode == 3
    assert "row 5, treg_percent_of_cd4" in done.stderr
    assert "most likely a fraction" in done.stderr
    assert "0.05" not in done.stderr
    assert not (workplace.folder / "model").exists()


def test_a_folder_that_holds_something_is_not_written_over(trained):
    before = sorted((trained.folder / "model").iterdir())
    done = trained.run("train", *TRIAL, "--out", "model")
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert sorted((trained.folder / "model").iterdir()) == before


def test_five_patients_are_too_few_and_the_reason_is_said(trained, workplace):
    (workplace.folder / "trial").mkdir()
    for name, lines in (("baseline.csv", 6), ("visits.csv", None)):
        text = (trained.folder / "trial" / name).read_text().splitlines(keepends=True)
        kept = (
            text[:lines] if lines else [text[0], *(t for t in text[1:] if t[:6] in {f"P0000{i}" for i in range(1, 6)})]
        )
        (workplace.folder / "trial" / name).write_text("".join(kept))
    done = workplace.run("train", *TRIAL)
    assert done.returncode == 1
    assert "5 patients: at least 10 are needed" in done.stderr
    assert "Traceback" not in done.stderr


def test_predictions_for_a_bad_file_write_nothing(trained):
    (trained.folder / "bad.csv").write_text(
        "age_years,sex,tender_joint_count_28,swollen_joint_count_28\n54,woman,40,9\n"
    )
    done = trained.run("predict", "--in", "bad.csv", "--out", "never.csv")
    assert done.returncode == 3
    assert "expected one of female, male" in done.stderr
    assert not (trained.folder / "never.csv").exists()


@pytest.mark.parametrize("model", ["nowhere", "models:/acr20@nobody", "models:/no-such-model/1"])
def test_a_model_that_does_not_exist_is_named_in_one_line(trained, model):
    done = trained.run("predict", "--model", model, "--in", "trial/baseline.csv", "--out", "never.csv")
    assert done.returncode == 2
    assert model.split("@")[0].split("/1")[0] in done.stderr
    assert "Traceback" not in done.stderr


def test_studies_lists_what_ships_and_the_fields_of_one(workplace):
    assert "auranofin-ra" in workplace.run("studies").stdout
    fields = workplace.run("studies", "ld-il2-ra").stdout
    assert "treg_percent_of_cd4" in fields
    assert "a whole number from 0 to 28 joints" in fields


def test_sample_size_says_what_each_criterion_asks_for(workplace):
    done = workplace.run("sample-size", "--rate", "0.174", "--parameters", "24", "--r2", "0.288", "--patients", "100")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()[1:4]] == ["623", "662", "221"]
    assert "100 patients are too few for 24 parameters: Riley's criteria ask for 662, 562 more." in done.stdout


def test_sample_size_also_says_what_validating_in_others_takes(workplace):
    """pmvalsampsize of the C statistic .8 at a rate of .018 says 4252; (1 - rate) / rate / SE^2 of O/E, 21,028."""
    done = workplace.run("sample-size", "--rate", "0.018", "--c-statistic", "0.8", "--threshold", "0.05")
    assert done.returncode == 0
    needed = {
        line.split("interval of ")[-1].split(" is ")[0]: line.split()[0] for line in done.stdout.splitlines()[1:5]
    }
    assert needed["the C statistic"] == "4252"
    assert needed["observed over expected"] == "21028"
    assert "the net benefit at 0.05, as a share of the response rate," in needed
    assert "parameters" not in done.stdout


def test_an_impossible_r2_is_bad_usage(workplace):
    done = workplace.run("sample-size", "--rate", "0.5", "--parameters", "5", "--r2", "0.9")
    assert done.returncode == 2
    assert "below 0.750" in done.stderr
