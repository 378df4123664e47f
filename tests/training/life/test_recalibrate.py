"""Recorded outcomes as patients to learn from, and the least update that they ask for."""

import re
from dataclasses import replace

import numpy as np
import pytest
from mlflow import MlflowClient

from acrcast import artefact
from acrcast.errors import DataError, FitError, UsageError
from acrcast.estimators.normal import expit, logit
from acrcast.watching.patients import Due
from acrcast_training.data.simulator import SimulationOptions, simulate, write
from acrcast_training.decision import decide
from acrcast_training.evaluate import OwnArm, evaluate
from acrcast_training.monitoring.recorded_cohort import Choice
from acrcast_training.provenance import COMMIT, code_revision
from acrcast_training.sources import accepted, joined, read_sources
from acrcast_training.update import update
from acrcast_training.update_evidence import update_evidence

from .conftest import BEGIN, DAY

CHOICE = Choice(Due(168, 28), BEGIN + 600 * DAY, data_kind="simulated")
AS_OF = ("--as-of", f"{BEGIN + 600 * DAY:%Y-%m-%d}", "--simulated")


@pytest.fixture
def sources_of(released):
    def read(*files, choice=CHOICE, **more):
        return read_sources(released.study, files, choice=choice, **more)

    return read


def follow_too_high(clinic, people, shift=-1.0):
    clinic.follow(people.patients, people.outcomes(risk=expit(logit(people.risk) + shift)), arms=people.arms)


def test_recorded_outcomes_are_patients_with_their_arm_baseline_and_response(clinic, people, sources_of):
    responded = people.outcomes()
    clinic.follow(people.patients, responded, arms=people.arms)
    (source,) = sources_of(clinic.export())
    cohort = source.cohort
    assert cohort.responded.tolist() == responded
    assert cohort.treated.tolist() == [arm == "ld-il2+mtx" for arm in people.arms]
    assert cohort.assessed.all()
    assert cohort.data_kind == "simulated"
    assert source.day.tolist() == [(BEGIN + i * DAY).toordinal() for i in range(240)]
    assert source.left_out == {}
    age = cohort.covariates.contract.names.index("age_years")
    assert cohort.covariates.values[:, age].tolist() == [patient.age_years for patient in people.patients]


def test_the_same_records_exported_twice_are_the_same_patients(clinic, people, sources_of):
    clinic.follow(people.patients[:30], people.outcomes()[:30], arms=people.arms)
    first, second = (sources_of(clinic.export())[0].cohort for _ in range(2))
    assert first.fingerprint == second.fingerprint


def test_what_is_left_out_is_counted_by_reason(clinic, people, sources_of):
    def predicted(number, day=0, **changed):
        return clinic.predict(people.patients[number], BEGIN + day * DAY, **changed)

    after = BEGIN + 170 * DAY
    clinic.outcome(predicted(0), after, responded=True, arm="ld-il2+mtx")
    clinic.outcome(predicted(1), after, responded=True)
    clinic.outcome(predicted(2, inputs=b'{"resourceType":"Bundle"}'), after, responded=True, arm="ld-il2+mtx")
    predicted(3)
    predicted(4, day=500)
    (source,) = sources_of(clinic.export())
    assert len(source.cohort) == 1
    assert source.left_out == {
        "outcome not due yet": 1,
        "outcome overdue": 1,
        "arm not named": 1,
        "no patient of the study in the record": 1,
    }


def test_without_an_outcome_that_is_due_there_is_nobody_to_learn_from(clinic, people, sources_of):
    clinic.predict(people.patients[0], BEGIN)
    with pytest.raises(DataError, match=r"expected outcomes that are due; there are none \(outcome overdue: 1\)"):
        sources_of(clinic.export())


def test_files_of_both_kinds_are_joined_and_a_patient_may_be_in_one_only(clinic, people, sources_of, tmp_path):
    clinic.follow(people.patients[:30], people.outcomes()[:30], arms=people.arms)
    baseline, visits, _ = write(simulate(SimulationOptions(patients=40, seed=5)), tmp_path / "trial")
    export = clinic.export()
    found = sources_of(export, baseline=baseline, visits=visits)
    assert [len(source.cohort) for source in found] == [40, 30]
    assert len(joined(found)) == 70
    assert accepted(found) == {}
    with pytest.raises(DataError, match="expected each patient in one file; 30 occur in two, by their patient_id"):
        joined(sources_of(export, clinic.export()))


def test_made_up_patients_are_not_mixed_with_those_of_a_trial(clinic, people, sources_of, tmp_path):
    clinic.follow(people.patients[:30], people.outcomes()[:30], arms=people.arms)
    baseline, visits, _ = write(simulate(SimulationOptions(patients=40, seed=5)), tmp_path / "trial")
    real = Choice(CHOICE.due, CHOICE.as_of)
    with pytest.raises(UsageError, match="trial and simulated patients are not to be mixed"):
        joined(sources_of(clinic.export(), choice=real, baseline=baseline, visits=visits))


def test_without_a_file_and_with_one_that_is_not_there_it_says_so(sources_of, tmp_path):
    with pytest.raises(UsageError, match="give --from F"):
        sources_of()
    with pytest.raises(DataError, match="cannot be read: No such file or directory"):
        sources_of(tmp_path / "none.jsonl")


def test_outcomes_that_are_all_the_same_cannot_update_anything(clinic, people, sources_of, released):
    clinic.follow(people.patients, [True] * 240, arms=people.arms)
    with pytest.raises(FitError, match="240 of 240 patients responded"):
        decide(released, joined(sources_of(clinic.export())))


def test_a_model_that_is_right_is_kept_and_nothing_is_written(clinic, people, command, tmp_path):
    clinic.follow(people.patients, people.outcomes(), arms=people.arms)
    done = command("recalibrate", "--study", "ld-il2-ra", "--from", str(clinic.export()), *AS_OF, "--out", "new")
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        done.stdout.splitlines()[-1] == "The data do not ask for an update: the model is kept, and nothing was written."
    )
    assert not (tmp_path / "new").exists()


def test_risks_that_are_too_high_get_a_new_intercept_and_become_the_challenger(
    clinic, people, command, tmp_path, released, sources_of
):
    follow_too_high(clinic, people)
    export, store = clinic.export(), f"sqlite:///{tmp_path / 'mlflow.db'}"
    done = command(
        "recalibrate", "--study", "ld-il2-ra", "--from", str(export), *AS_OF, "--at-most", "recalibrate", "--out", "new",
        "--register", "acr20", "--tracking-uri", store,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "Registered as acr20, version 1, the challenger." in done.stdout
    model = artefact.load(tmp_path / "new")
    (entry,) = model.card["history"]
    assert entry["parent"]["digest"] == released.identity.digest
    assert (entry["what"], entry["patients"], entry["data_kind"]) == ("intercept moved", 240, "simulated")
    assert {
        code: status
        for status, code in re.findall(
            r"^  (passed|failed|recorded|not applicable) +(GATE\d+)", done.stdout, re.MULTILINE
        )
    } == {
        "GATE001": "not applicable",
        "GATE002": "not applicable",
        "GATE003": "passed",
        "GATE004": "passed" if COMMIT.fullmatch(code_revision()) else "failed",
        "GATE005": "recorded",
        "GATE006": "not applicable",
        "GATE007": "passed",
        "GATE008": "passed",
        "GATE009": "passed",
    }
    found = evaluate(model, joined(sources_of(export))).figures
    assert found.calibration_intercept.value == pytest.approx(0, abs=1e-7)
    client = MlflowClient(store)
    version = client.get_model_version_by_alias("acr20", "challenger")
    assert version.tags["promoted_to_challenger"] == "intercept moved on 240 patients"
    run = client.get_run(version.run_id)
    assert run.data.tags["model_digest"] == model.identity.digest
    assert run.data.tags["update"] == "intercept moved"


def test_recalibration_at_most_is_tested_against_recalibration(clinic, people, sources_of, released):
    follow_too_high(clinic, people)
    decision = decide(released, joined(sources_of(clinic.export())), most="recalibrate")
    assert (decision.action, decision.tested_against) == ("intercept", "recalibrate")
    assert "Revision was not tested: recalibration was to be the most." in decision.verdict
    assert np.isfinite(decision.intercept)


def test_an_arm_that_the_study_does_not_have_is_refused(clinic, people, command):
    clinic.predict(people.patients[0], BEGIN)
    refused = command("recalibrate", "--study", "ld-il2-ra", "--from", str(clinic.export()), "--arm", "no such")
    assert (refused.returncode, refused.stderr) == (2, "acrcast: --arm: expected one of placebo+mtx, ld-il2+mtx\n")


def test_a_folder_that_holds_something_is_not_written_into(command, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    refused = command("recalibrate", "--study", "ld-il2-ra", "--from", "x.csv", "--out", "full")
    assert (refused.returncode, refused.stderr) == (2, "acrcast: full is not empty: give a new folder for the model\n")


@pytest.fixture
def cohort_of(clinic, people, sources_of):
    """Patients of the clinic, with outcomes by these risks, in log-odds from those that the model says."""

    def of(shift=0.0, patients=240):
        outcomes = people.outcomes(risk=expit(logit(people.risk) + shift))
        clinic.follow(people.patients[:patients], outcomes[:patients], arms=people.arms)
        return joined(sources_of(clinic.export()))

    return of


def test_some_patients_have_the_risks_that_they_have_among_all(released, cohort_of):
    cohort = cohort_of()
    hidden = cohort.covariates.values.copy()
    hidden[::3, 3] = np.nan
    own = OwnArm.of(released, replace(cohort, covariates=replace(cohort.covariates, values=hidden)))
    some = np.array([7, 3, 0, 9, 200, 6])
    np.testing.assert_array_equal(own.rows(some).risk(0.3, 0.9), own.risk(0.3, 0.9)[some])
    assert {1, 2, 3, 5} <= set(own.rows(some).incomplete.tolist())


def test_the_gain_of_an_update_is_less_than_it_looks_in_the_patients_who_made_it(released, cohort_of):
    cohort = cohort_of(shift=-1.0)
    decision = decide(released, cohort, most="recalibrate")
    evidence = update_evidence(released, cohort, decision, seed=1)
    model = released.risks(cohort.covariates)
    risk = np.where(cohort.treated, model.treated.probability, model.control.probability)
    moved = expit(decision.intercept + decision.slope * logit(risk))
    y = cohort.responded
    apparent = float(np.mean(np.log(np.where(y, moved, 1 - moved)) - np.log(np.where(y, risk, 1 - risk))))
    gain = evidence["gain_over_previous"]
    assert apparent - 0.02 < gain["value"] < apparent
    assert gain["interval"][0] > 0
    assert evidence == update_evidence(released, cohort, decision, seed=1)


def test_an_update_that_nobody_asked_for_shows_no_gain(released, cohort_of):
    cohort = cohort_of()
    decision = replace(decide(released, cohort, most="recalibrate"), action="recalibrate")
    evidence = update_evidence(released, cohort, decision, seed=1)
    assert evidence["gain_over_previous"]["interval"][0] <= 0


def test_what_was_shown_of_the_model_before_is_inherited_in_patients_of_the_same_kind_only(
    released, cohort_of, tmp_path
):
    cohort = cohort_of(shift=-1.0)
    decision = decide(released, cohort, most="recalibrate")
    assert update_evidence(released, cohort, decision, seed=1)["shown_before"] is True
    real = replace(cohort, data_kind="trial")
    assert update_evidence(released, real, decision, seed=1)["shown_before"] is False
    assert update_evidence(released, cohort, replace(decision, action="revise"), seed=1)["shown_before"] is False
    unshown = replace(released, card={**released.card, "validation": {}})
    assert update_evidence(unshown, cohort, decision, seed=1)["shown_before"] is False
    first = update(released, cohort, decision, evaluate(released, cohort), tmp_path / "first").model
    other = replace(cohort, covariates=cohort.covariates.rows(slice(None, None, -1)), responded=cohort.responded[::-1])
    assert update_evidence(first, other, decision, seed=1)["shown_before"] is True
