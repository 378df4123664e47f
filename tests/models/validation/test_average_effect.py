"""The average effect, against R's standardised risks and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acrcast.estimators.normal import expit
from acrcast.validation.average_effect import average_effect
from acrcast.validation.randomised import Randomised


def test_observed_and_standardised_effect_of_r(reference, golden_table, golden_design):
    trial = golden_table("trial.csv")
    coefficients = np.array(list(reference["logistic"]["coefficients"].values()))
    control, treated = (expit(golden_design(trial, np.full(240, arm)) @ coefficients) for arm in (0.0, 1.0))
    found = average_effect(Randomised(trial["y"], trial["arm"] == 1, control, treated))
    assert found.observed.value == pytest.approx(0.2416666666667, abs=1e-10)
    assert found.predicted.value == pytest.approx(0.1946297460961, abs=1e-8)
    assert found.control_risk == pytest.approx(0.4423425833107, abs=1e-8)
    assert found.treated_risk == pytest.approx(0.6369723294069, abs=1e-8)
    assert (found.treated, found.control) == (120, 120)


def test_the_adjusted_effect_by_hand():
    # scores: .2 + 2 x (1 - .7), .2 - 2 x (0 - .5), .2 + 2 x (0 - .7), .2 - 2 x (1 - .5)
    found = average_effect(
        Randomised(
            y=np.array([1.0, 0.0, 0.0, 1.0]),
            treated=np.array([True, False, True, False]),
            control_risk=np.full(4, 0.5),
            treated_risk=np.full(4, 0.7),
        )
    )
    assert found.adjusted.value == pytest.approx((0.8 + 1.2 - 1.2 - 0.8) / 4)
    assert found.predicted.low == found.predicted.high == pytest.approx(0.2)


def test_an_arm_without_responders_still_has_an_interval():
    y = np.array([1.0, 1.0, 0.0, 0.0, 0.0])
    treated = np.array([True, True, True, False, False])
    found = average_effect(Randomised(y, treated, np.full(5, 0.4), np.full(5, 0.6), 0.6))
    assert found.control_rate.value == 0.0
    assert found.control_rate.high > 0.6
    assert found.observed.value == pytest.approx(2 / 3)
    assert found.observed.low < 0 < 2 / 3 < found.observed.high < 1


def test_the_adjusted_effect_takes_off_a_chance_imbalance():
    # every patient responds as the risk says, and the treated drew the better risks: nothing is left of the difference
    y = np.array([1.0, 1.0, 0.0, 1.0, 0.0, 0.0])
    treated = np.array([True, True, True, False, False, False])
    found = average_effect(Randomised(y, treated, y, y))
    assert found.observed.value == pytest.approx(1 / 3)
    assert (found.adjusted.value, found.adjusted.low, found.adjusted.high) == (0.0, 0.0, 0.0)


@given(st.integers(0, 1000))
def test_swapping_the_arms_flips_the_sign(a_randomised_trial, arms_swapped, seed):
    trial = a_randomised_trial(seed, allocation=0.4)
    found, swapped = average_effect(trial), average_effect(arms_swapped(trial))
    for name in ("observed", "adjusted", "predicted"):
        one, other = getattr(found, name), getattr(swapped, name)
        assert (other.value, other.low, other.high) == pytest.approx((-one.value, -one.high, -one.low))
