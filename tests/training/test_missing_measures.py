"""What is said of a patient with measures missing holds among patients like that: simulated trials, whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from acrcast.answer import predict_patients
from acrcast.studies.ld_il2_ra import STUDY
from acrcast.validation.weighted import calibration_slopes
from acrcast_training.data.cohort import load_cohort
from acrcast_training.data.simulator import SimulationOptions, simulate, write
from acrcast_training.fit import fit_model

# So many that the luck of one trial does not hide a bias of the method.
PATIENTS = 8000
NAMES = [field.name for field in STUDY.contract.covariates]
# What the simulator has act on the response, and what is seldom taken.
REMOVED = ("treg_percent_of_cd4", "il21_pg_per_ml", "haq_di", "crp_mg_per_l")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("trials")


def a_cohort(folder, options):
    trial = simulate(options)
    baseline, visits, _ = write(trial, folder / f"{options.patients}-{options.seed}")
    return load_cohort(STUDY, baseline=baseline, visits=visits), trial.truth


def without(covariates, mask):
    values, below = covariates.values.copy(), covariates.below.copy()
    values[mask], below[mask] = np.nan, False
    return replace(covariates, values=values, below=below)


def taken_at_random(covariates, share_missing, seed):
    """The same patients with values lost at random, except those that every patient must have."""
    optional = np.array([not field.required for field in STUDY.contract.covariates])
    return without(covariates, (np.random.default_rng(seed).random(covariates.values.shape) < share_missing) & optional)


@pytest.fixture(scope="module")
def new(folder):
    return a_cohort(folder, SimulationOptions(3000, 99))


@pytest.fixture(scope="module")
def model(folder):
    cohort, _ = a_cohort(folder, SimulationOptions(PATIENTS, 1))
    return fit_model(cohort, "hierarchical", seed=1)


def slope_and_ratio(model, covariates, truth):
    """Calibration slope, and expected over observed, against the true risks in both arms: as if outcomes were endless."""
    risks = model.risks(covariates)
    risk = np.concatenate([risks.control.probability, risks.treated.probability])
    true = np.concatenate([truth["control_risk"], truth["treated_risk"]])
    y = np.concatenate([np.ones(len(risk)), np.zeros(len(risk))])
    slope = calibration_slopes(np.concatenate([risk, risk])[None], y, np.concatenate([true, 1 - true])[None])[0]
    return slope, risk.mean() / true.mean()


@pytest.mark.parametrize("measure", REMOVED)
def test_predictions_stay_calibrated_when_a_measure_is_removed(model, new, measure):
    covariates = new[0].covariates
    mask = np.zeros(covariates.values.shape, dtype=bool)
    mask[:, NAMES.index(measure)] = True
    slope, ratio = slope_and_ratio(model, without(covariates, mask), new[1])
    assert slope == pytest.approx(1, abs=0.1)
    assert ratio == pytest.approx(1, abs=0.06)


def test_predictions_stay_calibrated_when_two_measures_in_five_are_missing(model, new):
    slope, ratio = slope_and_ratio(model, taken_at_random(new[0].covariates, 0.4, 5), new[1])
    assert slope == pytest.approx(1, abs=0.1)
    assert ratio == pytest.approx(1, abs=0.06)


@pytest.mark.slow
def test_a_trial_with_a_third_of_its_values_missing_teaches_unshrunken_effects(folder, new):
    """Fitted row by row, this gave a calibration slope of 1.4 and intervals of the treated risk that covered .73."""
    slopes, covered = [], []
    for seed in range(6):
        cohort, _ = a_cohort(folder, SimulationOptions(1000, 100 + seed))
        cohort = replace(cohort, covariates=taken_at_random(cohort.covariates, 0.3, seed))
        model = fit_model(cohort, "hierarchical", seed=seed)
        slopes.append(slope_and_ratio(model, new[0].covariates, new[1])[0])
        treated = model.risks(new[0].covariates).treated
        truth = new[1]["treated_risk"].to_numpy()
        covered.append(np.mean((treated.low <= truth) & (truth <= treated.high)))
    assert np.mean(slopes) == pytest.approx(1, abs=0.12)
    assert np.mean(covered) > 0.92


def test_the_width_expected_once_a_measure_is_taken_is_the_width_it_then_has(model, new):
    """On average over patients, to a twentieth."""
    covariates = new[0].covariates
    j = NAMES.index("treg_percent_of_cd4")
    taken = np.flatnonzero(~np.isnan(covariates.values[:, j]))[:150]
    whole = replace(
        covariates,
        values=covariates.values[taken],
        below=covariates.below[taken],
        assays={name: column[taken] for name, column in covariates.assays.items()},
    )
    mask = np.zeros(whole.values.shape, dtype=bool)
    mask[:, j] = True
    said = [
        next(m for m in answer.missing if m.measure == NAMES[j]).expected_interval_width_if_measured
        for answer in predict_patients(model, without(whole, mask))
    ]
    risks = model.risks(whole).treated
    assert np.mean(said) == pytest.approx(np.mean(risks.high - risks.low), rel=0.05)
