"""Patients needed to validate a model in new patients, against published examples and independent integration."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from acrcast.validation.calibration import calibration_slope
from acrcast.validation.sample_size import (
    LogOddsSpread,
    TargetWidths,
    external_size,
    patients_for_c_statistic,
    patients_for_net_benefit,
    patients_for_observed_over_expected,
    patients_for_slope,
    sensitivity_and_specificity,
)

# Heart valve failure of Riley et al. 2021 as in the manual of pmvalsampsize.
HEART_VALVE = LogOddsSpread.normal(-5, 2.5)


@pytest.mark.parametrize(
    ("rate", "width", "patients"),
    [
        # SE = asinh(width / 2) / 1.959964: .050936, .050936, .174993 and .245524; n = (1 - rate) / rate / SE^2
        (0.5, 0.2, 386),  # 385.4
        (0.1, 0.2, 3469),  # 3468.9
        (0.1, 0.7, 294),  # 293.9
        (0.018, 1.0, 906),  # 905.02; pmvalsampsize rounds the SE up to .2456 and says 905
    ],
)
def test_observed_over_expected_by_hand(rate, width, patients):
    assert patients_for_observed_over_expected(rate, width) == patients


def test_the_c_statistic_agrees_with_the_tests_of_pmvalsampsize():
    assert patients_for_c_statistic(0.8, 0.018, 0.1) == 4252


@pytest.mark.parametrize(("c_statistic", "rate"), [(0.6, 0.5), (0.77, 0.43), (0.9, 0.05)])
def test_the_c_statistic_is_the_least_n_with_newcombe_s_standard_error(c_statistic, rate):
    def width(n):
        share = (1 - c_statistic) / (2 - c_statistic) + c_statistic / (1 + c_statistic)
        variance = c_statistic * (1 - c_statistic) * (1 + (n / 2 - 1) * share) / (n**2 * rate * (1 - rate))
        return 2 * 1.959963984540054 * variance**0.5

    n = patients_for_c_statistic(c_statistic, rate, 0.1)
    assert width(n) <= 0.1 < width(n - 1)


def test_the_slope_agrees_with_pmvalsampsize_up_to_its_simulation():
    # its manual's example with a million simulated patients says 4544
    assert patients_for_slope(HEART_VALVE, 0.2) == pytest.approx(4544, rel=0.005)


@pytest.mark.parametrize(("mean", "standard_deviation"), [(-1.75, 1.47), (0.0, 0.5), (-5.0, 2.5)])
def test_the_slope_agrees_with_independent_integration(mean, standard_deviation):
    def moment(power):
        def integrand(x):
            return x**power * norm.pdf(x, mean, standard_deviation) / (2 + np.exp(x) + np.exp(-x))

        return quad(integrand, mean - 12 * standard_deviation, mean + 12 * standard_deviation, epsabs=1e-13)[0]

    standard_error = 0.2 / (2 * 1.959963984540054)
    expected = moment(0) / (standard_error**2 * (moment(0) * moment(2) - moment(1) ** 2))
    found = patients_for_slope(LogOddsSpread.normal(mean, standard_deviation), 0.2)
    assert found == int(np.ceil(expected))


def test_net_benefit_by_hand():
    # Riley 2021, 3.4.1: w = (.28/.72) 4 = 1.5556; .24/.72 + 2.41975 .1056/.28 + 2.41975 .0144/.2016 = 1.418765;
    # SE = .2 / 3.919928 = .0510213; 545.02
    assert patients_for_net_benefit(0.6, 0.88, 0.72, 0.8, 0.2) == 546


def test_the_log_odds_that_a_c_statistic_implies_have_that_rate_and_c_statistic():
    spread = LogOddsSpread.of_c_statistic(0.8, 0.3)
    x, weights = spread.nodes()
    assert np.sum(weights / (1 + np.exp(-x))) == pytest.approx(0.3, abs=1e-10)
    # the distance of the two means in standard deviations is sqrt(2) z(.8) = 1.190232
    assert (spread.means[1] - spread.means[0]) / spread.standard_deviation == pytest.approx(1.190232, abs=1e-6)


def test_sensitivity_and_specificity_of_two_normals_are_their_tails():
    spread = LogOddsSpread.of_c_statistic(0.75, 0.4)
    place = np.log(0.3 / 0.7)
    sensitivity, specificity = sensitivity_and_specificity(spread, 0.3)
    assert sensitivity == pytest.approx(norm.sf(place, spread.means[1], spread.standard_deviation), abs=1e-9)
    assert specificity == pytest.approx(norm.cdf(place, spread.means[0], spread.standard_deviation), abs=1e-9)


@pytest.mark.parametrize(("threshold", "expected"), [(1e-9, (1, 0)), (1 - 1e-9, (0, 1))])
def test_an_extreme_threshold_treats_everyone_or_no_one(threshold, expected):
    assert sensitivity_and_specificity(LogOddsSpread.normal(0, 1), threshold) == pytest.approx(expected, abs=1e-9)


def test_the_largest_criterion_decides_and_the_verdict_says_by_how_much():
    size = external_size(0.8, 0.018, log_odds=HEART_VALVE, widths=TargetWidths(observed_over_expected=1.0))
    assert (size.observed_over_expected, size.c_statistic, size.net_benefit) == (906, 4252, None)
    assert size.patients == size.slope
    assert size.responders == 82
    short = f"200 patients are too few to validate the model: Riley's criteria ask for {size.slope}, {size.slope - 200} more."
    assert size.verdict(200) == short
    assert size.verdict(10_000).startswith("10000 patients are enough")


def test_a_threshold_adds_net_benefit():
    size = external_size(0.75, 0.5, threshold=0.4)
    sensitivity, specificity = sensitivity_and_specificity(LogOddsSpread.of_c_statistic(0.75, 0.5), 0.4)
    assert size.net_benefit == patients_for_net_benefit(sensitivity, specificity, 0.5, 0.4, 0.2)


@given(c_statistic=st.floats(0.55, 0.95), rate=st.floats(0.02, 0.98))
def test_narrower_intervals_need_more_patients(c_statistic, rate):
    wide = external_size(c_statistic, rate, threshold=0.3)
    narrow = external_size(c_statistic, rate, threshold=0.3, widths=TargetWidths(0.1, 0.1, 0.05, 0.1))
    assert narrow.observed_over_expected > wide.observed_over_expected
    assert narrow.slope > wide.slope
    assert narrow.c_statistic > wide.c_statistic
    assert narrow.net_benefit >= wide.net_benefit


def test_the_slope_s_standard_error_is_what_a_simulation_shows():
    # with n from the formula the interval of the slope is as wide as asked for
    spread = LogOddsSpread.normal(-0.5, 1.0)
    n = patients_for_slope(spread, 0.6)
    rng = np.random.default_rng(1)
    widths = []
    for _ in range(100):
        risk = 1 / (1 + np.exp(-rng.normal(-0.5, 1.0, n)))
        slope = calibration_slope(risk, (rng.random(n) < risk).astype(float))
        widths.append(slope.high - slope.low)
    assert np.mean(widths) == pytest.approx(0.6, rel=0.03)


@pytest.mark.parametrize(
    ("c_statistic", "rate", "threshold", "said"),
    [
        (0.5, 0.3, None, "C statistic"),
        (1.0, 0.3, None, "C statistic"),
        (0.7, 1.0, None, "rate"),
        (0.7, 0.3, 1.0, "thr"),
    ],
)
def test_impossible_values_are_refused_by_name(c_statistic, rate, threshold, said):
    with pytest.raises(ValueError, match=said):
        external_size(c_statistic, rate, threshold=threshold)


def test_log_odds_without_spread_are_refused():
    with pytest.raises(ValueError, match="standard deviation"):
        LogOddsSpread.normal(0, 0)
