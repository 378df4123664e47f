"""Prevalence, and Firth with FLIC."""

import numpy as np
import pytest

from acrcast.estimators.normal import expit
from acrcast.estimators.rows import TrialRows, prepare
from acrcast.estimators.small_set import arm_rates, calibrated_intercept, firth, prevalence


def resampled(trial, weights=None):
    weights = np.ones((1, len(trial))) if weights is None else weights
    return prepare(trial.rows, weights, np.random.default_rng(0))


def with_outcome(trial, responded):
    return prepare(
        TrialRows.of(trial.study, trial.covariates, trial.treated, responded),
        np.ones((1, len(trial))),
        np.random.default_rng(0),
    )


def test_responders_and_patients_are_counted_by_arm_control_first():
    arm, y = np.array([-0.5, 0.5, 0.5, -0.5]), np.array([1.0, 1, 0, 1])
    responders, patients = arm_rates(arm, y, np.array([[1.0, 1, 1, 1], [2, 0, 3, 1]]))
    np.testing.assert_array_equal(responders, [[2, 1], [3, 0]])
    np.testing.assert_array_equal(patients, [[2, 2], [3, 3]])


def test_prevalence_is_the_jeffreys_mean_of_each_arm(a_trial, ld_il2):
    trial = a_trial(ld_il2, 20)
    responded = np.zeros(20, dtype=bool)
    responded[[1, 3, 5, 7, 9, 11, 0, 2, 4]] = True  # 6 of 10 treated and 3 of 10 controls
    coefficients = prevalence(with_outcome(trial, responded))[0]
    assert expit(coefficients[0] + 0.5 * coefficients[1]) == pytest.approx(6.5 / 11, abs=1e-12)
    assert expit(coefficients[0] - 0.5 * coefficients[1]) == pytest.approx(3.5 / 11, abs=1e-12)
    assert (coefficients[2:] == 0).all()


def test_prevalence_of_one_arm_is_its_jeffreys_mean(a_trial, one_arm):
    coefficients = prevalence(with_outcome(a_trial(one_arm, 20), np.arange(20) < 6))[0]
    assert expit(coefficients[0]) == pytest.approx(6.5 / 21, abs=1e-12)
    assert (coefficients[1:] == 0).all()


def test_missing_measures_do_not_change_the_prevalence(a_trial, ld_il2):
    complete, holed = (a_trial(ld_il2, 40, missing=share) for share in (0.0, 0.3))
    np.testing.assert_allclose(prevalence(resampled(complete)), prevalence(resampled(holed)), rtol=0, atol=1e-12)


def test_flic_agrees_with_r(golden_table, reference):
    table = golden_table("separated.csv")
    expected = reference["firth"]
    slopes = np.array([expected["coefficients"][term] for term in ("arm", "treg", "marker")])
    offset = np.column_stack([table["arm"], table["treg"], table["marker"]]) @ slopes
    intercept = calibrated_intercept(offset[None], table["y"], np.ones((1, 40)))
    assert intercept[0] == pytest.approx(expected["flic_intercept"], abs=1e-6)
    assert expit(offset + intercept[0]).mean() == pytest.approx(expected["flic_mean_prediction"], abs=1e-10)


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_the_mean_of_firths_risks_is_the_observed_rate(a_trial, ld_il2, missing):
    trial = a_trial(ld_il2, 50, missing=missing)
    weights = np.stack([np.ones(50), np.random.default_rng(0).integers(0, 3, 50)]).astype(float)
    prepared = resampled(trial, weights)
    risks = expit(np.einsum("bnp,bp->bn", prepared.terms.matrix(prepared.arm, prepared.Z), firth(prepared)))
    for b in range(2):
        mean = np.average(prepared.by_patient(risks)[b], weights=weights[b])
        assert mean == pytest.approx(np.average(trial.responded, weights=weights[b]), abs=1e-9)


def test_firth_uses_arm_and_the_named_measures_only(a_trial, auranofin):
    prepared = resampled(a_trial(auranofin, 50))
    coefficients = firth(prepared)[0]
    used = np.flatnonzero(coefficients)
    assert {prepared.terms.names[j] for j in used} == {
        "intercept",
        "arm",
        "self_assessment",
        "arm x self_assessment",
    }


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_a_rate_that_no_intercept_reaches_is_taken_half_a_patient_from_the_end(outcome):
    offset = np.linspace(-1, 1, 10)[None]
    intercept = calibrated_intercept(offset, np.full(10, outcome), np.ones((1, 10)))
    expected = 0.95 if outcome else 0.05
    assert expit(offset[0] + intercept[0]).mean() == pytest.approx(expected, abs=1e-9)


def test_firth_survives_a_named_measure_that_does_not_vary(a_trial, ld_il2):
    trial = a_trial(ld_il2, 40)
    flat = firth(resampled(trial.with_values("treg_percent_of_cd4", 5.0)))[0]
    assert np.isfinite(flat).all()
    without = firth(resampled(trial.with_values("treg_percent_of_cd4", np.nan)))[0]
    np.testing.assert_allclose(flat, without, rtol=0, atol=1e-3)
