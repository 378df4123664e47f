"""Optimism: R's values in R's resamples, what cannot be judged, and how often the intervals hold what they claim."""

import csv
import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acrcast.estimators.newton import fit_logistic
from acrcast.estimators.normal import expit
from acrcast.validation.optimism import Corrected, Point632Plus, corrected_gain, optimism

Y = np.array([1.0, 0.0, 1.0, 0.0])
APPARENT = np.array([0.8, 0.2, 0.6, 0.4])
FIGURES = ("c_statistic", "brier", "log_loss", "slope", "intercept")


@pytest.fixture(scope="module")
def in_r(golden, golden_table, golden_design):
    """Outcomes, apparent risks, R's resamples as weights, and the risks of a fit by maximum likelihood in each."""
    trial = golden_table("trial.csv")
    with (golden / "resamples.csv").open(newline="") as file:
        picked = np.array(list(csv.reader(file)), dtype=int) - 1
    weights = np.stack([np.bincount(row, minlength=240) for row in picked]).astype(float)
    X, y = golden_design(trial), trial["y"]
    fits = fit_logistic(X[None], y, np.vstack([np.ones((1, 240)), weights]), np.zeros(8))
    risk = expit(fits.coefficients @ X.T)
    return y, risk[0], weights, risk[1:]


def simulated(seed, patients=40, resamples=30):
    """Outcomes, apparent risks, bootstrap weights and resample risks of a model of one measure, shrunk."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(patients), rng.standard_normal(patients)])
    y = (rng.random(patients) < expit(X @ [0.0, 0.8])).astype(float)
    y[:2] = [0.0, 1.0]
    weights = rng.multinomial(patients, np.full(patients, 1 / patients), size=resamples).astype(float)
    fits = fit_logistic(X[None], y, np.vstack([np.ones((1, patients)), weights]), np.array([0.0, 1.0]))
    risk = expit(fits.coefficients @ X.T)
    return y, risk[0], weights, risk[1:]


def all_numbers(result):
    for field in fields(result):
        part = getattr(result, field.name)
        if isinstance(part, Corrected):
            yield (
                part.reason,
                (part.apparent, part.optimism, part.corrected.value, part.corrected.low, part.corrected.high),
            )
        elif isinstance(part, Point632Plus):
            yield part.reason, (part.value.value, part.value.low, part.value.high, part.left_out, part.overfitting)


@pytest.mark.parametrize(
    ("figure", "lost", "corrected"),
    [
        ("c_statistic", 0.02692373511301, 0.7172966288811),
        ("brier", -0.01384823433026, 0.2166526291401),
        ("slope", 0.139469542797, 0.860530457203),
        ("log_loss", -0.03447737561377, 0.620321005069),
    ],
)
def test_optimism_in_the_resamples_of_r(in_r, figure, lost, corrected):
    found = getattr(optimism(*in_r), figure)
    assert found.optimism == pytest.approx(lost, abs=1e-8)
    assert found.corrected.value == pytest.approx(corrected, abs=1e-8)
    assert found.resamples == 100
    assert found.corrected.low < found.corrected.value < found.corrected.high


def test_c_by_632plus_in_the_resamples_of_r(in_r):
    found = optimism(*in_r).c_statistic_632plus
    assert found.left_out == pytest.approx(0.7063034521945, abs=1e-8)
    assert found.value.value == pytest.approx(0.7188047667169, abs=1e-8)
    assert found.no_information == 0.5


def test_632plus_of_the_brier_score_by_hand():
    # apparent .1; chance: half of mean (1 - p)^2 and half of mean p^2, both .3. Left out: the fourth at .4, the third at .5,
    # (.16 + .25) / 2 = .205. Overfitting .105 / .2 = .525, share .632 / (1 - .368 x .525) = .78334, .1 + .78334 x .105
    weights = np.array([[2.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.0, 2.0]])
    risk = np.array([[0.8, 0.3, 0.6, 0.4], [0.6, 0.2, 0.5, 0.7]])
    found = optimism(Y, APPARENT, weights, risk).brier_632plus
    assert found.no_information == pytest.approx(0.3)
    assert found.left_out == pytest.approx(0.205)
    assert found.overfitting == pytest.approx(0.525)
    assert found.value.value == pytest.approx(0.182251, abs=1e-6)


def test_632plus_of_the_log_loss_by_hand():
    # apparent -(ln .8 + ln .6) / 2 = .366985; chance -(ln .8 + ln .2 + ln .6 + ln .4) / 4 = .814925
    # left out -(ln .6 + ln .5) / 2 = .601986: overfitting .235001 / .447940 = .524628, share .783209
    weights = np.array([[2.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.0, 2.0]])
    risk = np.array([[0.8, 0.3, 0.6, 0.4], [0.6, 0.2, 0.5, 0.7]])
    found = optimism(Y, APPARENT, weights, risk).log_loss_632plus
    assert found.no_information == pytest.approx(0.814925, abs=1e-6)
    assert found.value.value == pytest.approx(0.366985 + 0.783209 * 0.235001, abs=1e-6)


def test_632plus_of_a_model_worse_than_chance_out_of_the_resample_is_chance():
    weights = np.array([[2.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.0, 2.0]])
    risk = np.array([[0.8, 0.3, 0.6, 0.9], [0.6, 0.2, 0.1, 0.7]])
    found = optimism(Y, APPARENT, weights, risk).brier_632plus
    assert (found.left_out, found.overfitting) == (pytest.approx(0.81), 1.0)
    assert found.value.value == pytest.approx(0.3)


def test_real_weights_leave_nobody_out_and_632plus_says_so():
    y, apparent, weights, risk = simulated(1)
    found = optimism(y, apparent, weights + 0.5, risk)
    assert math.isnan(found.c_statistic_632plus.value.value)
    assert found.c_statistic_632plus.reason == "no resample leaves out patients of both outcomes"
    assert found.c_statistic.reason == ""


def test_failed_fits_change_the_count_and_nothing_else():
    y, apparent, weights, risk = simulated(2, resamples=40)
    clean = optimism(y, apparent, weights[:30], risk[:30])
    risk[30:35, 3] = np.nan
    weights[35:] = y
    found = optimism(y, apparent, weights, risk)
    assert (found.resamples, found.failed, found.one_class) == (40, 5, 5)
    assert found.c_statistic == clean.c_statistic
    assert found.brier_632plus == clean.brier_632plus


def test_with_no_usable_resample_the_reason_counts_them():
    y, apparent, weights, risk = simulated(3, resamples=3)
    found = optimism(y, apparent, weights, np.full(risk.shape, np.nan))
    assert found.brier.apparent == pytest.approx(np.mean((apparent - y) ** 2))
    assert math.isnan(found.brier.corrected.value)
    assert found.brier.reason == "of 3 resamples 3 failed and 0 hold one class of outcome"


def test_without_resamples_nothing_is_corrected():
    y, apparent, _, _ = simulated(3)
    found = optimism(y, apparent, np.empty((0, 40)), np.empty((0, 40)))
    assert (found.c_statistic.reason, found.resamples) == ("no resamples", 0)


def test_few_resamples_give_a_value_without_an_interval():
    y, apparent, weights, risk = simulated(4, resamples=19)
    found = optimism(y, apparent, weights, risk).brier
    assert not math.isnan(found.corrected.value)
    assert math.isnan(found.corrected.low)
    assert found.reason == "no interval from fewer than 20 usable resamples"


def test_a_model_without_variation_has_no_slope_and_no_optimism_of_c():
    y, _, weights, risk = simulated(5)
    found = optimism(y, np.full(40, 0.5), weights, np.full(risk.shape, 0.5))
    for figure in ("c_statistic", "brier", "log_loss"):
        assert getattr(found, figure).optimism == pytest.approx(0.0, abs=1e-15)
    assert found.c_statistic.corrected.value == found.c_statistic_632plus.value.value == 0.5
    assert found.brier.corrected.value == pytest.approx(0.25)
    assert math.isnan(found.slope.corrected.value)
    assert found.slope.reason.startswith("not defined on these patients: risks or outcomes do not vary")


@pytest.mark.parametrize("patients", [2, 5])
@pytest.mark.parametrize("responders", [0, 1, 2])
def test_a_handful_of_patients_gives_numbers_or_reasons(patients, responders):
    y = (np.arange(patients) < responders).astype(float)
    rng = np.random.default_rng(1)
    weights = rng.multinomial(patients, np.full(patients, 1 / patients), size=25).astype(float)
    found = optimism(y, np.linspace(0.3, 0.6, patients), weights, rng.random((25, patients)))
    for reason, numbers in all_numbers(found):
        assert reason or not any(map(math.isnan, numbers))


def test_risks_of_0_and_1_stay_finite():
    y, apparent, weights, risk = simulated(6)
    found = optimism(y, np.round(apparent), weights, np.round(risk))
    assert math.isfinite(found.log_loss.corrected.value)
    assert 0 <= found.c_statistic.corrected.low <= found.c_statistic.corrected.high <= 1


def test_fits_that_separate_every_resample_keep_the_interval_of_c_inside_0_and_1():
    y, _, weights, _ = simulated(7)
    risk = np.tile(np.where(y == 1, 0.9, 0.1), (30, 1))
    found = optimism(y, risk[0], weights, risk)
    assert found.c_statistic.corrected.value == 1.0
    assert 0.99 < found.c_statistic.corrected.low <= found.c_statistic.corrected.high <= 1.0
    assert found.slope.reason.endswith("the risks separate the outcomes")


@settings(max_examples=20)
@given(st.integers(0, 1000), st.randoms(use_true_random=False))
def test_the_order_of_patients_and_of_resamples_does_not_matter(seed, random):
    y, apparent, weights, risk = simulated(seed)
    patients, resamples = list(range(40)), list(range(30))
    random.shuffle(patients)
    random.shuffle(resamples)
    plain = optimism(y, apparent, weights, risk)
    shuffled = optimism(y[patients], apparent[patients], weights[resamples][:, patients], risk[resamples][:, patients])
    for (reason, numbers), (same, others) in zip(all_numbers(plain), all_numbers(shuffled), strict=True):
        assert reason == same
        assert others == pytest.approx(numbers, abs=1e-7, nan_ok=True)


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_figures_stay_in_their_ranges_and_inside_their_intervals(seed):
    found = optimism(*simulated(seed))
    for name in FIGURES:
        estimate = getattr(found, name).corrected
        assert estimate.low <= estimate.value <= estimate.high
    assert 0 <= found.c_statistic.corrected.low <= found.c_statistic.corrected.high <= 1
    assert found.brier.corrected.low >= 0
    for plus in (found.c_statistic_632plus, found.brier_632plus, found.log_loss_632plus):
        assert 0 <= plus.overfitting <= 1
        assert plus.value.low <= plus.value.value <= plus.value.high


def test_the_gain_over_a_model_is_the_difference_of_the_corrected_log_losses():
    y, apparent, weights, risk = simulated(8)
    rates = weights @ y / 40
    reference, its_risks = np.full(40, y.mean()), np.repeat(rates[:, None], 40, axis=1)
    gain = corrected_gain(y, (apparent, reference), weights, (risk, its_risks))
    ours, theirs = optimism(y, apparent, weights, risk), optimism(y, reference, weights, its_risks)
    assert gain.corrected.value == pytest.approx(theirs.log_loss.corrected.value - ours.log_loss.corrected.value)
    back = corrected_gain(y, (reference, apparent), weights, (its_risks, risk))
    assert back.corrected.value == pytest.approx(-gain.corrected.value)
    assert (back.corrected.low, back.corrected.high) == pytest.approx((-gain.corrected.high, -gain.corrected.low))


def test_a_model_gains_nothing_over_itself():
    y, apparent, weights, risk = simulated(9)
    gain = corrected_gain(y, (apparent, apparent), weights, (risk, risk)).corrected
    assert (gain.value, gain.low, gain.high) == (0.0, 0.0, 0.0)


def test_the_gain_counts_only_resamples_in_which_both_fits_worked():
    y, apparent, weights, risk = simulated(9)
    broken = risk.copy()
    broken[:7, 0] = np.nan
    assert corrected_gain(y, (apparent, apparent), weights, (risk, broken)).resamples == 23
    none = corrected_gain(y, (apparent, apparent), weights, (risk, np.full(risk.shape, np.nan)))
    assert none.reason == "none of 30 resamples is usable by both"


@pytest.mark.slow
def test_intervals_cover_the_figures_in_new_patients():
    # nominal 95 %; 100 trials: three standard errors of .95 are .065
    rng = np.random.default_rng(20)
    beta, trials, patients = np.array([0.1, 0.6, -0.5, 0.4, 0.3, 0.0]), 100, 120
    new = np.column_stack([np.ones(4000), rng.standard_normal((4000, 5))])
    new_risk = expit(new @ beta)
    covered = np.zeros((trials, 2))
    for t in range(trials):
        X = np.column_stack([np.ones(patients), rng.standard_normal((patients, 5))])
        y = (rng.random(patients) < expit(X @ beta)).astype(float)
        weights = rng.multinomial(patients, np.full(patients, 1 / patients), size=100).astype(float)
        fits = fit_logistic(X[None], y, np.vstack([np.ones((1, patients)), weights]), np.array([0.0, 2, 2, 2, 2, 2]))
        risk = expit(fits.coefficients @ X.T)
        found = optimism(y, risk[0], weights, risk[1:])
        predicted = expit(new @ fits.coefficients[0])
        brier = np.mean(new_risk * (1 - predicted) ** 2 + (1 - new_risk) * predicted**2)
        order = np.argsort(predicted)
        others = np.cumsum((1 - new_risk)[order]) - (1 - new_risk)[order] / 2
        c = np.sum(new_risk[order] * others) / (new_risk.sum() * (1 - new_risk).sum())
        for k, (figure, truth) in enumerate(((found.c_statistic, c), (found.brier, brier))):
            covered[t, k] = figure.corrected.low <= truth <= figure.corrected.high
    assert (covered.mean(axis=0) > 0.885).all()
