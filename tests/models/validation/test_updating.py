"""Updating a model on new patients: R's likelihoods and choice, and what each update must restore."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from acrcast.estimators.newton import fit_logistic
from acrcast.estimators.normal import expit
from acrcast.validation.calibration import calibration_intercept, calibration_slope
from acrcast.validation.updating import (
    chi_squared_survival,
    closed_testing,
    keep,
    recalibrate,
    revise,
    update_intercept,
)

SEEDS = st.integers(0, 10_000)
TERMS = 8


@pytest.fixture(scope="module")
def external(golden_table, golden_design):
    """Design and outcomes of external.csv, and the log-odds by trial.csv's model."""
    trial, table = golden_table("trial.csv"), golden_table("external.csv")
    fit = fit_logistic(golden_design(trial)[None], trial["y"], np.ones((1, 240)), np.zeros(TERMS))
    X = golden_design(table)
    return X, table["y"], X @ fit.coefficients[0]


def made_up(seed, n=400, shift=0.0, slope=1.0, bent=0.0):
    """Columns, outcomes and original log-odds of patients for whom the model is off in the ways given."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.standard_normal((n, 2))])
    log_odds = X @ np.array([0.2, 0.8, -0.5])
    truth = shift + slope * log_odds + bent * X[:, 2]
    return X, (rng.random(n) < expit(truth)).astype(float), log_odds


def test_the_likelihoods_agree_with_r(external, reference):
    found = closed_testing(*external).updates
    expected = reference["closed_testing"]["log_likelihood"]
    assert {name: update.log_likelihood for name, update in found.items()} == pytest.approx(expected, abs=1e-8)


def test_the_closed_test_agrees_with_r(external, reference):
    found = closed_testing(*external)
    expected = reference["closed_testing"]["p_value_against_revision"]
    assert found.p_value == pytest.approx(expected, rel=1e-8)
    assert found.selected == reference["closed_testing"]["selected"]
    assert (found.tested_against, found.reason) == ("revision", None)


def test_the_coefficients_of_each_update_agree_with_r(external, reference):
    updates = closed_testing(*external).updates
    expected = reference["calibration"]
    assert updates["intercept"].coefficients[0] == pytest.approx(expected["intercept_offset"], abs=1e-8)
    np.testing.assert_allclose(
        updates["recalibration"].coefficients, [expected["intercept_joint"], expected["slope"]], atol=1e-8
    )
    assert updates["original"].coefficients.size == 0
    assert updates["revision"].coefficients.size == TERMS


def test_a_revision_is_maximum_likelihood(golden_table, golden_design, reference):
    trial = golden_table("trial.csv")
    found = revise(golden_design(trial), trial["y"])
    np.testing.assert_allclose(found.coefficients, list(reference["logistic"]["coefficients"].values()), atol=1e-8)
    errors = np.sqrt(np.diag(np.linalg.inv(found.information)))
    np.testing.assert_allclose(errors, list(reference["logistic"]["standard_errors"].values()), atol=1e-7)
    assert found.log_likelihood == pytest.approx(reference["logistic"]["log_likelihood"], abs=1e-8)


@given(seed=SEEDS)
def test_each_update_gives_log_odds_with_its_own_likelihood(seed):
    X, y, original = made_up(seed, n=80)
    for update in closed_testing(X, y, original).updates.values():
        eta = update.log_odds(X, original)
        assert np.sum(y * eta - np.logaddexp(0, eta)) == pytest.approx(update.log_likelihood, abs=1e-8)


@given(seed=SEEDS)
def test_a_more_flexible_update_fits_no_worse(seed):
    fits = [update.log_likelihood for update in closed_testing(*made_up(seed, n=60)).updates.values()]
    assert all(after >= before - 1e-9 for before, after in pairwise(fits))


@given(seed=SEEDS, shift=st.floats(-1.5, 1.5), slope=st.floats(0.3, 2))
def test_recalibration_restores_slope_1_and_the_intercept_its_mean(seed, shift, slope):
    X, y, original = made_up(seed, n=200, shift=shift, slope=slope)
    recalibrated = expit(recalibrate(y, original).log_odds(X, original))
    assert calibration_slope(recalibrated, y).value == pytest.approx(1, abs=1e-7)
    assert calibration_intercept(recalibrated, y).value == pytest.approx(0, abs=1e-7)
    moved = expit(update_intercept(y, original).log_odds(X, original))
    assert moved.mean() == pytest.approx(y.mean(), abs=1e-10)


@given(seed=SEEDS)
def test_relabelling_patients_changes_nothing(seed):
    X, y, original = made_up(seed, n=70)
    other = np.random.default_rng(seed).permutation(70)
    found, again = closed_testing(X, y, original), closed_testing(X[other], y[other], original[other])
    assert again.p_value == pytest.approx(found.p_value, rel=1e-6)
    assert again.selected == found.selected


@pytest.mark.parametrize(
    ("off", "selected"),
    [
        ({}, "original"),
        ({"shift": 0.5}, "intercept"),
        ({"shift": 0.5, "slope": 0.4}, "recalibration"),
        ({"bent": 1.0}, "revision"),
    ],
)
def test_the_least_change_that_is_needed_is_selected(off, selected):
    # seed with which none of the true statements is rejected by chance
    assert closed_testing(*made_up(2, n=4000, **off)).selected == selected


def test_a_model_that_is_right_is_kept_19_times_in_20():
    kept = np.mean([closed_testing(*made_up(seed, n=300)).selected == "original" for seed in range(400)])
    # binomial standard error .011
    assert kept == pytest.approx(0.95, abs=0.033)


def test_one_predictor_makes_recalibration_and_revision_the_same():
    X, y, _ = made_up(3, n=100)
    found = closed_testing(X[:, :2], y, 0.3 + 0.7 * X[:, 1])
    assert found.p_value["recalibration"] == 1
    assert found.selected != "revision"


def test_a_column_that_repeats_others_does_not_count():
    X, y, original = made_up(4, n=120)
    twice = np.column_stack([X, X[:, 1] - 2 * X[:, 2], np.zeros(120)])
    found = closed_testing(twice, y, original)
    assert found.updates["revision"].parameters == 3
    assert found.p_value == pytest.approx(closed_testing(X, y, original).p_value, rel=1e-6)


def test_a_revision_that_separates_the_outcomes_is_not_offered():
    rng = np.random.default_rng(5)
    X = np.column_stack([np.ones(20), rng.standard_normal((20, 15))])
    y = np.tile([0.0, 1], 10)
    found = closed_testing(X, y, 0.5 * X[:, 1])
    assert not found.updates["revision"].finite
    assert found.tested_against == "recalibration"
    assert found.selected in {"original", "intercept", "recalibration"}
    assert "separates" in found.reason


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_with_one_outcome_only_the_original_is_kept_untested(outcome):
    X, _, original = made_up(6, n=30)
    found = closed_testing(X, np.full(30, outcome), original)
    assert (found.selected, found.p_value, found.reason) == ("original", {}, "all outcomes are the same")


def test_log_odds_that_do_not_vary_are_tested_without_recalibration():
    X, y, _ = made_up(7, n=200, shift=1.0)
    found = closed_testing(X, y, np.zeros(200))
    assert set(found.p_value) == {"original", "intercept"}


def test_extreme_log_odds_find_their_intercept():
    # three of four at -27 respond: the intercept is log 3 + 27
    found = update_intercept(np.array([1.0, 1, 1, 0]), np.full(4, -27.0))
    assert found.coefficients[0] == pytest.approx(math.log(3) + 27, abs=1e-9)
    # half at -27 and half at 27, three quarters respond: those at -27 must be at even odds
    found = update_intercept(np.array([1.0, 0, 1, 1]), np.array([-27.0, -27, 27, 27]))
    assert found.coefficients[0] == pytest.approx(27, abs=1e-9)


def test_keeping_a_model_of_even_odds_costs_log_2_a_patient():
    assert keep(np.array([0.0, 1, 1]), np.zeros(3)).log_likelihood == pytest.approx(-3 * math.log(2))


def test_missing_values_are_refused():
    X, y, original = made_up(8, n=30)
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="finite columns"):
        closed_testing(X, y, original)


@pytest.mark.parametrize("degrees_of_freedom", [1, 2, 3, 4, 7, 8, 20, 51, 400])
@pytest.mark.parametrize("statistic", [1e-12, 1e-3, 0.1, 1, 3.84, 10, 60, 79.02, 300, 1200])
def test_chi_squared_agrees_with_scipy(statistic, degrees_of_freedom):
    expected = float(chi2.sf(statistic, degrees_of_freedom))
    assert chi_squared_survival(statistic, degrees_of_freedom) == pytest.approx(expected, rel=1e-10, abs=1e-300)


def test_chi_squared_by_hand():
    assert chi_squared_survival(2 * math.log(20), 2) == pytest.approx(0.05)
    assert chi_squared_survival(3.841458820694124, 1) == pytest.approx(0.05)
    assert chi_squared_survival(-1e-9, 3) == 1
    assert chi_squared_survival(math.inf, 3) == 0
    assert math.isnan(chi_squared_survival(math.nan, 3))
    with pytest.raises(ValueError, match="degrees of freedom"):
        chi_squared_survival(1.0, 0)
