"""What is known of measures that were not taken: EM and draws against the theory of the multivariate normal."""

import numpy as np
import pytest
from scipy import stats

from acrcast.estimators.missing import ConditionalNormal
from acrcast.estimators.normal import expit, latin_normal

NAN = np.nan
COVARIANCE = np.array([[1.0, 0.6, -0.3], [0.6, 1.0, 0.2], [-0.3, 0.2, 1.0]])
MEAN = np.array([0.5, -0.2, 0.1])


def nothing_below(Z):
    return np.zeros(np.shape(Z), dtype=bool)


def fitted(Z, below=None, weights=None, **more):
    n, q = Z.shape
    more = {"low": np.full(q, NAN), "high": np.full(q, NAN), "block": np.arange(q)} | more
    return ConditionalNormal.fit(
        Z, nothing_below(Z) if below is None else below, np.ones(n) if weights is None else weights, **more
    )


def known(mean=MEAN, covariance=COVARIANCE, low=None, high=None, block=None):
    """The distribution itself, without learning it."""
    q = len(mean)
    nowhere = np.full(q, NAN)
    return ConditionalNormal(
        np.asarray(mean, dtype=float),
        np.asarray(covariance, dtype=float),
        nowhere if low is None else np.asarray(low, dtype=float),
        nowhere if high is None else np.asarray(high, dtype=float),
        np.arange(q) if block is None else np.asarray(block),
    )


def draws(conditional, row, below=None, count=4000):
    """(count, q) completions of one row."""
    row = np.array(row, dtype=float)
    nodes = latin_normal((count, len(row)), np.random.default_rng(0))
    below = nothing_below(row) if below is None else np.array(below)
    return conditional.draw(row[None], below[None], nodes)[0]


def sample(n, seed=0):
    return np.random.default_rng(seed).multivariate_normal(MEAN, COVARIANCE, n)


# learning


def test_complete_data_give_the_mean_and_the_covariance_with_correlations_shrunk_by_q_over_q_plus_n():
    Z = sample(50)
    fit = fitted(Z)
    plain = np.cov(Z.T, bias=True)
    expected = plain * (1 - 3 / 53)
    np.fill_diagonal(expected, np.diag(plain))
    np.testing.assert_allclose(fit.mean, Z.mean(axis=0), rtol=0, atol=1e-12)
    np.testing.assert_allclose(fit.covariance, expected, rtol=0, atol=1e-12)


def test_a_weight_counts_as_that_many_patients():
    Z = sample(40)
    Z[::3, 1] = NAN
    times = np.random.default_rng(1).integers(0, 4, 40)
    weighted, replicated = fitted(Z, weights=times.astype(float)), fitted(np.repeat(Z, times, axis=0))
    np.testing.assert_allclose(weighted.mean, replicated.mean, rtol=0, atol=1e-10)
    np.testing.assert_allclose(weighted.covariance, replicated.covariance, rtol=0, atol=1e-10)


def test_em_finds_the_distribution_when_measures_are_missing_for_reasons_that_others_tell():
    Z = sample(20_000)
    Z[Z[:, 0] > 0.5, 1] = NAN  # at random given the first measure, which is always there
    Z[np.random.default_rng(2).random(20_000) < 0.3, 2] = NAN
    fit = fitted(Z)
    assert np.nanmean(Z[:, 1]) < MEAN[1] - 0.3  # what was seen alone would mislead
    np.testing.assert_allclose(fit.mean, MEAN, rtol=0, atol=0.03)
    np.testing.assert_allclose(fit.covariance, COVARIANCE, rtol=0, atol=0.04)


def test_em_finds_the_distribution_behind_results_below_a_limit():
    Z = sample(20_000)
    below = np.zeros(Z.shape, dtype=bool)
    below[:, 1] = Z[:, 1] < -0.5
    Z[below] = -0.5
    fit = fitted(Z, below)
    np.testing.assert_allclose(fit.mean, MEAN, rtol=0, atol=0.03)
    np.testing.assert_allclose(fit.covariance, COVARIANCE, rtol=0, atol=0.04)


def test_a_nearby_start_leads_to_the_same_fit():
    Z = sample(60)
    Z[::4, 1] = NAN
    first = fitted(Z)
    again = fitted(Z, start=fitted(Z[:30]))
    np.testing.assert_allclose(again.mean, first.mean, rtol=0, atol=2e-4)
    np.testing.assert_allclose(again.covariance, first.covariance, rtol=0, atol=2e-4)


@pytest.mark.parametrize("start", [None, fitted(sample(60))])
def test_a_measure_that_nobody_has_stays_at_zero(start):
    Z = sample(30)
    Z[:, 1] = NAN
    fit = fitted(Z, start=start)
    assert fit.mean[1] == 0
    assert fit.covariance[1, 1] < 1e-6
    assert np.abs(draws(fit, [0.3, NAN, 0.1])[:, 1]).max() < 1e-2


def test_a_measure_that_was_below_its_limit_in_everybody_stays_at_zero():
    Z = sample(30)
    Z[:, 1] = 0.0
    below = nothing_below(Z)
    below[:, 1] = True
    fit = fitted(Z, below)
    assert np.abs(draws(fit, [0.3, NAN, 0.1])[:, 1]).max() < 1e-2


def test_a_constant_measure_is_drawn_as_that_constant():
    Z = sample(30)
    Z[:, 1] = 0.0
    Z[5, 1] = NAN
    assert np.abs(draws(fitted(Z), [0.3, NAN, 0.1])[:, 1]).max() < 1e-2


def test_a_patient_without_weight_teaches_nothing():
    Z = sample(40)
    Z[::5, 2] = NAN
    weights = (np.arange(40) >= 10).astype(float)
    changed = Z.copy()
    changed[:10] = 7.0
    one, other = fitted(Z, weights=weights), fitted(changed, weights=weights)
    np.testing.assert_array_equal(one.mean, other.mean)
    np.testing.assert_array_equal(one.covariance, other.covariance)


def test_learning_from_five_patients_gives_a_usable_distribution():
    Z = sample(5)
    Z[0, 0] = Z[1, 1] = NAN
    fit = fitted(Z)
    assert np.linalg.eigvalsh(fit.covariance).min() > 0


# drawing


def test_draws_have_the_conditional_mean_and_variance():
    observed = np.array([0, 2])
    row = np.array([1.4, NAN, -0.6])
    regression = np.linalg.solve(COVARIANCE[np.ix_(observed, observed)], COVARIANCE[observed, 1])
    mean = MEAN[1] + (row[observed] - MEAN[observed]) @ regression
    variance = 1 - COVARIANCE[1, observed] @ regression
    drawn = draws(known(), row)[:, 1]
    assert drawn.mean() == pytest.approx(mean, abs=1e-6)
    assert drawn.var() == pytest.approx(variance, rel=2e-3)


def test_two_measures_are_drawn_together_with_their_conditional_covariance():
    drawn = draws(known(), [1.4, NAN, NAN], count=20_000)
    a, b = np.array([1, 2]), np.array([0])
    expected = COVARIANCE[np.ix_(a, a)] - COVARIANCE[np.ix_(a, b)] @ COVARIANCE[np.ix_(b, a)]
    np.testing.assert_allclose(np.cov(drawn[:, 1:].T), expected, rtol=0, atol=0.02)
    np.testing.assert_allclose(drawn[:, 1:].mean(axis=0), MEAN[1:] + COVARIANCE[1:, 0] * 0.9, rtol=0, atol=0.01)


def test_what_is_known_stays_as_it_is():
    drawn = draws(known(), [1.4, NAN, -0.6], count=10)
    assert (drawn[:, 0] == 1.4).all()
    assert (drawn[:, 2] == -0.6).all()


def test_with_nothing_known_draws_are_of_the_whole_distribution():
    drawn = draws(known(), [NAN, NAN, NAN], count=20_000)
    np.testing.assert_allclose(drawn.mean(axis=0), MEAN, rtol=0, atol=0.01)
    np.testing.assert_allclose(np.cov(drawn.T), COVARIANCE, rtol=0, atol=0.02)


@pytest.mark.parametrize("limit", [-3.0, -0.7, 0.4, 3.0])
def test_a_result_below_its_limit_is_drawn_from_the_normal_cut_off_there(limit):
    drawn = draws(known(), [NAN, limit, NAN], [False, True, False], count=20_000)[:, 1]
    expected = stats.truncnorm(-np.inf, limit - MEAN[1], loc=MEAN[1], scale=1)
    assert drawn.max() <= limit
    assert drawn.mean() == pytest.approx(expected.mean(), abs=2e-3)
    assert drawn.var() == pytest.approx(expected.var(), rel=0.02)


def test_a_result_below_its_limit_is_cut_off_given_the_other_measures():
    row = [1.4, -0.5, NAN]
    centre, sd = MEAN[1] + 0.6 * 0.9, np.sqrt(1 - 0.36)
    drawn = draws(known(), row, [False, True, False])[:, 1]
    expected = stats.truncnorm(-np.inf, (-0.5 - centre) / sd, loc=centre, scale=sd)
    assert drawn.mean() == pytest.approx(expected.mean(), abs=2e-3)


def test_an_impossibly_low_limit_still_gives_finite_draws_below_it():
    drawn = draws(known(), [0.0, -60.0, 0.0], [False, True, False], count=50)[:, 1]
    assert np.isfinite(drawn).all()
    assert (drawn <= -60).all()


def indicator(share=0.3):
    """A normal measure, and a yes or no whose probability rises with it."""
    sd = np.sqrt(share * (1 - share))
    low, high = -share / sd, (1 - share) / sd
    return known([0, 0], [[1, 0.2], [0.2, 1]], low=[NAN, low], high=[NAN, high]), low, high


def test_an_indicator_is_drawn_as_0_or_1_at_its_rate():
    conditional, low, high = indicator(0.3)
    drawn = draws(conditional, [0.0, NAN])[:, 1]
    assert set(np.unique(drawn)) == {low, high}
    assert np.mean(drawn == high) == pytest.approx(0.3, abs=1e-3)


def test_an_indicators_rate_follows_the_other_measures():
    conditional, _, high = indicator(0.3)
    rate = np.mean(draws(conditional, [1.5, NAN])[:, 1] == high)
    # 0.3 as a mean, plus 0.2 standard deviations of correlation for each of 1.5, in units of sqrt(0.3 x 0.7)
    assert rate == pytest.approx(0.3 + 0.2 * 1.5 * np.sqrt(0.21), abs=1e-3)


def category(shares=(0.5, 0.3)):
    """Two indicators of a category of three levels, of which the first, with the remaining share, is the reference."""
    shares = np.array(shares)
    sd = np.sqrt(shares * (1 - shares))
    correlation = -np.sqrt(shares.prod() / (1 - shares).prod())
    covariance = [[1, correlation], [correlation, 1]]
    return known([0, 0], covariance, low=-shares / sd, high=(1 - shares) / sd, block=[0, 0])


def test_at_most_one_level_of_a_category_is_drawn_each_at_its_rate():
    conditional = category()
    chosen = draws(conditional, [NAN, NAN]) == conditional.high
    assert chosen.sum(axis=1).max() == 1
    np.testing.assert_allclose(chosen.mean(axis=0), [0.5, 0.3], rtol=0, atol=1e-3)


def test_a_category_is_drawn_after_the_numbers_so_that_it_goes_with_them():
    conditional, _, high = indicator(0.5)
    drawn = draws(conditional, [NAN, NAN], count=20_000)
    yes = drawn[:, 1] == high
    assert drawn[yes, 0].mean() - drawn[~yes, 0].mean() == pytest.approx(0.4, abs=0.03)


def test_the_same_nodes_give_the_same_draws():
    one, other = draws(known(), [1.4, NAN, NAN]), draws(known(), [1.4, NAN, NAN])
    np.testing.assert_array_equal(one, other)


def test_patients_are_drawn_alone_or_together_alike():
    rows = np.array([[1.4, NAN, -0.6], [NAN, 0.2, 0.3], [0.1, 0.2, 0.3], [NAN, NAN, 0.9]])
    below = nothing_below(rows)
    below[2, 0] = True
    nodes = latin_normal((7, 3), np.random.default_rng(0))
    together = known().draw(rows, below, nodes)
    for i in range(4):
        alone = known().draw(rows[i : i + 1], below[i : i + 1], nodes)
        np.testing.assert_allclose(together[i], alone[0], rtol=0, atol=1e-12)


def test_each_patient_may_have_nodes_of_its_own():
    rows = np.array([[1.4, NAN, -0.6], [1.4, NAN, -0.6]])
    nodes = np.random.default_rng(0).standard_normal((2, 5, 3))
    together = known().draw(rows, nothing_below(rows), nodes)
    np.testing.assert_allclose(together[1], known().draw(rows[1:], nothing_below(rows[1:]), nodes[1])[0], atol=1e-12)


def test_risks_stay_calibrated_when_a_measure_is_averaged_over():
    rng = np.random.default_rng(4)
    Z = sample(20_000, seed=4)
    risk = expit(-0.2 + Z @ np.array([0.8, 1.2, -0.5]))
    responded = rng.random(20_000) < risk
    learned = fitted(Z[:2000])
    hidden = Z.copy()
    hidden[:, 1] = NAN
    completed = learned.draw(hidden, nothing_below(hidden), latin_normal((50, 3), rng))
    averaged = expit(-0.2 + completed @ np.array([0.8, 1.2, -0.5])).mean(axis=1)
    for low, high in ((0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1)):
        within = (averaged >= low) & (averaged < high)
        assert averaged[within].mean() == pytest.approx(responded[within].mean(), abs=0.035)
