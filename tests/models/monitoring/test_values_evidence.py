"""Evidence about a measure's mean: the Bayes factor of the two-sample t test, as SciPy integrates it, and fair bets."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from acrcast.monitoring.values import DIFFERENCES, Before, another_mean, standardised_difference


def before(values):
    return Before(len(values), float(np.mean(values)), float(np.std(values)))


def by_integration(old, new):
    """Ratio of the density of t with a normal difference to that without one."""
    t, degrees = stats.ttest_ind(new, old).statistic, len(old) + len(new) - 2
    size = len(old) * len(new) / (len(old) + len(new))

    def weighted(difference):
        return stats.nct.pdf(t, degrees, difference * math.sqrt(size)) * stats.norm.pdf(
            difference, scale=math.sqrt(DIFFERENCES)
        )

    return quad(weighted, -6, 6)[0] / stats.t.pdf(t, degrees)


@pytest.mark.parametrize("shift", [0.0, 0.4, -1.5])
def test_one_gambler_owns_the_bayes_factor_of_the_t_test(shift):
    rng = np.random.default_rng(5)
    old, new = rng.normal(50, 10, 40), rng.normal(50 + 10 * shift, 10, 25)
    found = another_mean(np.ones(25, dtype=np.int64), new, before(old))
    # the other half waits
    assert 2 * math.exp(found.now) - 1 == pytest.approx(by_integration(old, new), rel=1e-6)


def test_bets_are_fair_when_nothing_differs():
    """6,000 trainings of 12 and eight new patients over three months."""
    rng = np.random.default_rng(6)
    day = np.array([1, 1, 2, 30, 30, 31, 58, 90])
    owned = []
    for _ in range(6_000):
        old = rng.normal(3, 2, 12)
        owned.append(math.exp(another_mean(day, rng.normal(3, 2, 8), before(old)).now))
    assert np.mean(owned) == pytest.approx(1, abs=4 * np.std(owned) / math.sqrt(len(owned)))


@given(st.permutations(range(6)), st.floats(-100, 100), st.floats(0.01, 100))
def test_neither_the_order_nor_the_unit_changes_anything(order, zero, unit):
    day, new, old = np.array([1, 2, 2, 40, 41, 41]), np.array([3.0, 4.5, 1.0, 2.0, 6.0, 5.5]), np.arange(10.0)
    order = list(order)
    other = another_mean(day[order], zero + unit * new[order], before(zero + unit * old))
    assert other.log_e == pytest.approx(another_mean(day, new, before(old)).log_e, abs=1e-6)


def test_a_difference_is_in_standard_deviations_of_the_training_data():
    found = standardised_difference(np.array([60.0, 70.0]), Before(100, 50, 10), 0.05)
    assert found.value == pytest.approx(1.5)
    assert found.low < 1.5 < found.high


def test_the_limits_hold_just_what_the_evidence_does_not_rule_out():
    rng = np.random.default_rng(7)
    old, new = rng.normal(0, 1, 60), rng.normal(0.5, 1, 80)
    limits = standardised_difference(new, before(old), 0.05)
    for end in (limits.low, limits.high):
        moved = new - end * np.std(old)
        owned = 2 * math.exp(another_mean(np.ones(80, dtype=np.int64), moved, before(old)).now) - 1
        assert owned == pytest.approx(20, rel=1e-6)


def test_few_values_rule_nothing_out():
    found = standardised_difference(np.array([9.0]), Before(5, 0, 1), 0.05)
    assert (found.low, found.high) == (-math.inf, math.inf)
    assert math.isnan(standardised_difference(np.zeros(0), Before(47, 0, 1), 0.05).value)


@pytest.mark.parametrize("known", [Before(2, 0, 1), Before(47, 0, math.inf), Before(47, 0, 0)])
def test_what_hardly_anyone_had_or_what_did_not_vary_is_not_compared(known):
    assert not known.can_be_compared
    assert Before(47, 0, 1).can_be_compared
