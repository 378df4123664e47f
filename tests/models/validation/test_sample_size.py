"""Riley's criteria, against the values of the R package pmsampsize's own tests."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acrcast.validation.sample_size import c_statistic_of_r2, development_size, largest_r2, r2_of_c_statistic, usual_r2


@pytest.mark.parametrize(
    ("r2", "parameters", "rate", "shrinkage", "optimism", "of_rate", "patients"),
    [
        (0.288, 24, 0.174, 623, 662, 221, 662),
        (0.288, 36, 0.174, 934, 992, 221, 992),
    ],
)
def test_the_published_examples(r2, parameters, rate, shrinkage, optimism, of_rate, patients):
    size = development_size(r2, parameters, rate)
    assert (size.shrinkage, size.optimism, size.rate, size.patients) == (shrinkage, optimism, of_rate, patients)


def test_a_trial_of_47_with_20_parameters_falls_short_and_says_by_how_much():
    size = development_size(usual_r2(0.55), 20, 0.55)
    # by hand: the largest R2 is 1 - (.55^.55 * .45^.45)^2 = .7476, 15 % of it is .1121; 20 / (.1 * -ln(1 - .1121/.9)) = 1503.2
    assert size.patients == 1504
    assert size.verdict(47) == "47 patients are too few for 20 parameters: Riley's criteria ask for 1504, 1457 more."
    assert size.verdict(1504) == "1504 patients are enough for 20 parameters by Riley's criteria (1504 needed)."


def test_the_largest_r2_at_even_odds_is_three_quarters():
    assert largest_r2(0.5) == pytest.approx(0.75)


def test_r2_of_a_c_statistic_grows_with_it_and_nears_none_at_one_half():
    assert r2_of_c_statistic(0.501, 0.3) == pytest.approx(0, abs=1e-4)
    assert r2_of_c_statistic(0.6, 0.3) < r2_of_c_statistic(0.7, 0.3) < r2_of_c_statistic(0.9, 0.3) < largest_r2(0.3)


def test_r2_of_a_c_statistic_agrees_with_a_large_simulation():
    rng = np.random.default_rng(1)
    spread, rate, n = 2**0.5 * 0.8416212335729143, 0.4, 2_000_000  # C = .80
    y = rng.random(n) < rate
    log_odds = np.log(rate / (1 - rate)) - spread**2 / 2 + spread * (rng.normal(size=n) + spread * y)
    gain = np.mean(y * log_odds - np.logaddexp(0, log_odds)) - (rate * np.log(rate) + (1 - rate) * np.log(1 - rate))
    assert r2_of_c_statistic(0.8, 0.4) == pytest.approx(1 - np.exp(-2 * gain), abs=0.002)


@given(st.floats(0.51, 0.98), st.floats(0.02, 0.98))
def test_the_c_statistic_of_r2_is_the_one_that_implies_it(c_statistic, rate):
    assert c_statistic_of_r2(r2_of_c_statistic(c_statistic, rate), rate) == pytest.approx(c_statistic, abs=1e-6)


@pytest.mark.parametrize("r2", [0.0, 0.75, 0.9])
def test_no_c_statistic_has_an_r2_that_the_rate_does_not_allow(r2):
    with pytest.raises(ValueError, match=r"below 0\.750"):
        c_statistic_of_r2(r2, 0.5)


@pytest.mark.parametrize(
    ("r2", "parameters", "rate", "said"),
    [(0.3, 0, 0.5, "parameters"), (0.9, 5, 0.5, "R2"), (0.0, 5, 0.5, "R2"), (0.3, 5, 0.0, "response rate")],
)
def test_impossible_values_are_refused_by_name(r2, parameters, rate, said):
    with pytest.raises(ValueError, match=said):
        development_size(r2, parameters, rate)
