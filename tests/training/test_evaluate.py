"""External validation of a fixed model, and updating it: on simulated trials, on R's two trials, and in one arm."""

import csv
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from acrcast import artefact
from acrcast.errors import FitError, UsageError
from acrcast.estimators.normal import expit, logit
from acrcast.studies import load_study
from acrcast_training.data.cohort import load_cohort
from acrcast_training.data.simulator import SimulationOptions, simulate, write
from acrcast_training.decision import decide
from acrcast_training.evaluate import OwnArm, as_data, evaluate
from acrcast_training.fit import fit_model
from acrcast_training.provenance import provenance
from acrcast_training.update import update

GOLDEN_STUDY = '''
from typing import Annotated
from pydantic import Field
from acrcast.contract import Measure, Patient
from acrcast.studies import Arm, OutcomeColumn, Study

class GoldenPatient(Patient):
    """Baseline of R's made-up trials."""
    treg_z: Annotated[float, Field(ge=-9, le=9), Measure(label="Treg")]
    il21_z: Annotated[float | None, Field(ge=-9, le=9), Measure(label="IL-21")] = None
    female: Annotated[bool, Measure(label="Female")]
    haq_di: Annotated[float, Field(ge=0, le=3), Measure(label="HAQ-DI")]
    crp_mg_per_l: Annotated[float, Field(ge=0, le=900), Measure(label="CRP", unit="mg/L", scale="log")]

STUDY = Study(
    key="golden", title="R's trials", patient=GoldenPatient, arms=(Arm("control", "Control"), Arm("drug", "Drug")),
    control="control", endpoint=OutcomeColumn("Response", "response", frozenset({"1"}), frozenset({"0"})),
    effect_modifiers=("treg_z", "il21_z"), prespecified=("haq_di",), intended_use="Research use only.",
)
'''

ONE_ARM_STUDY = '''
from typing import Annotated
from pydantic import Field
from acrcast.contract import Measure, Patient
from acrcast.studies import Arm, OutcomeColumn, Study

class OnePatient(Patient):
    """Baseline of a trial of one arm."""
    marker: Annotated[float, Field(ge=-9, le=9), Measure(label="Marker")]

STUDY = Study(
    key="one", title="One arm", patient=OnePatient, arms=(Arm("drug", "Drug"),), intended_use="Research use only.",
    endpoint=OutcomeColumn("Response", "response", frozenset({"yes"}), frozenset({"no"})), prespecified=("marker",),
)
'''


def read_golden(study, source, target):
    """One of R's trials as a table of the study."""
    with source.open(newline="") as file:
        rows = list(csv.DictReader(file))
    write_rows(
        target,
        [
            {
                "patient_id": f"P{i:04}",
                "arm": "drug" if row["arm"] == "1" else "control",
                "treg_z": row["treg"],
                "il21_z": row["il21"],
                "female": row["female"],
                "haq_di": row["haq"],
                "crp_mg_per_l": row["crp"],
                "response": row["y"],
            }
            for i, row in enumerate(rows)
        ],
    )
    return load_cohort(study, table=target)


def write_rows(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def write_with_outcomes(source, target, responded):
    """A table with other outcomes."""
    with source.open(newline="") as file:
        rows = list(csv.DictReader(file))
    write_rows(target, [row | {"response": str(int(y))} for row, y in zip(rows, responded, strict=True)])


def one_arm_rows(responders, others, marker=lambda i: i % 5 - 2):
    outcomes = ["yes"] * responders + ["no"] * others
    return [
        {"patient_id": f"Q{i:03}", "arm": "drug", "marker": marker(i), "response": response}
        for i, response in enumerate(outcomes)
    ]


def with_outcomes(cohort, risk, seed=1):
    """The same patients, whose outcomes are drawn from these risks."""
    responded = np.random.default_rng(seed).random(len(cohort)) < risk
    return replace(cohort, responded=responded, assessed=np.ones(len(cohort), dtype=bool))


def own_risk(model, cohort):
    """Served risk of each patient in the patient's own arm."""
    risks = model.risks(cohort.covariates)
    return np.where(cohort.treated, risks.treated.probability, risks.control.probability)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate")
    (folder / "golden_study.py").write_text(GOLDEN_STUDY)
    (folder / "one_arm_study.py").write_text(ONE_ARM_STUDY)
    return folder


@pytest.fixture(scope="module")
def golden_study(place):
    return load_study(str(place / "golden_study.py"))


@pytest.fixture(scope="module")
def one_arm_study(place):
    return load_study(str(place / "one_arm_study.py"))


@pytest.fixture(scope="module")
def golden_trial(golden_study, golden, place):
    return read_golden(golden_study, golden / "trial.csv", place / "trial.csv")


@pytest.fixture(scope="module")
def external(golden_study, golden, place):
    return read_golden(golden_study, golden / "external.csv", place / "external.csv")


@pytest.fixture(scope="module")
def saved(place):
    """Fits a candidate, saves it and loads it, as training does; each once."""
    made = {}

    def make(cohort, candidate="hierarchical"):
        key = f"{cohort.study.key}-{candidate}-{len(cohort)}"
        if key not in made:
            card = {"training_data": {"fingerprint": cohort.fingerprint}, "cautions": ["An older caution."]}
            model = fit_model(cohort, candidate, seed=1, card=card)
            artefact.save(model, provenance(cohort, "test", 1), place / key)
            made[key] = artefact.load(place / key, cohort.study)
        return made[key]

    return make


@pytest.fixture(scope="module")
def golden_model(saved, golden_trial):
    return saved(golden_trial)


@pytest.fixture(scope="module")
def golden_folder(golden_model, place):
    """Where the golden model is."""
    folder = place / "golden-hierarchical-240"
    assert artefact.load(folder, golden_model.study).identity == golden_model.identity
    return folder


@pytest.fixture(scope="module")
def simulated(place):
    """Two simulated trials: of 150 patients to train on, and of 160 others; some measures are missing in both."""
    for patients, seed in ((150, 11), (160, 12)):
        write(simulate(SimulationOptions(patients=patients, seed=seed)), place / f"simulated-{seed}")
    return [
        load_cohort(
            load_study("ld-il2-ra"),
            baseline=place / f"simulated-{seed}" / "baseline.csv",
            visits=place / f"simulated-{seed}" / "visits.csv",
        )
        for seed in (11, 12)
    ]


def test_the_risks_judged_are_those_that_are_served(saved, simulated):
    model, cohort = saved(simulated[0]), simulated[1]
    assert np.isnan(cohort.covariates.values).any()
    np.testing.assert_allclose(OwnArm.of(model, cohort).risk(), own_risk(model, cohort), rtol=0, atol=1e-12)


def test_every_patient_is_judged_and_the_assessed_are_shown_beside(saved, simulated):
    model, cohort = saved(simulated[0]), simulated[1]
    found = evaluate(model, cohort)
    assert found.figures.patients == 160
    assert sum(arm.patients for arm in found.arms) == 160
    assert found.per_protocol.patients == int(cohort.assessed.sum()) < 160
    assert math.isclose(sum(found.support.values()), 1)
    assert found.sample_size.verdict.startswith("160 patients are too few to validate the model")
    assert found.cautions == ("These patients are simulated: the figures show the method, not the treatment.",)


def test_an_evaluation_is_repeated_to_the_last_digit(saved, simulated):
    model = saved(simulated[0])
    first, second = (json.dumps(as_data(evaluate(model, simulated[1], seed=3)), allow_nan=False) for _ in range(2))
    assert first == second


def test_the_patients_it_was_trained_on_are_no_validation(golden_model, golden_trial):
    (caution,) = evaluate(golden_model, golden_trial).cautions
    assert caution.startswith("THESE ARE THE PATIENTS IT WAS TRAINED ON")


def test_an_arm_with_fewer_than_20_of_each_is_not_judged(golden_model, external):
    found = evaluate(golden_model, external.rows(slice(0, 60)))
    for arm in found.arms:
        assert arm.figures is None
        assert arm.reason.startswith(f"too few to judge: {arm.responders} responders")


def test_quoting_a_rate_is_worth_what_it_is_worth_by_hand(saved, one_arm_study, place):
    """39 of 99 responded in training, so that 0.395 is quoted: (39 + 1/2) / (99 + 1); now 60 of 100 do."""
    write_rows(place / "old.csv", one_arm_rows(39, 60))
    write_rows(place / "new.csv", one_arm_rows(60, 40))
    model = saved(load_cohort(one_arm_study, table=place / "old.csv"), "prevalence")
    found = evaluate(model, load_cohort(one_arm_study, table=place / "new.csv"))
    loss = -(0.6 * math.log(0.395) + 0.4 * math.log(0.605))
    assert found.figures.log_loss.value == pytest.approx(loss, abs=1e-9)
    assert found.figures.observed_over_expected.value == pytest.approx(0.6 / 0.395, abs=1e-9)
    entropy = -(0.6 * math.log(0.6) + 0.4 * math.log(0.4))
    assert found.figures.gain_over_these_rates.value == pytest.approx(entropy - loss, abs=1e-9)
    assert found.figures.gain_over_model_averages.value == pytest.approx(0, abs=1e-5)
    assert found.figures.brier.value == pytest.approx(0.6 * 0.605**2 + 0.4 * 0.395**2, abs=1e-9)
    assert found.figures.c_statistic.value == 0.5
    assert found.arms == ()
    assert found.sample_size.verdict.startswith("cannot be judged")


def test_a_one_arm_model_that_quotes_too_low_a_rate_gets_a_new_intercept(saved, one_arm_study, place, tmp_path):
    write_rows(place / "old.csv", one_arm_rows(39, 60))
    write_rows(place / "new.csv", one_arm_rows(60, 40))
    model = saved(load_cohort(one_arm_study, table=place / "old.csv"), "prevalence")
    cohort = load_cohort(one_arm_study, table=place / "new.csv")
    decision = decide(model, cohort)
    assert (decision.action, decision.slope) == ("intercept", 1.0)
    assert decision.intercept == pytest.approx(math.log(0.6 / 0.4) - math.log(0.395 / 0.605), abs=1e-9)
    done = update(model, cohort, decision, evaluate(model, cohort), tmp_path / "updated")
    assert done.model.risks(cohort.covariates).treated.probability == pytest.approx(np.full(100, 0.6), abs=1e-9)
    assert done.model.averages["drug"].mean() == pytest.approx(60.5 / 101, abs=1e-4)


def test_a_model_that_is_right_is_kept_and_nothing_is_written(golden_model, external, tmp_path):
    cohort = with_outcomes(external, own_risk(golden_model, external))
    decision = decide(golden_model, cohort)
    assert (decision.action, decision.tested_against, decision.reason) == ("keep", "revise", None)
    assert list(decision.p_value) == ["keep", "intercept", "recalibrate"]
    assert update(golden_model, cohort, decision, evaluate(golden_model, cohort), tmp_path / "up") is None
    assert not (tmp_path / "up").exists()


@pytest.mark.parametrize(
    ("action", "shift", "slope"), [("intercept", 0.9, 1.0), ("recalibrate", 0.2, 3.0), ("recalibrate", 0.0, 0.1)]
)
def test_a_model_that_is_off_gets_the_least_update_that_helps(golden_model, external, action, shift, slope):
    twice = external.rows(np.tile(np.arange(len(external)), 2))
    cohort = with_outcomes(twice, expit(shift + slope * logit(own_risk(golden_model, twice))), seed=4)
    assert decide(golden_model, cohort).action == action


@pytest.mark.parametrize("share_missing", [0.0, 0.4])
def test_recalibration_restores_intercept_0_and_slope_1(golden_model, external, tmp_path, share_missing):
    values = external.covariates.values.copy()
    values[np.random.default_rng(2).random(len(values)) < share_missing, 1] = np.nan
    cohort = replace(external, covariates=replace(external.covariates, values=values))
    cohort = with_outcomes(cohort, expit(0.5 + 2.5 * logit(own_risk(golden_model, cohort))), seed=5)
    decision = decide(golden_model, cohort)
    assert decision.action == "recalibrate"
    done = update(golden_model, cohort, decision, evaluate(golden_model, cohort), tmp_path / "up")
    after = evaluate(done.model, cohort).figures
    assert after.calibration_intercept.value == pytest.approx(0, abs=1e-7)
    assert after.calibration_slope.value == pytest.approx(1, abs=1e-7)
    assert after.observed_over_expected.value == pytest.approx(1, abs=1e-7)


def test_a_new_intercept_restores_intercept_0_with_measures_missing(saved, simulated, tmp_path):
    model = saved(simulated[0])
    cohort = with_outcomes(simulated[1], expit(1.2 + logit(own_risk(model, simulated[1]))), seed=1)
    decision = decide(model, cohort)
    assert decision.action == "intercept"
    assert "21 coefficients ask for 105 responders and 105 others" in decision.reason
    done = update(model, cohort, decision, evaluate(model, cohort), tmp_path / "up")
    assert done.after.figures.calibration_intercept.value == pytest.approx(0, abs=1e-7)
    assert done.model.identity.training_data == "simulated"


@pytest.fixture(scope="module")
def recalibrated(golden_model, external, place):
    """The golden model recalibrated on outcomes that ask for it: those patients, the decision, and what was written."""
    cohort = with_outcomes(external, expit(0.5 + 2.5 * logit(own_risk(golden_model, external))), seed=5)
    decision = decide(golden_model, cohort)
    before = evaluate(golden_model, cohort)
    done = update(golden_model, cohort, decision, before, place / "recalibrated", accepted={"DATA050": 2})
    return cohort, decision, before, done


def test_estimate_and_interval_move_alike(golden_model, recalibrated):
    cohort, decision, _, done = recalibrated
    old = golden_model.risks(cohort.covariates).treated
    new = artefact.load(done.folder, cohort.study).risks(cohort.covariates).treated
    for name in ("probability", "low", "high"):
        moved = decision.intercept + decision.slope * logit(getattr(old, name))
        np.testing.assert_allclose(logit(getattr(new, name)), moved, rtol=0, atol=1e-9)


def test_the_card_says_what_the_model_was_updated_from(golden_model, recalibrated):
    cohort, decision, before, done = recalibrated
    (entry,) = done.model.card["history"]
    assert entry["what"] == "recalibrated"
    assert entry["parent"]["digest"] == golden_model.identity.digest
    assert entry["fingerprint"] == cohort.fingerprint
    assert entry["patients"] == len(cohort)
    assert entry["accepted_problems"] == {"DATA050": 2}
    assert entry["decision"]["slope"] == decision.slope
    assert entry["before"]["calibration_slope"]["value"] == before.figures.calibration_slope.value
    assert entry["after_apparent"]["calibration_slope"]["value"] == pytest.approx(1, abs=1e-7)
    manifest = json.loads((done.folder / "manifest.json").read_text())
    assert manifest["data_fingerprint"] == cohort.fingerprint
    assert manifest["created"] == entry["when"]
    assert manifest["version"] == f"{golden_model.identity.version}.recalibrated-{cohort.fingerprint[:8]}"
    assert done.model.identity.digest != golden_model.identity.digest


def test_it_says_that_it_was_not_validated_since(recalibrated):
    _, _, _, done = recalibrated
    assert done.model.card["cautions"] == [
        f"Updated on {len(recalibrated[0])} patients (recalibrated), and not validated since in patients that it has not seen.",
        "Intervals were moved with the estimate: they do not hold the uncertainty of the update itself.",
        "An older caution.",
    ]


def test_the_patients_that_updated_it_are_no_validation_either(recalibrated):
    cohort, _, _, done = recalibrated
    assert evaluate(done.model, cohort).cautions[0].startswith("THESE ARE THE PATIENTS IT WAS TRAINED ON")


def test_a_model_is_not_updated_with_patients_that_made_it(golden_model, golden_trial, recalibrated, tmp_path):
    _, decision, before, _ = recalibrated
    with pytest.raises(FitError, match="an update needs others"):
        update(golden_model, golden_trial, decision, before, tmp_path / "up")
    assert not (tmp_path / "up").exists()


def test_an_update_of_an_update_remembers_both(recalibrated, tmp_path):
    cohort, _, _, first = recalibrated
    moved = with_outcomes(cohort, expit(1.5 + logit(own_risk(first.model, cohort))), seed=6)
    decision = decide(first.model, moved)
    second = update(first.model, moved, decision, evaluate(first.model, moved), tmp_path / "up").model
    assert [entry["what"] for entry in second.card["history"]] == ["recalibrated", "intercept moved"]
    assert second.card["history"][1]["parent"]["digest"] == first.model.identity.digest
    assert len([caution for caution in second.card["cautions"] if caution.startswith("Updated on")]) == 1


def test_a_model_that_ranks_patients_the_wrong_way_is_not_turned_round(saved, golden_trial, external, tmp_path):
    model = saved(golden_trial, "prevalence")
    decision = replace(decide(model, external), action="recalibrate", slope=-0.4)
    with pytest.raises(FitError, match=r"slope on these patients is -0\.40: .*wrong order"):
        update(model, external, decision, evaluate(model, external), tmp_path / "up")
    assert not (tmp_path / "up").exists()


def revision_asked_for(cohort):
    """Patients in whom one measure acts the other way round."""
    haq = cohort.covariates.values[:, 3]
    return with_outcomes(cohort, expit(-3 * (haq - haq.mean())), seed=7)


def test_a_revision_is_refused_where_the_patients_are_too_few_to_develop_a_model(golden_model, external, tmp_path):
    cohort = revision_asked_for(external)
    decision = decide(golden_model, cohort)
    assert decision.action == "revise"
    with pytest.raises(FitError, match=r"ask for a revision, but nothing is written: .*too few for 8 parameters"):
        update(golden_model, cohort, decision, evaluate(golden_model, cohort), tmp_path / "up")
    assert not (tmp_path / "up").exists()


def test_a_revision_with_enough_patients_is_a_fit_to_them_alone(golden_model, external, tmp_path):
    many = external.rows(np.tile(np.arange(len(external)), 8))
    many = replace(many, patient_ids=np.array([f"R{i:05}" for i in range(len(many))]))
    cohort = revision_asked_for(many)
    decision = decide(golden_model, cohort)
    done = update(golden_model, cohort, decision, evaluate(golden_model, cohort), tmp_path / "up")
    np.testing.assert_array_equal(done.model.ensemble.point, fit_model(cohort, "hierarchical", seed=1).ensemble.point)
    assert done.model.card["training_data"]["fingerprint"] == cohort.fingerprint
    assert done.model.card["history"][0]["what"] == "revised"
    assert done.after.figures.calibration_slope.value == pytest.approx(1, abs=0.1)


def test_boosted_trees_are_judged_but_not_updated(saved, golden_trial, external, tmp_path):
    model = saved(golden_trial, "xgboost")
    cohort = with_outcomes(external, expit(1.5 + logit(own_risk(model, external))))
    found, decision = evaluate(model, cohort), decide(model, cohort)
    assert 0 < found.figures.c_statistic.value < 1
    assert decision.reason == "boosted trees have no coefficients that could be revised"
    with pytest.raises(FitError, match="boosted trees can be evaluated but not updated"):
        update(model, cohort, decision, found, tmp_path / "up")


def test_patients_of_another_study_are_refused(golden_model, simulated):
    with pytest.raises(UsageError, match="is of the study 'golden', the patients are of 'ld-il2-ra'"):
        evaluate(golden_model, simulated[1])


def test_an_empty_arm_is_refused(golden_model, external):
    with pytest.raises(FitError, match="no patient in the arm 'control'"):
        evaluate(golden_model, external.rows(external.treated))


def test_one_outcome_only_is_refused(golden_model, external):
    with pytest.raises(FitError, match="at least 2 responders and 2 non-responders"):
        evaluate(golden_model, external.rows(external.responded))


def test_the_command_shows_tables_and_writes_the_update(workplace, place, golden_folder, recalibrated):
    cohort = recalibrated[0]
    write_with_outcomes(place / "external.csv", workplace.folder / "shifted.csv", cohort.responded)
    arguments = (
        *("evaluate", "--model", str(golden_folder)),
        *("--study", str(place / "golden_study.py"), "--table", "shifted.csv"),
    )
    done = workplace.run(*arguments, "--update", "updated")
    assert done.returncode == 0, done.stderr
    assert "calibration slope" in done.stdout
    assert "Update: Recalibrate intercept and slope" in done.stdout
    assert artefact.load(workplace.folder / "updated", cohort.study).card["history"][0]["what"] == "recalibrated"
    again = workplace.run(*arguments, "--update", "updated")
    assert again.returncode == 2
    assert again.stderr.startswith("acrcast: updated is not empty")


def test_the_command_answers_in_json_and_keeps_a_good_model(
    workplace, place, golden_folder, golden_model, external, documented_members
):
    cohort = with_outcomes(external, own_risk(golden_model, external))
    write_with_outcomes(place / "external.csv", workplace.folder / "same.csv", cohort.responded)
    done = workplace.run(
        *("evaluate", "--model", str(golden_folder), "--json"),
        *("--study", str(place / "golden_study.py"), "--table", "same.csv", "--update", "updated"),
    )
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert set(data) == documented_members["evaluate"]
    assert data["decision"]["action"] == "keep"
    assert data["updated"] is None
    assert data["figures"] == as_data(evaluate(golden_model, cohort).figures)
    assert not (workplace.folder / "updated").exists()


@pytest.mark.usefixtures("external")
@pytest.mark.parametrize(
    ("study", "code", "says"),
    [
        ("auranofin-ra", 2, "the model is of the study 'golden', not of 'auranofin-ra'"),
        ("changed.py", 1, "the fields of study 'golden' have changed since the model was trained"),
    ],
)
def test_a_wrong_study_or_contract_is_one_clear_line(workplace, place, golden_folder, study, code, says):
    (workplace.folder / "changed.py").write_text(GOLDEN_STUDY.replace("le=3", "le=4"))
    done = workplace.run(
        *("evaluate", "--model", str(golden_folder)),
        *("--study", study, "--table", str(place / "external.csv")),
    )
    assert done.returncode == code
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
