"""Calibration of predicted benefits without matching, by hand and in large trials."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acrcast.estimators.normal import expit
from acrcast.validation.benefit_calibration import benefit_calibration
from acrcast.validation.randomised import Randomised


def test_slope_and_calibration_in_the_large_by_hand(four_patients):
    # scores 1, 1, -1, -1 on benefits .4, .3, .2, .1: slope .4 / .05; HC3 with leverages .7, .3, .3, .7 and residuals
    # -.2, .6, -.6, .2: sqrt(.01 + .03^2/.49 + .03^2/.49 + .01) / .05 = 3.07724
    found = benefit_calibration(four_patients)
    assert found.slope.value == pytest.approx(8.0)
    assert found.slope.high - found.slope.value == pytest.approx(1.959964 * 3.07724, abs=1e-4)
    # mean score 0, mean benefit .25
    assert found.in_the_large.value == pytest.approx(-0.25)
    assert found.reason == ""


def test_groups_by_hand(four_patients):
    low, high = benefit_calibration(four_patients, groups=2).groups
    assert (low.treated, low.control, high.treated, high.control) == (1, 1, 1, 1)
    assert (low.predicted, high.predicted) == (pytest.approx(0.15), pytest.approx(0.35))
    assert (low.observed.value, high.observed.value) == (-1.0, 1.0)
    # 1/1 against 0/1: Wilson .2065 to 1 and 0 to .7935, so 1 - sqrt(2) x .7935, at most 1
    assert (high.observed.low, high.observed.high) == (pytest.approx(-0.1222, abs=1e-3), 1.0)


def test_a_group_of_one_arm_says_so(four_patients):
    groups = benefit_calibration(four_patients, groups=4).groups
    assert len(groups) == 4
    assert all(math.isnan(group.observed.value) for group in groups)
    assert {group.reason for group in groups} == {"one of the arms has nobody in this group"}


def test_equal_predictions_are_one_group_without_a_slope(four_patients):
    p = four_patients
    found = benefit_calibration(Randomised(p.y, p.treated, np.full(4, 0.4), np.full(4, 0.6)))
    assert math.isnan(found.slope.value)
    assert found.reason == "the predicted benefit does not vary"
    assert len(found.groups) == 1
    assert found.in_the_large.value == pytest.approx(-0.2)


def test_two_patients_fix_no_slope():
    found = benefit_calibration(
        Randomised(np.array([1.0, 0.0]), np.array([True, False]), np.array([0.3, 0.5]), np.array([0.6, 0.6]))
    )
    assert found.reason == "fewer than three patients"


def test_the_truth_has_a_slope_of_1_and_its_exaggeration_half_of_it():
    rng = np.random.default_rng(5)
    n = 100_000
    control, benefit = np.full(n, 0.4), rng.uniform(-0.2, 0.5, n)
    treated = rng.random(n) < 0.3
    y = (rng.random(n) < control + treated * benefit).astype(float)
    true = benefit_calibration(Randomised(y, treated, control, control + benefit, 0.3))
    assert true.slope.low < 1 < true.slope.high
    assert true.in_the_large.low < 0 < true.in_the_large.high
    assert true.slope.high - true.slope.low < 0.08
    twice = benefit_calibration(Randomised(y, treated, control - benefit / 2, control + 3 * benefit / 2, 0.3))
    assert twice.slope.value == pytest.approx(true.slope.value / 2)
    for group in true.groups:
        assert group.observed.low - 0.01 < group.predicted < group.observed.high + 0.01


def test_main_effects_without_benefit_have_a_slope_near_0():
    rng = np.random.default_rng(6)
    n = 50_000
    x = rng.standard_normal(n)
    treated = rng.random(n) < 0.5
    y = (rng.random(n) < expit(x)).astype(float)
    found = benefit_calibration(Randomised(y, treated, np.full(n, 0.5), expit(0.3 * x)))
    assert found.slope.low < 0 < found.slope.high


@given(st.integers(0, 1000), st.permutations(range(60)))
def test_neither_the_order_nor_the_names_of_the_arms_matter(a_randomised_trial, arms_swapped, reordered, seed, order):
    trial = a_randomised_trial(seed)
    found = benefit_calibration(trial)
    again = benefit_calibration(reordered(trial, list(order)))
    swapped = benefit_calibration(arms_swapped(trial))
    assert again.slope.low == pytest.approx(found.slope.low)
    assert [g.observed for g in again.groups] == [g.observed for g in found.groups]
    assert swapped.slope.value == pytest.approx(found.slope.value)
    assert swapped.in_the_large.value == pytest.approx(-found.in_the_large.value)
