"""C, slope and losses of cross-validated risks, by fits that did not see the patients."""

import numpy as np
import pytest

from acrcast.estimators.folds import stratified_folds
from acrcast.estimators.normal import expit
from acrcast.validation import cross_validated as validated
from acrcast.validation.calibration import calibration_slope
from acrcast.validation.cross_validated import CrossValidated, cross_validated_c, cross_validated_slope
from acrcast.validation.cross_validated_losses import (
    LOG_LOSS,
    SQUARED_ERROR,
    cross_validated_gain,
    cross_validated_loss,
    losses_of,
)
from acrcast.validation.performance import concordance
from acrcast.validation.rates import mean_with_interval
from acrcast.validation.weighted import calibration_slopes_within


def cross_validated(risk, fold, arm):
    """risk: (repeats, folds, n) of all patients, by each fit."""
    found = CrossValidated.empty(fold, risk.shape[1], arm)
    for repeat, k in np.ndindex(risk.shape[:2]):
        found.put(repeat, k, risk[repeat, k])
    return found


def of_left_out(risk, fold, arm):
    """risk: (repeats, n), each by the fit that left the patient out; all fits spread their risks alike."""
    shape = len(fold), int(fold.max()) + 1
    distance = np.zeros((*shape, len(arm)))
    return CrossValidated(fold, arm, np.zeros((*shape, len(np.unique(arm)))), np.ones(shape), distance, risk)


def test_c_compares_patients_of_one_arm_and_one_fold():
    y, arm = np.array([1.0, 0, 1, 0]), np.zeros(4)
    fold = np.array([[0, 0, 1, 1], [0, 1, 1, 0]])
    risk = np.array([[0.6, 0.5, 0.3, 0.4], [0.6, 0.5, 0.5, 0.7]])
    # first repeat: .6 above .5, .3 below .4. second: .5 ties with .5, .6 below .7. 1.5 of 4 pairs
    assert cross_validated_c(of_left_out(risk, fold, arm), y).value == pytest.approx(1.5 / 4)


def test_a_rate_made_anew_in_each_fold_ranks_nobody():
    y, arm = np.array([1.0, 1, 0, 0]), np.zeros(4)
    fold, risk = np.array([[0, 1, 0, 1]]), np.array([[0.4, 0.6, 0.4, 0.6]])
    assert cross_validated_c(of_left_out(risk, fold, arm), y).value == 0.5


def test_where_no_fold_has_a_pair_there_is_no_c():
    found = cross_validated_c(
        of_left_out(np.array([[0.2, 0.8]]), np.array([[0, 1]]), np.zeros(2)), np.array([0.0, 1.0])
    )
    assert np.isnan([found.value, found.low, found.high]).all()


def test_each_fit_is_described_by_the_patients_it_was_fitted_to():
    arm, fold = np.array([0.0, 0, 1, 1, 0]), np.array([[0, 0, 0, 0, 1]])
    risk = expit(np.array([[[9.0, 9, 9, 9, 2], [1, 3, -1, 5, 9]]]))
    found = cross_validated(risk, fold, arm)
    np.testing.assert_allclose(found.centre[0, 1], [2, 2])
    # within the arms 1 and 1, 9 and 9 around their means
    assert found.spread[0, 1] == pytest.approx(5)
    # fit 0 saw one patient of arm 0 and none of arm 1
    np.testing.assert_allclose(found.centre[0, 0], [2, np.nan])
    assert found.spread[0, 0] == 0
    np.testing.assert_allclose(
        found.risk[0], [risk[0, 0, 0], risk[0, 0, 1], risk[0, 0, 2], risk[0, 0, 3], risk[0, 1, 4]]
    )


def a_large_trial(slope, *, fits, seed=1, n=20_000):
    """The same true risks judged by `fits` fits of different boldness: fit k says fits[k] times the log-odds that it should."""
    rng = np.random.default_rng(seed)
    arm = np.repeat([-0.5, 0.5], n // 2)
    log_odds = rng.normal(0, 0.8, n) + arm
    y = (rng.random(n) < expit(slope * log_odds)).astype(float)
    fold = stratified_folds(arm, y, len(fits), rng)[None]
    return cross_validated(expit(log_odds * np.array(fits)[:, None])[None], fold, arm), y, arm


def test_where_all_fits_are_alike_it_is_the_slope_within_arms():
    found, y, arm = a_large_trial(0.7, fits=[1.0] * 5)
    usual = calibration_slopes_within(found.risk, y, arm, np.ones((1, len(y))))[0]
    assert cross_validated_slope(found, y).value == pytest.approx(usual, abs=1e-3)
    assert cross_validated_slope(found, y).value == pytest.approx(0.7, abs=0.05)


def test_every_fit_counts_alike_however_bold_it_is():
    found, y, _ = a_large_trial(1.0, fits=[0.5, 1.0, 2.0])
    # the slopes of the fits are 2, 1 and 1/2, their mean is 1.17; log-odds being no line, what solves the equation is a little more
    assert cross_validated_slope(found, y).value == pytest.approx(1.28, abs=0.05)
    assert calibration_slope(found.risk[0], y).value < 0.85


def test_a_difference_between_the_arms_is_no_part_of_it():
    rng = np.random.default_rng(2)
    arm = np.repeat([-0.5, 0.5], 400)
    y = (rng.random(800) < expit(2 * arm)).astype(float)
    log_odds = 2 * arm + rng.normal(0, 0.5, 800)
    fold = stratified_folds(arm, y, 4, rng)[None]
    found = cross_validated(np.tile(expit(log_odds), (1, 4, 1)), fold, arm)
    slope = cross_validated_slope(found, y)
    assert slope.low < 0 < slope.high
    assert calibration_slope(found.risk[0], y).low > 0


def test_the_slope_of_fits_that_contradict_what_is_left_out_is_unbiased():
    """Simulated trials of 30 in which nothing is to be found; each fit is the mean difference of a measure between outcomes."""
    rng = np.random.default_rng(3)
    usual, unbiased = [], []
    for _ in range(1500):
        x, y = rng.normal(0, 1, 30), np.tile([0.0, 1.0], 15)
        fold = stratified_folds(np.zeros(30), y, 10, rng)[None]
        fits = [x[(fold[0] != k) & (y == 1)].mean() - x[(fold[0] != k) & (y == 0)].mean() for k in range(10)]
        # none is small, so that a mean over the trials exists
        fits = np.array([np.copysign(0.3 + abs(fit), fit) for fit in fits])
        found = cross_validated(expit(fits[:, None] * x)[None], fold, np.zeros(30))
        usual.append(calibration_slope(found.risk[0], y).value)
        unbiased.append(cross_validated_slope(found, y).value)
    usual, unbiased = (np.array(slopes)[np.isfinite(slopes)] for slopes in (usual, unbiased))
    error = np.std(unbiased) / np.sqrt(len(unbiased))
    assert abs(np.mean(unbiased)) < 3 * error
    assert np.mean(usual) < -6 * error


@pytest.fixture(scope="module")
def trials_with_nothing_to_find():
    """Of 1,500 simulated trials of 40 patients with 15 measures, none of which matters: ridge fits in two repeats, the outcomes, and

    what the log loss in new patients gains over a risk of 1/2 by the fit to all patients.
    """
    rng, n, measures, folds = np.random.default_rng(14), 40, 15, 10
    trials, y = [], np.tile([0.0, 1.0], n // 2)
    nodes, weights = np.polynomial.hermite_e.hermegauss(30)
    weights /= weights.sum()

    def coefficients(x, y):
        x = x - x.mean(axis=0)
        return 3 * np.linalg.solve(x.T @ x + 5 * np.eye(measures), x.T @ (y - 0.5))

    for _ in range(1500):
        x = rng.normal(0, 1, (n, measures))
        fold = np.stack([stratified_folds(np.zeros(n), y, folds, rng) for _ in range(2)])
        risk = np.empty((2, folds, n))
        for repeat, k in np.ndindex(2, folds):
            seen = fold[repeat] != k
            risk[repeat, k] = expit((x - x[seen].mean(axis=0)) @ coefficients(x[seen], y[seen]))
        # of new patients the log-odds are normal, and half of them respond
        of_all = coefficients(x, y)
        log_odds = -x.mean(axis=0) @ of_all + np.linalg.norm(of_all) * nodes
        gain = np.log(2) + weights @ np.log(expit(log_odds) * expit(-log_odds)) / 2
        trials.append((cross_validated(risk, fold, np.zeros(n)), y, gain))
    return trials


def test_the_slope_of_fits_of_many_measures_is_unbiased(trials_with_nothing_to_find, monkeypatch):
    def mean_and_error():
        slopes = np.array([cross_validated_slope(found, y).value for found, y, _ in trials_with_nothing_to_find])
        return slopes.mean(), slopes.std() / np.sqrt(len(slopes))

    mean, error = mean_and_error()
    assert abs(mean) < 2 * error
    # without its weights it would not be
    monkeypatch.setattr(validated, "_blind_weights", lambda *inputs: np.ones(inputs[-1].shape[1]))
    mean, error = mean_and_error()
    assert mean > 4 * error


def test_intervals_cover_although_patients_share_the_fits(trials_with_nothing_to_find):
    c = [cross_validated_c(found, y) for found, y, _ in trials_with_nothing_to_find]
    slopes = [cross_validated_slope(found, y) for found, y, _ in trials_with_nothing_to_find]
    assert 0.92 < np.mean([each.low <= 0.5 <= each.high for each in c]) < 0.98
    assert np.mean([each.low <= 0 <= each.high for each in slopes]) > 0.95


def test_the_interval_of_a_gain_covers_nearly_as_often_as_it_says(trials_with_nothing_to_find):
    """It misses a tenth of the trials and not a quarter, with fewer than three patients for each measure."""
    half = np.full(40, np.log(2))

    def covering(interval):
        found = [(interval(found, y), gain) for found, y, gain in trials_with_nothing_to_find]
        return np.mean([each.low <= gain <= each.high for each, gain in found])

    assert covering(lambda found, y: mean_with_interval(half - losses_of(found, y))) < 0.79
    assert covering(lambda found, y: cross_validated_gain(found, y, half)) > 0.87


def test_a_loss_and_a_gain_are_means_over_patients_and_repeats_by_hand():
    fold, y = np.array([[0, 1], [1, 0]]), np.array([1.0, 0.0])
    found = of_left_out(np.array([[0.5, 0.5], [0.25, 0.75]]), fold, np.zeros(2))
    # of both patients ln 2 in the first repeat, ln 4 in the second
    assert cross_validated_loss(found, y).value == pytest.approx(1.5 * np.log(2))
    assert cross_validated_loss(found, y, SQUARED_ERROR).value == pytest.approx((0.25 + 0.5625) / 2)
    assert cross_validated_gain(found, y, np.log([3.0, 3.0])).value == pytest.approx(np.log(3) - 1.5 * np.log(2))


def test_without_noise_the_interval_of_a_gain_is_that_of_independent_patients():
    found, y, _ = a_large_trial(0.7, fits=[1.0] * 5, n=2000)
    other = np.full(len(y), np.log(2))
    alone, shown = mean_with_interval(other - losses_of(found, y)), cross_validated_gain(found, y, other)
    assert (shown.value, shown.low) == (pytest.approx(alone.value), pytest.approx(alone.low, rel=1e-3))


def test_noise_widens_the_interval_of_a_gain_by_hand():
    """Two fits that say the opposite of everybody, each 1 from the mean: the jackknife's variance is 1, times K / (K - 1) = 2."""
    arm, fold = np.zeros(4), np.array([[0, 0, 1, 1]])
    log_odds = np.array([[1.0, -1.0, 1.0, -1.0], [-1.0, 1.0, -1.0, 1.0]])
    found, y = cross_validated(expit(log_odds)[None], fold, arm), np.array([1.0, 0.0, 1.0, 0.0])
    losses = losses_of(found, y)
    # responders at log-odds 1 and -1, others at -1 and 1
    np.testing.assert_allclose(losses, -np.log(expit(np.array([1.0, 1.0, -1.0, -1.0]))))
    slopes = expit(np.array([-1.0, -1.0, 1.0, 1.0])) ** 2
    variance = losses.var(ddof=1) / 4 + 2 * slopes.mean() / 4
    shown = cross_validated_gain(found, y, np.zeros(4))
    assert shown.high - shown.value == pytest.approx(1.959964 * np.sqrt(variance), rel=1e-6)


def test_a_gain_among_some_patients_shares_what_all_are_fitted_to(trials_with_nothing_to_find):
    """Half of the patients meet half as often in each other's fits: what they share is of the mean what it is of all."""
    found, y, _ = trials_with_nothing_to_find[0]
    other, some = np.full(40, np.log(2)), np.arange(40) < 20

    def shared(shown, values):
        return ((shown.high - shown.value) / 1.959964) ** 2 - values.var(ddof=1) / len(values)

    values = other - losses_of(found, y)
    of_all = shared(cross_validated_gain(found, y, other), values)
    of_some = shared(cross_validated_gain(found, y, other, among=some), values[some])
    assert of_some == pytest.approx(of_all, rel=1e-4)
    assert np.isnan(cross_validated_gain(found, y, other, among=np.arange(40) < 1).low)


@pytest.mark.parametrize("loss", [LOG_LOSS, SQUARED_ERROR], ids=["log loss", "squared error"])
def test_the_slope_of_a_loss_is_its_derivative(loss):
    log_odds, y = np.linspace(-4, 4, 18), np.tile([0.0, 1.0], 9)
    step = 1e-6
    by_steps = (loss.of(expit(log_odds + step), y) - loss.of(expit(log_odds - step), y)) / (2 * step)
    np.testing.assert_allclose(loss.slope(expit(log_odds), y), by_steps, atol=1e-8)


def test_noise_is_the_share_of_the_spread_that_changes_with_who_was_fitted():
    arm, fold = np.zeros(4), np.array([[0, 0, 1, 1]])
    log_odds = np.array([[-2.0, 0.0, -1.0, 1.0], [-1.0, 1.0, -1.5, 0.5]])
    found = cross_validated(expit(log_odds)[None], fold, arm)
    # without fold 0 the mean is 0 and the mean square 1: -2, 0, -1, 1; without fold 1 the same: -1, 1, -1.5, .5
    assert found.spread == pytest.approx(np.ones((1, 2)))
    # the jackknife's variance of two, (2 - 1) / 2 of the sum of squares from the mean: .25, .25, .0625, .0625
    assert found.noise == pytest.approx((0.25 + 0.25 + 0.0625 + 0.0625) / 4)


def test_fits_that_are_all_alike_have_no_noise_and_fits_of_nothing_but_noise_have_only_that(
    trials_with_nothing_to_find,
):
    found, _, _ = a_large_trial(0.7, fits=[1.0] * 5, n=2000)
    assert found.noise == pytest.approx(0, abs=0.01)
    assert np.mean([found.noise for found, _, _ in trials_with_nothing_to_find]) > 0.9


@pytest.mark.parametrize(
    ("fits", "factor"), [((1.0, 1.0, 1.0, 1.0, 1.0), 1.0), ((1.0, -1.0, 1.0, -1.0, 1.0), 1 + 5 / 4)]
)
def test_the_interval_of_c_is_delongs_widened_by_the_noise(fits, factor):
    """Without noise it is DeLong's; with nothing else of 1 + K / (K - 1) times the variance with K folds."""
    found, y, arm = a_large_trial(0.7, fits=list(fits), n=2000)
    delong = concordance(found.risk[0], y, arm)
    shown = cross_validated_c(found, y)
    assert shown.high - shown.low == pytest.approx(2 * 1.96 * np.sqrt(delong.variance * factor), rel=1e-2)


def test_an_arm_in_which_all_or_none_responded_says_nothing_of_the_slope():
    found, y, arm = a_large_trial(0.7, fits=[1.0, 1.0], n=2000)
    one_sided = np.where(arm > 0, 1.0, y)
    alone = arm < 0
    left = cross_validated(np.tile(found.risk[:, alone], (2, 1))[None], found.fold[:, alone], arm[alone])
    assert cross_validated_slope(found, one_sided).value == pytest.approx(
        cross_validated_slope(left, y[alone]).value, abs=2e-3
    )


@pytest.mark.parametrize(
    ("risk", "y"),
    [
        pytest.param([0.4] * 8, [0, 1] * 4, id="one risk for everybody"),
        pytest.param(
            [0.1, 0.2, 0.1, 0.3, 0.7, 0.8, 0.9, 0.8], [0, 0, 0, 0, 1, 1, 1, 1], id="risks that separate the outcomes"
        ),
        pytest.param([0.1, 0.2, 0.1, 0.3, 0.7, 0.8, 0.9, 0.8], [1] * 8, id="everybody responded"),
        pytest.param([np.nan] * 8, [0, 1] * 4, id="nothing could be fitted"),
    ],
)
def test_without_anything_to_judge_by_there_is_no_slope(risk, y):
    fold = np.array([[0, 1] * 4])
    found = cross_validated(np.tile(np.array(risk), (1, 2, 1)), fold, np.zeros(8))
    slope = cross_validated_slope(found, np.array(y, dtype=float))
    assert np.isnan([slope.value, slope.low, slope.high]).all()


def test_a_fit_that_tells_hardly_anybody_apart_does_not_rule_the_slope():
    found, y, _ = a_large_trial(1.0, fits=[1.0, 1.0, 1.0, 1e-3], n=2000)
    assert cross_validated_slope(found, y).value == pytest.approx(1.0, abs=0.35)


def test_a_patient_left_out_moves_the_slope_as_if_it_were_solved_again():
    from acrcast.validation.cross_validated import _Equations, _solved, _without_each

    rng = np.random.default_rng(4)
    log_odds = rng.normal(0, 1, (2, 60))
    instrument = log_odds * rng.uniform(0.5, 2, (2, 60))
    y = (rng.random(60) < 0.5).astype(float)

    def equations(kept):
        counted = np.ones((2, kept.sum()), dtype=bool)
        return _Equations(counted[:1], counted, log_odds[:, kept], instrument[:, kept], y[kept])

    everyone = np.ones(60, dtype=bool)
    whole = _solved(equations(everyone))
    moved = _without_each(equations(everyone), whole)
    for left_out in range(60):
        again = _solved(equations(everyone & (np.arange(60) != left_out)))
        assert moved[left_out] == pytest.approx(again[-1] - whole[-1], abs=3e-3)
