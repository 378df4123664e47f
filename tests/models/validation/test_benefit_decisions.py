"""Policies of treating above a threshold, by hand and against the truth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acrcast.validation.benefit_decisions import treatment_policies
from acrcast.validation.randomised import Randomised


def test_a_policy_by_hand(four_patients):
    (found,) = treatment_policies(four_patients, thresholds=(0.15,))
    # treats the first three: scores 1.5, .5, -.5 treated and 1.5 control
    assert (found.threshold, found.share) == (0.15, 0.75)
    assert found.response.value == pytest.approx(0.75)
    assert found.over_none.value == pytest.approx((1 + 1 - 1) / 4)
    assert found.over_all.value == pytest.approx(1 / 4)
    assert found.net.value == pytest.approx(0.25 - 0.15 * 0.75)
    # first, third and fourth had the recommended arm, and two of them responded; the second had not, and did not
    assert (found.agreeing, found.disagreeing) == (3, 1)
    assert found.difference.value == pytest.approx(2 / 3)
    assert found.reason == ""


def test_treating_nobody_or_everybody_is_that_comparator_itself(four_patients):
    nobody, everybody = treatment_policies(four_patients, thresholds=(0.9, -0.9))
    for gain in (nobody.over_none, nobody.net, everybody.over_all):
        assert (gain.value, gain.low, gain.high) == (0.0, 0.0, 0.0)
    assert nobody.share == 0.0
    assert nobody.response.value == everybody.response.value == pytest.approx(0.5)
    assert everybody.net.value == pytest.approx(0.9)


def test_a_benefit_of_exactly_the_threshold_is_not_above_it():
    half = Randomised(np.array([1.0, 0.0]), np.array([True, False]), np.full(2, 0.25), np.full(2, 0.75))
    at, below = treatment_policies(half, thresholds=(0.5, 0.4999))
    assert (at.share, below.share) == (0.0, 1.0)


def test_where_every_patient_had_the_recommended_arm_there_is_no_difference_and_the_reason_is_given():
    treated = np.array([True, True, False, False])
    found = treatment_policies(
        Randomised(np.array([1.0, 1.0, 0.0, 1.0]), treated, np.full(4, 0.5), np.where(treated, 0.7, 0.3))
    )[0]
    assert (found.agreeing, found.disagreeing) == (4, 0)
    assert math.isnan(found.difference.value)
    assert found.reason.startswith("no difference")
    assert not math.isnan(found.response.value)


def test_intervals_hold_the_truth_in_a_large_trial():
    rng = np.random.default_rng(8)
    n = 50_000
    control, benefit = np.full(n, 0.4), rng.uniform(-0.3, 0.3, n)
    treated = rng.random(n) < 0.6
    y = (rng.random(n) < control + treated * benefit).astype(float)
    trial = Randomised(y, treated, control, control + benefit, 0.6)
    # four intervals of one draw: wide enough that chance hardly ever breaks one
    (found,) = treatment_policies(trial, thresholds=(0.1,), level=0.9995)
    # a third is treated, who gain .2 on average
    assert found.response.low < 0.4 + 0.2 / 3 < found.response.high
    assert found.over_none.low < 0.2 / 3 < found.over_none.high
    assert found.over_all.low < 0.2 / 3 < found.over_all.high
    assert found.net.low < 0.1 / 3 < found.net.high
    assert found.response.high - found.response.low < 0.05


@given(st.integers(0, 1000), st.floats(-0.5, 0.5))
def test_gains_over_none_and_over_all_differ_by_the_average_effect(a_randomised_trial, seed, threshold):
    trial = a_randomised_trial(seed)
    (found,) = treatment_policies(trial, thresholds=(threshold,))
    rates = trial.y[trial.treated].mean(), trial.y[~trial.treated].mean()
    assert found.over_none.value - found.over_all.value == pytest.approx(rates[0] - rates[1], abs=1e-12)
    assert found.response.value == pytest.approx(rates[1] + found.over_none.value)
    assert found.net.value == pytest.approx(found.over_none.value - threshold * found.share, abs=1e-12)
    assert 0 <= found.response.low <= found.response.high <= 1


@given(st.integers(0, 1000))
def test_swapping_the_arms_swaps_the_comparators(a_randomised_trial, arms_swapped, seed):
    trial = a_randomised_trial(seed)
    (found,), (swapped,) = treatment_policies(trial), treatment_policies(arms_swapped(trial))
    assert swapped.share == pytest.approx(1 - found.share)
    assert swapped.response.value == pytest.approx(found.response.value)
    assert swapped.over_none.value == pytest.approx(found.over_all.value, abs=1e-12)
    assert swapped.difference.value == pytest.approx(found.difference.value)
