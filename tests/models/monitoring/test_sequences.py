"""Figures with limits that hold at all looks: by hand, by SciPy, and by counting how often they fail."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import betaln

from acrcast.estimators.normal import expit, logit
from acrcast.monitoring import sequences


@pytest.mark.parametrize(("hits", "total"), [(3, 40), (0, 10), (10, 10), (400, 1000)])
def test_a_shares_limits_are_where_its_likelihood_is_a_twentieth_of_the_mean(hits, total):
    def excess(p):
        likelihood = hits * math.log(p) + (total - hits) * math.log1p(-p)
        return likelihood - math.log(0.05) - (betaln(hits + 0.5, total - hits + 0.5) - betaln(0.5, 0.5))

    found = sequences.share(hits, total, 0.95)
    rate = hits / total
    assert found.value == rate
    low = brentq(excess, 1e-15, min(rate, 1 - 1e-15)) if hits else 0.0
    high = brentq(excess, max(rate, 1e-15), 1 - 1e-15) if hits < total else 1.0
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


def test_a_mean_of_100_values_of_spread_1_by_hand():
    """tuned = (5.99146 + 1.94469) / 200 = .0396808; half = sqrt(4.96808 / 396.808 x 7.59452) = .30836."""
    values = np.tile([-1.0, 1.0], 50) / math.sqrt(100 / 99)
    found = sequences.mean(values, 0.95)
    assert found.value == pytest.approx(0, abs=1e-12)
    assert found.high == pytest.approx(0.30836, abs=1e-4)


def test_too_few_say_nothing():
    assert math.isnan(sequences.share(0, 0, 0.95).value)
    assert math.isnan(sequences.mean(np.zeros(29), 0.95).low)
    assert math.isnan(sequences.intercept(np.zeros(0), np.zeros(0), 0.95).value)
    assert math.isnan(sequences.slope(np.zeros(0), np.zeros(0), np.zeros(0), 0.95).value)


def test_outcomes_that_are_all_the_same_still_bound_the_intercept_on_one_side():
    risk = np.full(40, 0.5)
    shift = sequences.intercept(risk, np.zeros(40), 0.95)
    assert math.isnan(shift.value)
    assert shift.low == -math.inf
    assert shift.high < -1
    found = sequences.observed_over_expected(risk, np.zeros(40), shift)
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high < 0.6
    assert math.isnan(sequences.slope(risk, np.zeros(40), np.zeros(40), 0.95).value)


def test_a_rate_that_is_quoted_to_all_has_no_slope():
    y = np.tile([0.0, 1.0], 30)
    assert math.isnan(sequences.slope(np.full(60, 0.4), y, np.full(60, logit(np.array(0.4))), 0.95).value)


def test_the_limits_of_the_slope_are_where_no_intercept_reaches_a_twentieth_of_the_mean():
    """Against a sum over a finer grid of slopes and intercepts, and their normal prior."""
    rng = np.random.default_rng(10)
    log_odds = np.round(rng.normal(0, 1, 60), 2)
    y = (rng.random(60) < expit(log_odds)).astype(float)
    shifts, slopes = np.linspace(-3, 3, 241), np.linspace(-3, 5, 321)
    at = shifts + slopes[:, None] * log_odds[:, None, None]
    fits = np.sum(y[:, None, None] * at - np.log1p(np.exp(at)), axis=0)
    prior = np.exp(-(shifts**2) / 2 - (slopes[:, None] - 1) ** 2 / 2)
    held = np.exp(fits) >= 0.05 * np.sum(np.exp(fits) * prior) / prior.sum()
    found = sequences.slope(expit(log_odds), y, np.zeros(60), 0.95)
    ends = slopes[held.any(axis=1)][[0, -1]]
    # a step of the grid further out
    assert (found.low, found.high) == pytest.approx(ends, abs=0.076)
    assert found.low <= ends[0]
    assert found.high >= ends[1]


@pytest.mark.slow
def test_the_limits_of_intercept_and_slope_fail_at_any_of_many_looks_in_at_most_one_stream_in_twenty():
    """100 streams of 300 patients, log-odds really 0.3 + 0.7 x what was said; a look after each tenth patient."""
    rng = np.random.default_rng(11)
    failed_shift = failed_slope = 0
    for _ in range(100):
        log_odds = rng.normal(0, 1, 300)
        right = (rng.random(300) < expit(log_odds + 0.3)).astype(float)
        steep = (rng.random(300) < expit(0.3 + 0.7 * log_odds)).astype(float)
        shifts = [sequences.intercept(expit(log_odds[:n]), right[:n], 0.95) for n in range(20, 301, 10)]
        failed_shift += any(not shift.low <= 0.3 <= shift.high for shift in shifts)
        slopes = [sequences.slope(expit(log_odds[:n]), steep[:n], np.zeros(n), 0.95) for n in (40, 100, 200, 300)]
        failed_slope += any(slope.low > 0.7 or slope.high < 0.7 for slope in slopes)
    # 5 expected at most; more than 11 of 100 would have a chance of 1 in 100
    assert failed_shift <= 11
    assert failed_slope <= 11


def test_limits_narrow_as_patients_come():
    rng = np.random.default_rng(12)
    log_odds = rng.normal(0, 1, 4000)
    y = (rng.random(4000) < expit(log_odds)).astype(float)
    for figure in (
        lambda n: sequences.intercept(expit(log_odds[:n]), y[:n], 0.95),
        lambda n: sequences.slope(expit(log_odds[:n]), y[:n], np.zeros(n), 0.95),
        lambda n: sequences.share(int(y[:n].sum()), n, 0.95),
        lambda n: sequences.mean(y[:n], 0.95),
    ):
        small, large = figure(100), figure(4000)
        assert large.high - large.low < 0.4 * (small.high - small.low)
