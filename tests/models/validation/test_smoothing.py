"""loess, lowess and the restricted cubic spline: R's answers, what any smoother must do, and data that R refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acrcast.estimators.newton import fit_logistic
from acrcast.estimators.normal import expit, logit
from acrcast.validation.smoothing import loess, lowess, restricted_cubic_spline, spline_knots, weighted_splines

# R's data set `cars`: speed in mph, stopping distance in feet; 19 distinct speeds among 50.
CARS_SPEED = np.repeat(
    np.array([4, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 24, 25.0]),
    [2, 2, 1, 1, 3, 2, 4, 4, 4, 3, 2, 3, 4, 3, 5, 1, 1, 4, 1],
)
CARS_DISTANCE = np.array(
    [
        *[2, 10, 4, 22, 16, 10, 18, 26, 34, 17, 28, 14, 20, 24, 28, 26, 34, 34, 46, 26, 36, 60, 80, 20, 26],
        *[54, 32, 40, 32, 40, 50, 42, 56, 76, 84, 36, 46, 68, 32, 48, 52, 56, 64, 66, 54, 70, 92, 93, 120, 85],
    ],
    dtype=float,
)
SMOOTHERS = [loess, lowess, restricted_cubic_spline]
SEEDS = st.integers(0, 10_000)


@pytest.fixture(scope="module")
def external(golden_table, golden_design):
    """Log-odds by trial.csv's model of the patients of external.csv, and their outcomes."""
    trial, table = golden_table("trial.csv"), golden_table("external.csv")
    fit = fit_logistic(golden_design(trial)[None], trial["y"], np.ones((1, 240)), np.zeros(8))
    return golden_design(table) @ fit.coefficients[0], table["y"]


def distances(smoothed, risk):
    distance = np.abs(smoothed - risk)
    return {
        "ici": distance.mean(),
        "e50": np.median(distance),
        "e90": np.quantile(distance, 0.9),
        "emax": distance.max(),
    }


def test_loess_agrees_with_r_on_risks(external, reference):
    risk = expit(external[0])
    expected = reference["calibration"]["loess_span075_degree2"]
    assert distances(loess(risk, external[1]), risk) == pytest.approx(expected, abs=1e-9)


def test_lowess_agrees_with_r_on_risks(external, reference):
    risk = expit(external[0])
    expected = reference["calibration"]["lowess_iter0"]
    assert distances(lowess(risk, external[1]), risk) == pytest.approx(expected, abs=1e-9)


def test_the_spline_agrees_with_r_on_log_odds(external, reference):
    log_odds, y = external
    expected = reference["calibration"]["rcs5_on_logit"]
    assert distances(restricted_cubic_spline(log_odds, y), expit(log_odds)) == pytest.approx(expected, abs=1e-9)


def test_the_knots_agree_with_r(external, reference):
    np.testing.assert_allclose(spline_knots(external[0]), reference["calibration"]["rcs5_knots_on_logit"], atol=1e-10)


def test_loess_agrees_with_the_example_of_r_s_manual_where_many_points_are_tied():
    # predict(loess(dist ~ speed, cars), data.frame(speed = seq(5, 30, 1)))
    expected = [7.797353, 10.002308, 12.499786, 15.281082, 18.446568, 21.865315, 25.517015, 29.350386, 33.230660]
    expected += [37.167935, 41.205226, 45.055736, 48.355889, 49.824812, 51.986702, 56.461318, 61.959729, 68.569313]
    expected += [76.316068, 85.212121, 95.324047] + 5 * [np.nan]
    np.testing.assert_allclose(loess(CARS_SPEED, CARS_DISTANCE, at=np.arange(5.0, 31)), expected, atol=5e-7)


def test_lowess_is_a_tricube_weighted_line_where_points_are_apart():
    rng = np.random.default_rng(1)
    x, y = np.arange(40.0) + 0.5 * rng.random(40), rng.standard_normal(40)
    expected = []
    for centre in x:
        distance = np.abs(x - centre)
        radius = np.sort(distance)[25]  # two thirds of 40 are 26 points
        root_weight = np.sqrt(np.clip(1 - (distance / radius) ** 3, 0, None) ** 3)
        expected.append(np.polyval(np.polyfit(x - centre, y, 1, w=root_weight), 0.0))
    np.testing.assert_allclose(lowess(x, y), expected, atol=1e-6)


def test_below_100_points_the_outer_knots_are_the_fifth_from_each_end():
    # 1 to 41: quantiles .275, .5 and .725 are 1 + 40 q
    np.testing.assert_allclose(spline_knots(np.arange(1.0, 42)), [5, 12, 21, 30, 37])


def test_from_100_points_on_the_outer_knots_are_quantiles():
    np.testing.assert_allclose(spline_knots(np.arange(101.0)), [5, 27.5, 50, 72.5, 95])


def test_the_spline_is_straight_beyond_its_outer_knots(external):
    log_odds, y = external
    low, high = spline_knots(log_odds)[[0, -1]]
    for start in (low - 4, high + 1):
        fitted = logit(restricted_cubic_spline(log_odds, y, at=start + np.arange(4.0) / 2))
        np.testing.assert_allclose(np.diff(fitted, 2), 0, atol=1e-8)


@pytest.mark.parametrize("smoother", SMOOTHERS)
@given(seed=SEEDS)
def test_the_order_of_the_points_does_not_matter(smoother, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(12, 120))
    x = np.round(rng.standard_normal(n), int(rng.integers(0, 4)))
    y = (rng.random(n) < expit(x)).astype(float)
    other = rng.permutation(n)
    # where the spline separates the outcomes, its risks end within 1e-7 of 0 and 1
    np.testing.assert_allclose(smoother(x[other], y[other]), smoother(x, y)[other], atol=1e-6)


@given(seed=SEEDS, intercept=st.floats(-5, 5), slope=st.floats(-5, 5), n=st.integers(4, 200))
def test_loess_returns_a_straight_line(seed, intercept, slope, n):
    x = np.random.default_rng(seed).random(n)
    np.testing.assert_allclose(loess(x, intercept + slope * x), intercept + slope * x, atol=1e-7)


@given(seed=SEEDS, curve=st.floats(-5, 5))
def test_loess_returns_a_parabola_at_the_points_that_it_fits(seed, curve):
    x = np.sort(np.random.default_rng(seed).random(100))
    middle = x[49:50]  # the first cut of the tree
    np.testing.assert_allclose(loess(x, curve * x**2, at=middle), curve * middle**2, atol=1e-8)


@given(seed=SEEDS, intercept=st.floats(-5, 5), slope=st.floats(-5, 5), n=st.integers(4, 200))
def test_lowess_returns_a_straight_line(seed, intercept, slope, n):
    x = (np.arange(n) + np.random.default_rng(seed).random(n)) / n
    np.testing.assert_allclose(lowess(x, intercept + slope * x), intercept + slope * x, atol=1e-8)


@given(seed=SEEDS, intercept=st.floats(-2, 2), slope=st.floats(-2, 2))
def test_the_spline_returns_a_line_on_the_log_odds(seed, intercept, slope):
    x = np.random.default_rng(seed).standard_normal(60)
    probability = expit(intercept + slope * x)
    np.testing.assert_allclose(restricted_cubic_spline(x, probability), probability, atol=1e-7)


@pytest.mark.parametrize("smoother", SMOOTHERS)
def test_the_curve_elsewhere_is_the_curve_of_the_same_fit(smoother, external):
    log_odds, y = external
    some = np.array([3, 77, 120, 499])
    np.testing.assert_allclose(smoother(log_odds, y, at=log_odds[some]), smoother(log_odds, y)[some], atol=1e-12)


def test_splines_under_weights_are_splines_of_copied_patients(external):
    log_odds, y = external
    knots, at = spline_knots(log_odds), np.linspace(-1, 2, 7)
    draws = np.random.default_rng(3).integers(500, size=(4, 500))
    counts = np.stack([np.bincount(drawn, minlength=500) for drawn in draws]).astype(float)
    copied = [restricted_cubic_spline(log_odds[drawn], y[drawn], knots=knots, at=at) for drawn in draws]
    np.testing.assert_allclose(weighted_splines(log_odds, y, counts, at=at), copied, atol=1e-8)


@pytest.mark.parametrize("smoother", [loess, lowess])
def test_nothing_is_said_beyond_the_range(smoother):
    x = np.linspace(0.2, 0.8, 30)
    curve = smoother(x, x, at=np.array([0.199, 0.2, 0.8, 0.801]))
    np.testing.assert_allclose(curve, [np.nan, 0.2, 0.8, np.nan], atol=1e-9)


@pytest.mark.parametrize("smoother", SMOOTHERS)
def test_two_values_get_the_mean_of_each(smoother):
    x = np.repeat([0.3, 0.6], [12, 20])
    y = np.concatenate([np.repeat([0.0, 1.0], [9, 3]), np.repeat([0.0, 1.0], [5, 15])])
    np.testing.assert_allclose(smoother(x, y), np.repeat([0.25, 0.75], [12, 20]), atol=1e-3)


@pytest.mark.parametrize("smoother", [loess, lowess])
def test_one_value_gets_the_mean(smoother):
    y = np.array([0.0, 1, 1, 1])
    np.testing.assert_allclose(smoother(np.full(4, 0.5), y), np.full(4, 0.75))


@pytest.mark.parametrize("smoother", [loess, lowess])
@given(seed=SEEDS, n=st.integers(2, 60), values=st.integers(1, 6))
def test_any_ties_give_finite_curves(smoother, seed, n, values):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, values, n) / values, rng.integers(0, 2, n).astype(float)
    assert np.isfinite(smoother(x, y)).all()


def test_where_almost_all_points_are_tied_their_mean_stands():
    x = np.concatenate([np.full(95, 0.4), [0.1, 0.2, 0.6, 0.7, 0.8]])
    y = np.concatenate([np.repeat([0.0, 1.0], [57, 38]), [0, 0, 1, 1, 1.0]])
    for smoother in (loess, lowess):
        assert smoother(x, y)[0] == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_one_class_of_outcomes_gives_its_share(outcome):
    x, y = np.linspace(-1, 1, 30), np.full(30, outcome)
    for smoother in SMOOTHERS:
        np.testing.assert_allclose(smoother(x, y), y, atol=1e-12)


def test_a_hundred_thousand_points_are_smoothed():
    rng = np.random.default_rng(2)
    x = rng.random(100_000)
    y = (rng.random(100_000) < x).astype(float)
    for curve in (loess(x, y), lowess(x, y), restricted_cubic_spline(logit(x), y)):
        assert np.abs(curve - x).mean() < 0.01
