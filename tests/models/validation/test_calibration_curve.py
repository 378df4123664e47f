"""Observed over expected, the joint intercept, ICI with its kin, and the calibration curve with its band."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acrcast.estimators.newton import fit_logistic
from acrcast.estimators.normal import expit, logit
from acrcast.validation.calibration import (
    calibration_curve,
    calibration_errors,
    calibration_intercept,
    calibration_slope,
    joint_calibration_intercept,
    observed_over_expected,
)

SMOOTHERS = ["loess", "lowess", "rcs"]
SEEDS = st.integers(0, 10_000)
IN_R = {"loess": "loess_span075_degree2", "lowess": "lowess_iter0", "rcs": "rcs5_on_logit"}


@pytest.fixture(scope="module")
def external(golden_table, golden_design):
    """Risks of trial.csv's model for the patients of external.csv, and their outcomes."""
    trial, table = golden_table("trial.csv"), golden_table("external.csv")
    fit = fit_logistic(golden_design(trial)[None], trial["y"], np.ones((1, 240)), np.zeros(8))
    return expit(golden_design(table) @ fit.coefficients[0]), table["y"]


def calibrated(n, seed):
    rng = np.random.default_rng(seed)
    risk = rng.uniform(0.05, 0.95, n)
    return risk, (rng.random(n) < risk).astype(float)


def test_observed_over_expected_agrees_with_r(external, reference):
    expected = reference["calibration"]["observed_over_expected"]
    assert observed_over_expected(*external).value == pytest.approx(expected, abs=1e-10)


def test_the_interval_of_observed_over_expected_is_wilson_s_over_the_mean_risk():
    # Wilson's interval of 4 in 10 is .168180 to .687326 (Newcombe 1998, Stat Med 17:857); the mean risk is .5
    found = observed_over_expected(np.full(10, 0.5), np.repeat([1.0, 0.0], [4, 6]))
    assert found.value == pytest.approx(0.8)
    assert (found.low, found.high) == pytest.approx((2 * 0.168180, 2 * 0.687326), abs=2e-6)


def test_observed_over_expected_without_a_responder_is_0_and_still_has_an_interval():
    # the upper end is z^2 / (n + z^2) = 3.841459 / 23.841459
    found = observed_over_expected(np.full(20, 0.5), np.zeros(20))
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(2 * 0.1611251, abs=1e-6)


def test_observed_over_an_expectation_of_0_cannot_be_judged():
    assert math.isnan(observed_over_expected(np.zeros(12), np.repeat([0.0, 1.0], 6)).value)


def test_the_joint_intercept_agrees_with_r_and_is_not_the_offset_form(external, reference):
    found = joint_calibration_intercept(*external).value
    assert found == pytest.approx(reference["calibration"]["intercept_joint"], abs=1e-8)
    assert abs(found - calibration_intercept(*external).value) > 0.1


def test_the_joint_intercept_of_equal_risks_cannot_be_judged():
    assert math.isnan(joint_calibration_intercept(np.full(8, 0.25), np.repeat([0.0, 1.0], 4)).value)


@pytest.mark.parametrize("smoother", SMOOTHERS)
def test_the_errors_agree_with_r(external, reference, smoother):
    found = calibration_errors(*external, smoother)
    expected = reference["calibration"][IN_R[smoother]]
    assert {name: getattr(found, name) for name in expected} == pytest.approx(expected, abs=1e-8)
    assert (found.smoother, found.reason) == (smoother, None)


def test_the_smoother_that_was_used_is_named():
    assert calibration_errors(*calibrated(5000, 1)).smoother == "loess"
    assert calibration_errors(*calibrated(5001, 1)).smoother == "rcs"


@pytest.mark.parametrize("smoother", SMOOTHERS)
@given(seed=SEEDS)
def test_a_calibrated_large_sample_has_small_errors(smoother, seed):
    assert calibration_errors(*calibrated(10_000, seed), smoother).ici < 0.03


@pytest.mark.parametrize("smoother", SMOOTHERS)
def test_risks_all_too_high_by_a_tenth_are_found_to_be_so(smoother):
    rng = np.random.default_rng(3)
    truth = rng.uniform(0.1, 0.8, 20_000)
    found = calibration_errors(truth + 0.1, (rng.random(20_000) < truth).astype(float), smoother)
    assert (found.ici, found.e50, found.e90) == pytest.approx((0.1, 0.1, 0.1), abs=0.02)


@pytest.mark.parametrize("smoother", SMOOTHERS)
@given(seed=SEEDS)
def test_relabelling_patients_changes_nothing(smoother, seed):
    risk, y = calibrated(60, seed)
    other = np.random.default_rng(seed).permutation(60)
    found, again = calibration_errors(risk, y, smoother), calibration_errors(risk[other], y[other], smoother)
    assert (again.ici, again.e90, again.emax) == pytest.approx((found.ici, found.e90, found.emax), abs=1e-6)


@pytest.mark.parametrize(
    ("risk", "y", "reason"),
    [
        (np.linspace(0.1, 0.9, 9), np.tile([0.0, 1, 1], 3), "fewer than 10 patients"),
        (np.empty(0), np.empty(0), "fewer than 10 patients"),
        (np.linspace(0.1, 0.9, 20), np.ones(20), "all outcomes are the same"),
        (np.full(20, 0.4), np.tile([0.0, 1], 10), "all risks are the same"),
    ],
)
@pytest.mark.parametrize("smoother", SMOOTHERS)
def test_what_cannot_be_judged_says_why(risk, y, reason, smoother):
    errors = calibration_errors(risk, y, smoother)
    assert errors.reason == reason
    assert np.isnan([errors.ici, errors.e50, errors.e90, errors.emax]).all()
    curve = calibration_curve(risk, y, smoother, rng=np.random.default_rng(1))
    assert (curve.reason, curve.resamples, curve.failed) == (reason, 0, 0)
    assert np.isnan(curve.observed).all()
    assert np.isnan(curve.low).all()


def test_a_missing_risk_is_refused():
    risk, y = calibrated(20, 1)
    risk[3] = np.nan
    with pytest.raises(ValueError, match="finite risks"):
        calibration_errors(risk, y)


@pytest.mark.parametrize("smoother", SMOOTHERS)
def test_risks_of_0_and_1_that_come_true_are_calibrated(smoother):
    y = np.repeat([0.0, 1.0], 10)
    assert calibration_errors(y, y, smoother).emax < 1e-6


@pytest.mark.parametrize("smoother", SMOOTHERS)
def test_the_curve_goes_through_the_smoothed_risks_within_its_band(smoother):
    risk, y = calibrated(300, 4)
    curve = calibration_curve(risk, y, smoother, rng=np.random.default_rng(1), resamples=100)
    assert (curve.risk[0], curve.risk[-1], len(curve.risk)) == (risk.min(), risk.max(), 101)
    assert (curve.resamples, curve.failed) == (100, 0)
    reached = np.isfinite(curve.low)
    assert reached.sum() >= 90
    assert np.all((curve.low >= 0) & (curve.low <= curve.high) & (curve.high <= 1) | ~reached)
    assert np.mean((curve.low <= curve.observed) & (curve.observed <= curve.high) | ~reached) > 0.95


@pytest.mark.parametrize("smoother", SMOOTHERS)
def test_the_band_is_as_wide_as_the_curves_of_new_patients_vary(smoother):
    # A band whose refits were read from the old curve would be too narrow.
    grid, n = np.array([0.3, 0.5, 0.7]), 200
    curves, widths = [], []
    for seed in range(40):
        curve = calibration_curve(
            *calibrated(n, seed), smoother, grid, rng=np.random.default_rng(seed), resamples=60, level=0.9
        )
        curves.append(curve.observed)
        widths.append(curve.high - curve.low)
    between = 2 * 1.644854 * np.std(curves, axis=0, ddof=1)
    np.testing.assert_allclose(np.mean(widths, axis=0) / between, 1, atol=0.25)


def test_the_same_seed_gives_the_same_band():
    risk, y = calibrated(50, 5)
    one, two = (calibration_curve(risk, y, rng=np.random.default_rng(9), resamples=20) for _ in range(2))
    np.testing.assert_array_equal(one.low, two.low)


def test_resamples_without_both_outcomes_are_counted():
    risk, y = calibrated(12, 6)
    y = (np.arange(12) == 5).astype(float)
    curve = calibration_curve(risk, y, "lowess", rng=np.random.default_rng(1), resamples=200)
    # a resample misses the one responder with probability (11/12)^12 = .352
    assert 45 <= curve.failed <= 95
    assert curve.resamples + curve.failed == 200


def test_the_band_is_silent_where_few_resamples_reach():
    risk, y = calibrated(40, 7)
    curve = calibration_curve(risk, y, "loess", rng=np.random.default_rng(1))
    assert np.isfinite(curve.observed).all()
    assert np.isnan(curve.low[[0, -1]]).all()


@given(seed=SEEDS)
def test_recalibrated_risks_have_slope_1_and_intercepts_0(seed):
    risk, y = calibrated(150, seed)
    intercept, slope = joint_calibration_intercept(risk, y).value, calibration_slope(risk, y).value
    again = expit(intercept + slope * logit(risk))
    assert calibration_slope(again, y).value == pytest.approx(1, abs=1e-7)
    assert joint_calibration_intercept(again, y).value == pytest.approx(0, abs=1e-7)
    assert calibration_intercept(again, y).value == pytest.approx(0, abs=1e-7)
    assert observed_over_expected(again, y).value == pytest.approx(1, abs=1e-9)
