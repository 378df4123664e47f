"""Evidence against risks: fair bets if the risks are right, exactly, whatever the patients; and what it needs to grow."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acrcast.estimators.normal import expit, logit
from acrcast.monitoring.calibration import by_spread, on_the_whole

RISKS = np.array([0.08, 0.3, 0.5, 0.5, 0.62, 0.71, 0.9, 0.97])
DAYS = np.array([1, 1, 2, 30, 30, 31, 58, 90])


def expectation(evidence_of, chance):
    """Mean of what is owned at the end, over all outcomes of eight patients with these chances."""
    total = 0.0
    for outcome in itertools.product([0.0, 1.0], repeat=len(chance)):
        y = np.array(outcome)
        total += float(np.prod(np.where(y == 1, chance, 1 - chance))) * math.exp(evidence_of(y).now)
    return total


def whole(tolerance):
    return lambda y: on_the_whole(DAYS, RISKS, y, tolerance)


def spread(*limits):
    return lambda y: by_spread(DAYS, RISKS, y, np.full(8, 0.2), limits)


def test_if_the_risks_are_right_a_bet_on_the_whole_is_fair():
    assert expectation(whole(0.0), RISKS) == pytest.approx(1, abs=1e-12)


def test_if_the_risks_are_right_a_bet_on_their_spread_is_fair():
    assert expectation(spread(1.0, 1.0), RISKS) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("shift", [-0.3, 0.0, 0.17, 0.3])
def test_within_the_tolerance_no_bet_is_better_than_fair(shift):
    assert expectation(whole(0.3), expit(logit(RISKS) + shift)) <= 1 + 1e-12


def test_within_the_tolerance_each_patient_may_be_off_in_another_direction():
    shifts = 0.3 * np.array([1, -1, 1, 1, -1, 0.5, -0.2, 1])
    assert expectation(whole(0.3), expit(logit(RISKS) + shifts)) <= 1 + 1e-12


@pytest.mark.parametrize("slope", [0.8, 1.0, 1.25])
def test_within_the_limits_of_the_slope_no_bet_is_better_than_fair(slope):
    chance = expit(0.2 + slope * (logit(RISKS) - 0.2))
    assert expectation(spread(0.8, 1.25), chance) <= 1 + 1e-12


def test_beyond_the_tolerance_a_bet_is_better_than_fair():
    assert expectation(whole(0.1), expit(logit(RISKS) + 1.0)) > 1.05


def test_one_patient_at_one_half_tells_no_direction():
    for responded in (0.0, 1.0):
        found = on_the_whole(np.array([1]), np.array([0.5]), np.array([responded]), 0.0)
        assert found.now == pytest.approx(0, abs=1e-12)


def test_patients_at_the_centre_tell_nothing_of_the_spread():
    centre = logit(RISKS)
    assert by_spread(DAYS, RISKS, np.ones(8), centre, (0.8, 1.25)).log_e == pytest.approx(np.zeros(6), abs=1e-12)


@given(st.permutations(range(8)), st.lists(st.booleans(), min_size=8, max_size=8))
def test_the_order_in_which_patients_are_listed_changes_nothing(order, responded):
    y, order = np.array(responded, dtype=float), list(order)
    for one, other in (
        (on_the_whole(DAYS, RISKS, y, 0.1), on_the_whole(DAYS[order], RISKS[order], y[order], 0.1)),
        (by_spread(DAYS, RISKS, y, np.zeros(8), (0.8, 1.25)),
         by_spread(DAYS[order], RISKS[order], y[order], np.zeros(8), (0.8, 1.25))),
    ):  # fmt: skip
        assert one.day.tolist() == other.day.tolist()
        assert one.log_e == pytest.approx(other.log_e, abs=1e-10)


@given(st.lists(st.booleans(), min_size=8, max_size=8))
def test_responders_and_others_exchanged_with_the_risks_turned_round_change_nothing(responded):
    y = np.array(responded, dtype=float)
    one, other = on_the_whole(DAYS, RISKS, y, 0.1), on_the_whole(DAYS, 1 - RISKS, 1 - y, 0.1)
    assert one.log_e == pytest.approx(other.log_e, abs=1e-10)


def test_a_change_after_good_years_is_noticed_sooner_than_by_one_who_bet_all_along():
    """500 patients of whom as many respond as was said, then 160 of whom far fewer do."""
    day = np.arange(660)
    y = np.concatenate([np.tile([1.0, 0.0], 250), np.tile([1.0, 0.0, 0.0, 0.0], 40)])
    found = on_the_whole(day, np.full(660, 0.5), y, 0.1)
    # from log-odds of 0: the alternative at -log 3, where those patients are, against the edge of the tolerance
    alone = sum(v * -math.log(3) - math.log(1 + 1 / 3) + v * 0.1 + math.log(1 + math.exp(-0.1)) for v in y)
    assert found.largest > math.log(1000)
    assert alone < 0
    assert found.crossed(math.log(20)) > 500
