"""`acrcast retrain` against a real registry: one challenger, whatever happened in between."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from mlflow import MlflowClient

from acrcast import artefact
from acrcast.errors import GateRefusal, UsageError
from acrcast.estimators.normal import expit
from acrcast.promotion import JudgedGate
from acrcast.studies import load_study
from acrcast_training.retraining.running import KEY, Asked, Done, register
from acrcast_training.retraining.workplace import Result
from acrcast_training.tracking.registry import set_alias
from acrcast_training.tracking.runs import log_folder

from .conftest import Clinic

OPTIONS = (
    "--study", "one.py", "--from", "table.csv", "--from", "export.jsonl", "--due-after", "84", "--as-of", "2026-10-01",
    "--repeats", "1", "--resamples", "20",
)  # fmt: skip
ALL_THE_SAME = ("--override", "--reason", "for silent mode")


@pytest.fixture(scope="module")
def place(one_arm, tmp_path_factory):
    """A folder with the study, the champion's table and an export of 60 more patients; the champion is in a registry."""
    source, model = one_arm
    folder = tmp_path_factory.mktemp("retrain")
    for name in ("one.py", "table.csv"):
        (folder / name).write_text((source / name).read_text())
    clinic = Clinic(model, folder)
    rng = np.random.default_rng(8)
    patients = [model.study.patient(marker=float(m), stage="I") for m in np.round(rng.normal(0.5, 1, 60), 2)]
    clinic.follow(patients, [bool(rng.random() < expit(np.array(2 * p.marker))) for p in patients], arms=None)
    clinic.export().rename(folder / "export.jsonl")
    clinic.chain.engine.dispose()
    store = f"sqlite:///{folder / 'state' / 'mlflow.db'}"
    own = folder / "one.py"
    log_folder(source / "model", model, register="one", own_study=own, store=store, tags={})
    set_alias("one", 1, "champion", reason=None, store=store)
    return folder


@pytest.fixture
def store(place):
    return MlflowClient(f"sqlite:///{place / 'state' / 'mlflow.db'}")


@pytest.fixture
def here(place, monkeypatch, command):
    """`acrcast` in that folder, with its state and registry."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("ACRCAST_STATE", str(place / "state"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place / 'state' / 'mlflow.db'}")
    return command


@pytest.fixture
def retrained(here, place):
    """The first retraining, done once."""
    done = here("retrain", "one", *OPTIONS, *ALL_THE_SAME)
    assert done.returncode == 0, done.stderr
    (folder,) = [path for path in (place / "state" / "retrained" / "one").iterdir() if path.is_dir()]
    return done, folder


def test_a_challenger_is_registered_once_however_often_it_is_asked_for(retrained, here, store):
    _, folder = retrained
    again = here("retrain", "one", *OPTIONS, *ALL_THE_SAME)
    assert "This was done before: the model and its page are taken as they are." in again.stdout
    versions = store.search_model_versions("name = 'one'")
    assert sorted(int(version.version) for version in versions) == [1, 2]
    challenger = store.get_model_version_by_alias("one", "challenger")
    assert int(challenger.version) == 2
    assert challenger.tags["promoted_to_challenger"].startswith("retrained on 180 patients")
    run = store.get_run(challenger.run_id)
    assert run.data.tags[KEY] == folder.name
    assert int(store.get_model_version_by_alias("one", "champion").version) == 1


def test_the_card_says_what_it_was_made_from_and_how_it_compares(retrained, place, one_arm):
    _, folder = retrained
    model = artefact.load(folder / "model", load_study(str(place / "one.py")))
    data = model.card["training_data"]
    assert [(source["patients"], source["recorded_until"]) for source in data["sources"]] == [
        (120, None),
        (60, "2025-03-06"),
    ]
    compared = model.card["comparison"]
    assert compared["champion"] == one_arm[1].identity.digest
    assert compared["cross_validated"]["patients"] == 60
    assert (compared["held_out"]["patients"], compared["held_out"]["how"]) == (
        15,
        "the latest by the day of prediction",
    )
    low, high = compared["held_out"]["gain"]["interval"]
    assert low < compared["held_out"]["gain"]["value"] < high


def test_the_page_shows_groups_and_no_patient(retrained):
    _, folder = retrained
    page = (folder / "change.html").read_text()
    for heading in ("Data, then and now", "Figures, then and now", "Coefficients", "Whose risk moves", "GATE006"):
        assert heading in page
    assert "15 patients held out" in page
    assert "Q1" not in page
    assert "http" not in page.split("<style>")[0]


def test_what_is_said_names_the_model_the_page_and_the_next_step(retrained):
    done, folder = retrained
    assert str(folder / "change.html") in done.stdout
    assert done.stdout.splitlines()[-1] == "Make it the champion: acrcast promote one 2"


def test_without_a_champion_there_is_nothing_to_compare_with(here, tmp_path):
    fresh = f"sqlite:///{tmp_path / 'mlflow.db'}"
    refused = here("retrain", "one", *OPTIONS, "--tracking-uri", fresh)
    assert (refused.returncode, refused.stderr) == (2, "acrcast: no model is registered as one\n")


def test_a_champion_of_another_study_is_refused(here):
    refused = here("retrain", "one", *OPTIONS, "--champion", str(artefact.RELEASED))
    assert refused.returncode == 2
    assert "the model is of the study 'ld-il2-ra', not of 'one'" in refused.stderr


def test_new_patients_only_of_whom_too_few_are_new_are_refused(here):
    refused = here("retrain", "one", "--study", "one.py", "--from", "table.csv", "--due-after", "84")
    assert refused.returncode == 1
    assert refused.stderr.endswith(
        "acrcast: 0 patients whom the champion has not seen: at least 40 are needed to compare it with\n"
    )


def test_an_override_needs_a_reason(here):
    refused = here("retrain", "one", *OPTIONS, "--override")
    assert (refused.returncode, refused.stderr) == (
        2,
        "acrcast: --override needs --reason TEXT: it is recorded with the version\n",
    )


def test_a_gate_that_refuses_registers_nothing(place, store, tmp_path):
    before = len(store.search_model_versions("name = 'one'"))
    gate = JudgedGate(
        code="GATE006",
        title="No worse than the champion",
        status="failed",
        measured="-0.1",
        limit="0",
        missed="0.1 below 0",
    )
    asked = Asked("one", load_study(str(place / "one.py")), None, (), None, None, 1, None, None)
    with pytest.raises(GateRefusal) as refused:
        register(asked, Done("key", Result(tmp_path, resumed=False), (gate,)), reason=None, override=False)
    assert refused.value.codes == ("GATE006",)
    assert "GATE006 (No worse than the champion) 0.1 below 0" in str(refused.value)
    assert len(store.search_model_versions("name = 'one'")) == before


def test_patients_of_another_study_than_the_champions_are_refused(place, released):
    from acrcast_training.data.cohort import load_cohort
    from acrcast_training.retraining.retraining import retrain
    from acrcast_training.sources import Source

    cohort = load_cohort(load_study(str(place / "one.py")), table=place / "table.csv")
    with pytest.raises(UsageError, match="the champion is of the study 'ld-il2-ra', the patients are of 'one'"):
        retrain(released, [Source("table", cohort)], seed=1, repeats=1, resamples=20)


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_or_begins_anew_and_two_at_once_are_one(place, store):
    """Killed while it computes, killed while it registers; then two at once, of which one is refused."""
    folder = place / "state" / "retrained" / "one"
    environment = os.environ | {
        "ACRCAST_STATE": str(place / "state"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{place / 'state' / 'mlflow.db'}",
    }
    command = [sys.executable, "-m", "acrcast.cli", "retrain", "one", *OPTIONS, "--seed", "9", *ALL_THE_SAME]

    def start():
        return subprocess.Popen(
            command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def kill_once(process, there):
        while not there() and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()

    before = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    versions = len(store.search_model_versions("name = 'one'"))

    def new(ending):
        found = {path.name for path in folder.iterdir()} - before if folder.is_dir() else set()
        return [name for name in found if name != "lock" and name.endswith(".part") == (ending == ".part")]

    kill_once(start(), lambda: new(".part"))
    assert new("") == []
    first, second = start(), start()
    while first.poll() is None and second.poll() is None:
        time.sleep(0.02)
    loser, winner = (first, second) if first.poll() is not None else (second, first)
    assert loser.returncode == 1
    assert "is being retrained by another process" in loser.communicate()[1]
    kill_once(winner, lambda: new(""))
    assert (len(new("")), new(".part")) == (1, [])
    for _ in range(4):
        process = start()
        time.sleep(float(np.random.default_rng(len(store.search_model_versions("name = 'one'"))).uniform(1, 6)))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    last = start()
    output, said = last.communicate()
    assert last.returncode == 0, said
    assert "This was done before" in output
    assert len(store.search_model_versions("name = 'one'")) == versions + 1
    challenger = store.get_model_version_by_alias("one", "challenger")
    assert store.get_run(challenger.run_id).info.status == "FINISHED"
    running = store.search_runs([e.experiment_id for e in store.search_experiments()], "attributes.status = 'RUNNING'")
    assert list(running) == []
