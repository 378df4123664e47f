"""The file command, the service, MLflow's pyfunc and MLflow's own server give the same numbers to the last digit."""

import json
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from http.client import HTTPConnection

import mlflow
import numpy as np
import pandas as pd
import pytest

from acrcast_training import tracking

MODEL = "models:/acr20@champion"

PATIENTS = [
    {
        "age_years": 54,
        "sex": "female",
        "disease_duration_years": 4.5,
        "treg_percent_of_cd4": 5.2,
        "il21_pg_per_ml": 85.0,
        "tender_joint_count_28": 14,
        "swollen_joint_count_28": 9,
        "patient_global_mm": 65,
        "physician_global_mm": 60,
        "pain_mm": 68,
        "haq_di": 1.5,
        "esr_mm_per_h": 48,
        "crp_mg_per_l": 22.0,
        "rf_positive": True,
        "anti_ccp_positive": False,
        "methotrexate_mg_per_week": 12.5,
        "current_smoker": False,
    },
    # an unknown yes or no is neither, and must not become false on any way
    {
        "age_years": 61.5,
        "sex": "male",
        "tender_joint_count_28": 6,
        "swollen_joint_count_28": 12,
        "il21_pg_per_ml": {"comparator": "<", "value": 15.6},
        "rf_positive": None,
        "current_smoker": True,
    },
]


@contextmanager
def running(workplace, *command, port, ready):
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=workplace.folder,
        env=workplace.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            end = time.monotonic() + 120
            while call(port, "GET", ready) is None:
                assert process.poll() is None, "it stopped"
                assert time.monotonic() < end, "it did not become ready"
                time.sleep(0.1)
            yield
        finally:
            process.terminate()


def call(port, method, path, body=None):
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read()
    except ConnectionError:
        return None
    finally:
        connection.close()
    assert response.status == 200 or method == "GET", content
    return content if response.status == 200 else None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def by_file(trained):
    frame = pd.DataFrame(PATIENTS)
    frame["il21_pg_per_ml"] = ["85.0", "<15.6"]
    frame.to_csv(trained.folder / "patients.csv", index=False)
    done = trained.run("predict", "--model", MODEL, "--in", "patients.csv", "--out", "predictions.csv")
    assert done.returncode == 0, done.stderr
    return pd.read_csv(trained.folder / "predictions.csv", keep_default_na=False)


@pytest.fixture
def flat():
    """The patients in columns of MLflow's types: yes is 1, and the undetectable result takes two columns."""
    frame = pd.DataFrame([dict(patient) for patient in PATIENTS])
    frame["il21_pg_per_ml"] = [85.0, 15.6]
    frame["il21_pg_per_ml_comparator"] = [None, "<"]
    text = ("sex", "il21_pg_per_ml_comparator")
    return frame.astype({name: "float64" for name in frame.columns if name not in text})


NUMBERS = [f"{arm}_{part}" for arm in ("control", "treated") for part in ("probability", "low", "high")] + [
    f"benefit_{part}" for part in ("difference", "low", "high", "probability_positive")
]


def test_the_service_answers_what_the_file_command_writes(trained, by_file):
    port = free_port()
    with running(
        trained, "acrcast.cli", "serve", "--model", MODEL, "--port", str(port), port=port, ready="/health/ready"
    ):
        answers = [json.loads(call(port, "POST", "/predict", patient)) for patient in PATIENTS]
    for i, answer in enumerate(answers):
        given = [
            *(
                number
                for arm in ("control", "treated")
                for number in (answer[arm]["probability"], *answer[arm]["interval"])
            ),
            answer["benefit"]["difference"],
            *answer["benefit"]["interval"],
            answer["benefit"]["probability_positive"],
        ]
        assert given == by_file.loc[i, NUMBERS].tolist()
        assert answer["support"]["status"] == by_file.loc[i, "support"]
        assert " ".join(sorted(m["measure"] for m in answer["missing"])) == " ".join(
            sorted(by_file.loc[i, "missing"].split())
        )
        assert answer["model"]["digest"] == by_file.loc[i, "model_digest"]


def test_mlflows_pyfunc_gives_what_the_file_command_writes(trained, by_file, flat):
    tracking.use_store(trained.environment["MLFLOW_TRACKING_URI"])
    given = mlflow.pyfunc.load_model(MODEL).predict(flat)
    assert given[NUMBERS].to_numpy().tolist() == by_file[NUMBERS].to_numpy().tolist()


def test_mlflows_own_server_gives_what_the_file_command_writes(trained, by_file, flat):
    port = free_port()
    records = json.loads(flat.replace({np.nan: None}).to_json(orient="records"))
    serve = ("mlflow", "models", "serve", "-m", MODEL, "--env-manager", "local", "-p", str(port))
    with running(trained, *serve, port=port, ready="/ping"):
        given = json.loads(call(port, "POST", "/invocations", {"dataframe_records": records}))["predictions"]
    assert [[row[name] for name in NUMBERS] for row in given] == by_file[NUMBERS].to_numpy().tolist()


def test_a_parquet_file_gives_the_same_predictions(trained, by_file):
    frame = pd.DataFrame(PATIENTS).assign(il21_pg_per_ml=["85.0", "<15.6"])
    frame.to_parquet(trained.folder / "patients.parquet", index=False)
    done = trained.run("predict", "--model", "model", "--in", "patients.parquet", "--out", "predictions.parquet")
    assert done.returncode == 0, done.stderr
    given = pd.read_parquet(trained.folder / "predictions.parquet")
    assert given[NUMBERS].to_numpy().tolist() == by_file[NUMBERS].to_numpy().tolist()


def test_estimates_alone_are_the_same_numbers(trained, by_file):
    options = ("--estimates-only", "--json", "--in", "patients.csv", "--out", "estimates.csv")
    done = trained.run("predict", "--model", "model", *options)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outside"] is None
    given = pd.read_csv(trained.folder / "estimates.csv", keep_default_na=False)
    names = ["control_probability", "treated_probability", "benefit_difference", "missing"]
    assert list(given.columns) == ["patient_id", *names, "model_digest", "training_data"]
    assert given[names].to_numpy().tolist() == by_file[names].to_numpy().tolist()
