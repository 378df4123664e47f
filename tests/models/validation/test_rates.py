"""Rates and their differences, against the examples that Newcombe printed."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acrcast.validation.rates import difference_of_rates, half_width, mean_with_interval, response_rate


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_differences_of_newcombes_table_ii(first, second, low, high):
    found = difference_of_rates(response_rate(*first), response_rate(*second))
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@pytest.mark.parametrize(
    ("responders", "patients", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_intervals_of_newcombes_other_paper(responders, patients, low, high):
    # Newcombe 1998, Stat Med 17:857, table I, method 3
    found = response_rate(responders, patients)
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_a_rate_of_nobody_is_not_a_number():
    nobody = response_rate(0, 0)
    assert math.isnan(nobody.value)
    assert math.isnan(difference_of_rates(nobody, response_rate(1, 2)).value)


def test_a_mean_with_walds_interval_by_hand():
    # mean 2, standard deviation 1, standard error 1 / sqrt(3)
    found = mean_with_interval(np.array([1.0, 2.0, 3.0]))
    assert (found.value, found.high) == (2.0, pytest.approx(2 + 1.959964 / 3**0.5, abs=1e-6))
    assert math.isnan(mean_with_interval(np.array([1.0])).low)


def test_half_widths_of_usual_levels():
    assert half_width(0.95) == pytest.approx(1.959963985, abs=1e-8)
    assert half_width(0.9) == pytest.approx(1.644853627, abs=1e-8)


@given(st.integers(1, 200), st.integers(1, 200), st.data())
def test_swapping_the_rates_flips_the_sign(first, second, data):
    a = response_rate(data.draw(st.integers(0, first)), first)
    b = response_rate(data.draw(st.integers(0, second)), second)
    forward, backward = difference_of_rates(a, b), difference_of_rates(b, a)
    assert (forward.value, forward.low, forward.high) == (-backward.value, -backward.high, -backward.low)
    assert -1 - 1e-12 <= forward.low <= forward.value <= forward.high <= 1 + 1e-12
