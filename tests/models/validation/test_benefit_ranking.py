"""Qini and AUTOC, by hand, in large trials with a known truth, and as properties."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acrcast.validation.benefit_ranking import benefit_ranking
from acrcast.validation.randomised import Randomised


def rng():
    return np.random.default_rng(1)


def with_benefit(trial, benefit):
    return Randomised(trial.y, trial.treated, np.zeros(len(trial)), np.asarray(benefit, dtype=float), trial.allocation)


def test_qini_autoc_and_the_curve_by_hand(four_patients):
    # scores 1, 1, -1, -1 of the patients in their rank: gains of a quarter, a half, ... treated .25, .5, .25, 0, average 0
    found = benefit_ranking(four_patients, rng())
    assert found.qini.value == pytest.approx((0.25 + 0.5 + 0.25 + 0) / 4)
    assert found.autoc.value == pytest.approx((1 + 1 + 1 / 3 + 0) / 4)
    assert np.interp([0, 0.125, 0.25, 0.5, 0.75, 1], found.curve.share, found.curve.gain) == pytest.approx(
        [0, 0.125, 0.25, 0.5, 0.25, 0]
    )
    assert found.curve.at_random == pytest.approx(np.zeros(101))
    assert found.reason == ""


def test_equal_predictions_share_their_mean_score(four_patients):
    # the middle two tie: scores 1, 0, 0, -1
    found = benefit_ranking(with_benefit(four_patients, [0.4, 0.3, 0.3, 0.1]), rng())
    assert found.qini.value == pytest.approx((0.25 + 0.25 + 0.25 + 0) / 4)
    assert found.autoc.value == pytest.approx((1 + 0.5 + 1 / 3 + 0) / 4)


def test_predictions_that_differ_by_rounding_only_are_equal(four_patients):
    found = benefit_ranking(with_benefit(four_patients, [0.3, 0.1 + 0.2, 0.3, 0.1 + 0.2]), rng())
    assert found.qini.value == pytest.approx(0, abs=1e-15)


def test_a_constant_prediction_ranks_nobody(a_randomised_trial):
    found = benefit_ranking(with_benefit(a_randomised_trial(3), np.full(60, 0.2)), rng())
    for estimate in (found.qini, found.autoc):
        assert (estimate.value, estimate.low, estimate.high) == pytest.approx((0, 0, 0), abs=1e-14)
    assert found.curve.gain == pytest.approx(found.curve.at_random, abs=1e-14)


def test_one_patient_in_an_arm_gives_values_without_intervals():
    patients = Randomised(
        np.array([1.0, 0.0, 1.0]), np.array([True, False, False]), np.zeros(3), np.array([0.3, 0.1, 0.2])
    )
    found = benefit_ranking(patients, rng())
    assert not math.isnan(found.qini.value)
    assert math.isnan(found.autoc.low)
    assert np.isnan(found.curve.high).all()
    assert found.reason == "no intervals: fewer than 2 patients in an arm"


def test_intervals_hold_the_truth_in_a_large_trial():
    # benefit uniform on -.2 to .5: treating the top share q gains q (.15 + .35 (1 - q)), so Qini .35 / 6 and AUTOC .35 / 2
    draw = np.random.default_rng(9)
    n = 20_000
    benefit = draw.uniform(-0.2, 0.5, n)
    treated = draw.random(n) < 0.3
    y = (draw.random(n) < 0.4 + treated * benefit).astype(float)
    found = benefit_ranking(Randomised(y, treated, np.full(n, 0.4), 0.4 + benefit, 0.3), rng())
    assert found.qini.low < 0.35 / 6 < found.qini.high
    assert found.autoc.low < 0.35 / 2 < found.autoc.high
    assert found.qini.high - found.qini.low < 0.02
    assert found.curve.low[40] < 0.4 * (0.15 + 0.35 * 0.6) < found.curve.high[40]
    assert found.curve.at_random[40] == pytest.approx(0.4 * 0.15, abs=0.01)


def test_the_seed_decides_the_interval_and_not_the_value(a_randomised_trial):
    trial = a_randomised_trial(4)
    one, same, other = (benefit_ranking(trial, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.qini == same.qini
    assert one.qini.value == other.qini.value
    assert one.qini.low != other.qini.low


@settings(max_examples=30)
@given(st.integers(0, 1000), st.permutations(range(60)))
def test_order_arms_and_sign(a_randomised_trial, arms_swapped, reordered, seed, order):
    trial = a_randomised_trial(seed)
    found = benefit_ranking(trial, rng(), resamples=2)
    # the order of the patients changes nothing
    assert benefit_ranking(reordered(trial, list(order)), rng(), resamples=2).autoc.value == pytest.approx(
        found.autoc.value
    )
    # control called treated: those who benefit least come first, and the area is the same
    assert benefit_ranking(arms_swapped(trial), rng(), resamples=2).qini.value == pytest.approx(found.qini.value)
    # the reversed ranking loses what the ranking gains
    assert benefit_ranking(with_benefit(trial, -trial.benefit), rng(), resamples=2).qini.value == pytest.approx(
        -found.qini.value
    )
    # only the ranks matter
    assert benefit_ranking(with_benefit(trial, trial.benefit**3), rng(), resamples=2).autoc.value == pytest.approx(
        found.autoc.value
    )


@pytest.mark.slow
def test_intervals_of_a_ranking_without_value_hold_0():
    # 200 trials of 120: three standard errors of .95 are .046
    held = np.zeros((200, 2))
    for seed in range(200):
        draw = np.random.default_rng([31, seed])
        treated = draw.permutation(np.arange(120) % 2 == 0)
        y = (draw.random(120) < 0.35 + 0.2 * treated).astype(float)
        found = benefit_ranking(Randomised(y, treated, np.full(120, 0.4), draw.random(120)), draw)
        held[seed] = [e.low <= 0 <= e.high for e in (found.qini, found.autoc)]
    assert (held.mean(axis=0) > 0.9).all()
