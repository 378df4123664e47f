"""Calibration intercept and slope, against R and where they cannot be judged."""

import math

import numpy as np
import pytest

from acrcast.estimators.newton import fit_logistic
from acrcast.estimators.normal import expit
from acrcast.validation.calibration import calibration_intercept, calibration_slope

# R's standard errors come from the iteration before the last, and its default ends with a deviance that moves by 1e-8.
R_STOPS_EARLY = 2e-6


@pytest.fixture(scope="module")
def external(golden_table, golden_design):
    """Risks of trial.csv's model for the patients of external.csv, and their outcomes."""
    trial, table = golden_table("trial.csv"), golden_table("external.csv")
    fit = fit_logistic(golden_design(trial)[None], trial["y"], np.ones((1, 240)), np.zeros(8))
    return expit(golden_design(table) @ fit.coefficients[0]), table["y"]


def half_width(estimate):
    return (estimate.high - estimate.low) / 2 / 1.959963984540054


def test_the_intercept_in_its_offset_form_agrees_with_r(external, reference):
    found = calibration_intercept(*external)
    assert found.value == pytest.approx(reference["calibration"]["intercept_offset"], abs=1e-8)
    assert half_width(found) == pytest.approx(reference["calibration"]["intercept_offset_se"], abs=R_STOPS_EARLY)


def test_the_slope_agrees_with_r(external, reference):
    found = calibration_slope(*external)
    assert found.value == pytest.approx(reference["calibration"]["slope"], abs=1e-8)
    assert half_width(found) == pytest.approx(reference["calibration"]["slope_se"], abs=R_STOPS_EARLY)


def test_a_maximum_likelihood_model_is_calibrated_on_its_own_data(golden_table, golden_design):
    table = golden_table("trial.csv")
    X = golden_design(table)
    risk = expit(X @ fit_logistic(X[None], table["y"], np.ones((1, 240)), np.zeros(8)).coefficients[0])
    assert calibration_slope(risk, table["y"]).value == pytest.approx(1, abs=1e-8)
    assert calibration_intercept(risk, table["y"]).value == pytest.approx(0, abs=1e-8)


def test_risks_twice_too_extreme_have_half_the_slope(external):
    risk, y = external
    twice = expit(2 * np.log(risk / (1 - risk)))
    assert calibration_slope(twice, y).value == pytest.approx(calibration_slope(risk, y).value / 2, abs=1e-8)


def test_a_wider_level_gives_a_wider_interval(external):
    narrow, wide = calibration_slope(*external, level=0.5), calibration_slope(*external, level=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize("y", [np.zeros(4), np.ones(4)])
def test_one_class_of_outcomes_cannot_be_judged(y):
    risk = np.array([0.1, 0.2, 0.6, 0.7])
    assert math.isnan(calibration_slope(risk, y).value)
    assert math.isnan(calibration_intercept(risk, y).value)


def test_the_slope_of_equal_risks_cannot_be_judged_but_their_intercept_can():
    risk, y = np.full(8, 0.25), np.array([1.0, 1, 1, 1, 0, 0, 0, 0])
    assert math.isnan(calibration_slope(risk, y).value)
    assert calibration_intercept(risk, y).value == pytest.approx(math.log(3))


@pytest.mark.parametrize("gap", [0.1, 1e-3])
def test_the_slope_of_risks_that_separate_the_outcomes_cannot_be_judged(gap):
    y = np.repeat([0.0, 1.0], 6)
    risk = np.where(y > 0, 0.5 + gap, 0.5 - gap) + np.tile(np.linspace(0, gap / 4, 6), 2)
    found = calibration_slope(risk, y)
    assert math.isnan(found.value)
    assert math.isnan(found.low)


def test_the_slope_of_risks_that_separate_all_but_a_tie_cannot_be_judged():
    risk, y = np.array([0.1, 0.2, 0.5, 0.5, 0.8, 0.9]), np.array([0.0, 0, 0, 1, 1, 1])
    assert math.isnan(calibration_slope(risk, y).value)


def test_risks_of_0_and_1_are_judged():
    risk, y = np.array([0.0, 1.0, 0.4, 0.6, 0.3]), np.array([0.0, 1.0, 1, 0, 0])
    assert math.isfinite(calibration_slope(risk, y).value)
    assert math.isfinite(calibration_intercept(risk, y).value)


def test_risks_of_0_where_all_respond_have_a_finite_intercept():
    risk, y = np.array([0.0, 0.0, 0.0, 0.0]), np.array([1.0, 1, 1, 0])
    assert calibration_intercept(risk, y).value == pytest.approx(math.log(3) + 12 * math.log(10), abs=1e-6)
