"""Calibration for benefit and c-for-benefit in pairs, against the published example and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acrcast.validation.benefit_pairs import benefit_of_pairs, concordance, match_by_rank, paired_benefit
from acrcast.validation.randomised import Randomised

# Maas et al. 2023, corrected table 1.
PREDICTED = np.array([-0.121, -0.125, -0.077, 0.015, 0.087, 0.171, 0.042, 0.146])
OBSERVED = np.array([0.0, 1.0, -1.0, 0.0, -1.0, 0.0, 0.0, -1.0])


def rng():
    return np.random.default_rng(1)


def test_the_eight_pairs_of_maas():
    found = benefit_of_pairs(PREDICTED, OBSERVED, rng())
    assert found.in_the_large.value == pytest.approx(-0.26725, abs=1e-12)
    assert found.e_average.value == pytest.approx(0.579238, abs=1e-6)
    assert found.e50.value == pytest.approx(0.623519, abs=1e-6)
    assert found.e90.value == pytest.approx(0.903893, abs=1e-6)
    assert (found.pairs, found.smoother) == (8, "loess, span 0.75, degree 2")
    for estimate in (found.e_average, found.e50, found.e90):
        assert estimate.low <= estimate.high
    assert found.reason == ""


def test_c_for_benefit_of_the_eight_pairs_by_hand():
    # observed 1: predicted -.125, below all others: against four 0s and three -1s none agrees.
    # observed 0: -.121 agrees with none of the -1s (-.077, .087, .146), .015 with 1, .171 with 3, .042 with 1: 5 of 12
    assert concordance(PREDICTED, OBSERVED, np.ones((1, 8))).tolist() == [pytest.approx(5 / 19)]


def test_pairs_that_weigh_nothing_are_not_compared():
    weights = np.ones((1, 8))
    weights[0, 1] = 0
    assert concordance(PREDICTED, OBSERVED, weights) == pytest.approx([5 / 12])


def test_pairs_are_made_at_the_same_quantiles_of_either_arm():
    score = np.array([0.3, 0.1, 0.9, 0.2, 0.8, 0.4, 0.5])
    treated = np.array([True, True, True, False, False, True, True])
    # treated by score: 1 (.1), 0 (.3), 5 (.4), 6 (.5), 2 (.9); of five for two pairs, the second and the fourth
    assert match_by_rank(score, treated, rng()).tolist() == [[0, 3], [6, 4]]


def test_patients_of_the_larger_arm_are_left_over(a_randomised_trial):
    found = paired_benefit(a_randomised_trial(1, patients=50, allocation=0.3), rng(), resamples=5)
    assert (found.pairs, found.unmatched) == (15, 20)


def test_a_pair_predicts_the_mean_of_its_two(four_patients):
    found = paired_benefit(four_patients, rng())
    # by rank: treated .2 with control .1, treated .4 with control .3; observed 0 - 1 and 1 - 0
    assert found.predicted == pytest.approx([0.15, 0.35])
    assert found.in_the_large.value == pytest.approx(-0.25)
    assert found.c_for_benefit.value == 1.0


def test_few_pairs_have_no_interval_and_say_so(four_patients):
    found = paired_benefit(four_patients, rng())
    assert math.isnan(found.e_average.low)
    assert math.isnan(found.c_for_benefit.high)
    assert found.reason == "no intervals from fewer than 8 pairs"


def test_where_all_pairs_turn_out_alike_there_is_no_c_for_benefit():
    found = benefit_of_pairs(PREDICTED, np.zeros(8), rng())
    assert math.isnan(found.c_for_benefit.value)
    assert found.reason == "no c-for-benefit: the observed benefit of all pairs is the same"
    assert found.e_average.value == pytest.approx(np.abs(PREDICTED).mean())


def test_equal_predictions_have_a_c_for_benefit_of_one_half(a_randomised_trial):
    trial = a_randomised_trial(2)
    same = Randomised(trial.y, trial.treated, np.full(60, 0.4), np.full(60, 0.5))
    found = paired_benefit(same, rng(), resamples=20)
    assert (found.c_for_benefit.value, found.c_for_benefit.low, found.c_for_benefit.high) == (0.5, 0.5, 0.5)
    assert found.e_average.value == pytest.approx(abs(found.in_the_large.value))


def test_one_pair_has_values_and_no_intervals():
    found = benefit_of_pairs(np.array([0.1]), np.array([1.0]), rng())
    assert found.e_average.value == pytest.approx(0.9)
    assert found.reason.startswith("no intervals from fewer than 8 pairs; no c-for-benefit")


@settings(max_examples=30)
@given(st.integers(0, 1000), st.permutations(range(60)))
def test_the_order_of_patients_with_different_predictions_does_not_matter(a_randomised_trial, reordered, seed, order):
    trial = a_randomised_trial(seed)
    found = paired_benefit(trial, rng(), resamples=2)
    again = paired_benefit(reordered(trial, list(order)), rng(), resamples=2)
    assert again.c_for_benefit.value == pytest.approx(found.c_for_benefit.value)
    assert again.e90.value == pytest.approx(found.e90.value, abs=1e-9)


@given(st.lists(st.tuples(st.floats(-1, 1).map(lambda v: round(v, 2)), st.sampled_from([-1.0, 0.0, 1.0])), min_size=2))
def test_c_for_benefit_is_the_share_of_agreeing_comparisons(pairs):
    predicted, observed = np.array(pairs).T
    agreeing = comparisons = 0.0
    for p, o in pairs:
        for q, r in pairs:
            if o > r:
                comparisons += 1
                agreeing += 0.5 if p == q else float(p > q)
    (found,) = concordance(predicted, observed, np.ones((1, len(pairs))))
    assert math.isnan(found) if comparisons == 0 else found == pytest.approx(agreeing / comparisons)
