"""Figures of benefits that were predicted by fits without the patient: by hand, and in trials in which nobody benefits more than others."""

import numpy as np
import pytest

from acrcast.estimators.folds import stratified_folds
from acrcast.validation.benefit_calibration import benefit_calibration
from acrcast.validation.benefit_decisions import treatment_policies
from acrcast.validation.benefit_ranking import benefit_ranking
from acrcast.validation.cross_validated import CrossValidated
from acrcast.validation.cross_validated_benefits import CrossValidatedBenefits, cross_validated_benefit_slope
from acrcast.validation.net_benefit import net_benefit_gain
from acrcast.validation.randomised import Randomised
from acrcast.validation.rates import mean_with_interval, widened


def cross_validated(benefit, fold):
    """benefit: (repeats, folds, n) of all patients, by each fit, halved between the arms' risks around 1/2."""
    found = CrossValidatedBenefits.empty(fold, benefit.shape[1])
    for repeat, k in np.ndindex(benefit.shape[:2]):
        found.put(repeat, k, 0.5 - benefit[repeat, k] / 2, 0.5 + benefit[repeat, k] / 2)
    return found


@pytest.fixture(scope="module")
def trials():
    """400 simulated trials of 40 patients in two arms with 8 measures, none of which matters. Of each fit the benefit is a linear

    sum of differences between the arms; five folds, two repeats.
    """
    rng, n, measures, folds, found = np.random.default_rng(7), 40, 8, 5, []
    treated, y = np.tile([False, True], n // 2), np.repeat([0.0, 1.0], n // 2)
    for _ in range(400):
        x = rng.normal(0, 1, (n, measures))
        fold = np.stack([stratified_folds(treated.astype(float), y, folds, rng) for _ in range(2)])
        benefit = np.empty((2, folds, n))
        for repeat, k in np.ndindex(2, folds):
            seen = fold[repeat] != k
            scores = (2 * treated - 1) * (y - 0.5)
            fitted = np.linalg.solve(x[seen].T @ x[seen] + 10 * np.eye(measures), x[seen].T @ scores[seen])
            benefit[repeat, k] = np.clip(x @ fitted, -0.9, 0.9)
        fits = cross_validated(benefit, fold)
        control, in_treated = fits.risk.mean(axis=1)
        found.append((fits, Randomised(y, treated, control, in_treated)))
    return found


def covering(intervals, truth):
    return np.mean([each.low <= truth <= each.high for each in intervals])


def test_a_patient_stands_where_the_own_fit_puts_the_patient_among_those_it_saw():
    fold = np.array([[0, 0, 1, 1]])
    benefit = np.array([[[0.4, 0.0, 0.1, 0.3], [0.1, 0.1, 0.5, -0.3]]])
    found = cross_validated(benefit, fold)
    # fit 0 saw .1 and .3: mean .2, SD .1, and puts its own at .4 and 0. fit 1 saw .1 twice and tells nobody apart
    np.testing.assert_allclose(found.standing, [2, -2, 0, 0])


def test_how_doubtful_it_is_who_is_treated():
    fold = np.array([[0, 0, 1, 1]])
    found = cross_validated(np.array([[[0.3, -0.1, 0.3, -0.1], [0.1, 0.1, 0.1, -0.3]]]), fold)
    # both fits centre at .1; distances .2, -.2, .2, -.2 and 0, 0, 0, -.4 make a jackknife's variance of .01 for each
    np.testing.assert_allclose(found.noise_of_each, 0.01)
    # times K / (K - 1) = 2, so that .2 is 1.4142 SD: the normal share below is .92135
    doubt = found.doubt(np.array([0.2, -0.2, 0.0, 0.0]))
    np.testing.assert_allclose(doubt, [0.92135 * 0.07865, 0.92135 * 0.07865, 0.25, 0.25], atol=1e-5)


def test_fits_that_agree_leave_no_doubt():
    found = cross_validated(np.tile([0.2, -0.2, 0.1, -0.1], (1, 2, 1)), np.array([[0, 0, 1, 1]]))
    assert (found.noise, found.widening()) == (0, 1)
    np.testing.assert_array_equal(found.doubt(np.array([0.3, -0.1, 0.0, 1e-9])), np.zeros(4))


def test_the_slope_by_hand():
    """Two fits of spread .01 and .04 that centre at 0: slopes of the parts .5 and 2, weighted by what they are divided by."""
    fold = np.array([[0, 0, 1, 1]])
    found = cross_validated(np.array([[[0.2, -0.2, 0.1, -0.1], [0.2, -0.2, 0.1, -0.1]]]), fold)
    np.testing.assert_allclose(found.spread, [[0.01, 0.04]])
    score = np.array([0.1, -0.1, 0.2, -0.2])
    # sum of s d / v: 2 (.02 / .01 + .02 / .04) = 5; of d^2 / v: 2 (.04 / .01 + .01 / .04) = 8.5
    slope, left = 5 / 8.5, []
    for i in range(4):
        kept = np.arange(4) != i
        d, v = np.array([0.2, -0.2, 0.1, -0.1])[kept], np.array([0.01, 0.01, 0.04, 0.04])[kept]
        equations = np.array([[3.0, d.sum()], [(d / v).sum(), (d**2 / v).sum()]])
        left.append(np.linalg.solve(equations, [score[kept].sum(), (score[kept] * d / v).sum()])[1])
    found, reason = cross_validated_benefit_slope(found, score)
    assert found.value == pytest.approx(4 * slope - 3 * np.mean(left))
    variance = 3 / 4 * np.sum((left - np.mean(left)) ** 2)
    # the fits agree, so that nothing is added
    assert found.high - found.value == pytest.approx(1.959964 * np.sqrt(variance), rel=1e-6)
    assert reason == ""


def test_the_slope_of_benefits_is_unbiased_where_least_squares_is_not(trials):
    slopes = np.array([benefit_calibration(trial, fits=fits).slope.value for fits, trial in trials])
    usual = np.array([benefit_calibration(trial).slope.value for _, trial in trials])
    error = slopes.std() / np.sqrt(len(slopes))
    assert abs(slopes.mean()) < 2.5 * error
    assert usual.mean() < -5 * error


def test_intervals_of_slope_and_ranking_cover_nearly_as_often_as_they_say(trials):
    rng = np.random.default_rng(1)
    assert covering((benefit_calibration(trial, fits=fits).slope for fits, trial in trials), 0) > 0.88
    assert covering((benefit_calibration(trial).slope for _, trial in trials), 0) < 0.8
    rankings = [benefit_ranking(trial, rng, fits=fits) for fits, trial in trials]
    alone = [benefit_ranking(trial, rng) for _, trial in trials]
    for figure in ("qini", "autoc"):
        assert covering((getattr(found, figure) for found in rankings), 0) > 0.88
        assert covering((getattr(found, figure) for found in alone), 0) < 0.86


def test_the_interval_of_a_policy_is_widened_by_the_doubt_about_who_is_treated(trials):
    fits, trial = trials[0]
    (alone,), (found,) = treatment_policies(trial, (0.05,)), treatment_policies(trial, (0.05,), fits=fits)
    control, treated = (scores[0] for scores in trial.arm_scores())
    gain, doubt = treated - control, fits.doubt(trial.benefit - 0.05)
    shared = 5 / 4 * np.mean(gain**2 * doubt) / 40
    assert found.over_none == widened(alone.over_none, shared)
    assert found.net == widened(alone.net, 5 / 4 * np.mean((gain - 0.05) ** 2 * doubt) / 40)
    assert (found.share, found.difference) == (alone.share, alone.difference)


def test_the_band_of_the_curve_is_widened_only_where_it_matters_who_is_treated(trials):
    fits, trial = trials[0]
    alone, found = (benefit_ranking(trial, np.random.default_rng(3), fits=each).curve for each in (None, fits))
    widths = found.high - found.low
    assert widths[0] == 0
    assert widths[-1] == pytest.approx((alone.high - alone.low)[-1], rel=0.2)
    # of the same resamples the variance is that of the halves and of the doubt
    control, treated = (scores[0] for scores in trial.arm_scores())
    in_benefits = (fits.standing - np.quantile(fits.standing, 0.5)) * np.sqrt(fits.spread.mean())
    shared = 5 / 4 * np.mean((treated - control) ** 2 * fits.doubt(in_benefits)) / 40
    assert widths[50] > 2 * 1.95 * np.sqrt(shared)


def test_a_policy_that_treats_nobody_is_still_that_comparator(trials):
    fits, trial = trials[0]
    (nobody,) = treatment_policies(trial, (0.95,), fits=fits)
    assert (nobody.over_none.low, nobody.over_none.high) == (0, 0)


def test_a_variance_is_added_to_that_of_an_interval_by_hand():
    alone = mean_with_interval(np.array([1.0, 2.0, 3.0]))
    # 1 / 3 and 1 / 3 more
    assert widened(alone, 1 / 3).high - 2 == pytest.approx(1.959964 * np.sqrt(2 / 3), rel=1e-6)
    assert widened(alone, 0.0).low == pytest.approx(alone.low)


def test_net_benefit_is_less_certain_where_fits_disagree_about_who_is_treated():
    rng, n = np.random.default_rng(5), 600
    y, fold = np.tile([0.0, 1.0], n // 2), np.arange(n)[None] % 5
    log_odds = rng.normal(0, 0.3, n)

    def width(disagreement):
        found = CrossValidated.empty(fold, 5, np.zeros(n))
        for k in range(5):
            fit = log_odds + disagreement * rng.normal(0, 0.3, n)
            found.put(0, k, 1 / (1 + np.exp(-fit)))
        risk = 1 / (1 + np.exp(-log_odds))
        gains = [
            net_benefit_gain(risk, y, np.array([0.5]), rng=np.random.default_rng(2), fits=each)
            for each in (None, found)
        ]
        return [float(gain.high[0] - gain.low[0]) for gain in gains]

    alone, agreed = width(0.0)
    assert agreed == pytest.approx(alone, rel=0.05)
    alone, disputed = width(0.5)
    assert disputed > 1.1 * alone


def test_net_benefit_of_some_of_the_patients_takes_the_doubt_about_these():
    """Half of them without any doubt: in the other half it is as large as where all have it, by the same fits."""
    n, fold = 400, np.arange(400)[None] % 5
    y, certain = np.tile([0.0, 1.0], n // 2), np.arange(n) < n // 2
    rng, found = np.random.default_rng(6), CrossValidated.empty(fold, 5, np.zeros(n))
    log_odds = np.where(certain, np.tile([3.0, -3.0], n // 2), 0.0)
    for k in range(5):
        found.put(0, k, 1 / (1 + np.exp(-log_odds - 0.2 * rng.normal(0, 1, n))))

    def width(among, fits):
        risk = 1 / (1 + np.exp(-log_odds[among]))
        gain = net_benefit_gain(risk, y[among], np.array([0.5]), rng=np.random.default_rng(2), fits=fits, among=among)
        return float(gain.high[0] - gain.low[0])

    assert width(certain, found) == pytest.approx(width(certain, None), rel=1e-2)
    assert width(~certain, found) > 1.05 * width(~certain, None)
