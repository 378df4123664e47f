"""What gamblers own who began at different times, and what it means to look at it."""

import math

import numpy as np
import pytest

from acrcast.monitoring.evidence import Evidence, days_of, log_mean, starts, summed, together


def test_without_a_day_one_is_owned_and_no_line_is_crossed():
    nothing = Evidence(np.zeros(0, dtype=np.int64), np.zeros(0))
    assert (nothing.now, nothing.largest) == (0.0, 0.0)
    assert nothing.crossed(math.log(2)) is None


def test_a_line_counts_from_the_first_day_on_which_it_was_reached():
    evidence = Evidence(np.array([10, 12, 15]), np.log([2.0, 30.0, 5.0]))
    assert evidence.crossed(math.log(20)) == 12
    assert evidence.crossed(math.log(31)) is None
    assert evidence.largest == pytest.approx(math.log(30))
    assert evidence.now == pytest.approx(math.log(5))


def test_one_gambler_has_half_of_it_and_the_rest_waits():
    """1/2 x 3 + 1/2."""
    assert together(np.log([[3.0]])) == pytest.approx([math.log(2.0)])


def test_two_gamblers_have_a_half_and_a_sixth():
    """1/2 x 3 + 1/6 x 5 + 1/3 = 2 2/3."""
    assert together(np.log([[3.0], [5.0]])) == pytest.approx([math.log(8 / 3)])


def test_nobody_who_has_not_begun_changes_what_is_owned():
    few, many = np.log([[3.0]]), np.vstack([np.log([[3.0]]), np.zeros((9, 1))])
    assert together(many) == pytest.approx(together(few), abs=1e-12)


def test_a_gambler_begins_every_four_weeks_whether_patients_come_or_not():
    """From day 100 on: 100, 128, 156; nobody came between 101 and 156."""
    assert starts(np.array([100, 101, 156, 160])).tolist() == [0, 2, 2]
    assert starts(np.zeros(0, dtype=np.int64)).tolist() == []


def test_patients_of_one_day_count_together_in_any_order():
    days, position = days_of(np.array([7, 3, 7, 3]))
    assert days.tolist() == [3, 7]
    assert summed(position, 2, np.array([1.0, 10.0, 2.0, 20.0])).tolist() == [30.0, 33.0]


def test_the_mean_of_logarithms_is_of_what_they_stand_for():
    assert log_mean(np.log([[1.0, 3.0]])) == pytest.approx([math.log(2)])
