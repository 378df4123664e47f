"""Evidence about shares: fair over trainings and patients together, exactly."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaln

from acrcast.monitoring.shares import above_rate, another_share

DAYS = np.array([1, 1, 2, 30, 30, 31, 58, 90])


def expectation(evidence_of, a, b):
    """Mean of what is owned at the end, over all hits of eight patients whose common share is Beta(a, b)."""
    total = 0.0
    for hits in itertools.product([False, True], repeat=len(DAYS)):
        count = sum(hits)
        chance = math.exp(betaln(a + count, b + len(DAYS) - count) - betaln(a, b))
        total += chance * math.exp(evidence_of(np.array(hits)).now)
    return total


@pytest.mark.parametrize(("rate", "trained_on"), [(0.05, 47), (0.05, 600), (0.01, 47)])
def test_a_bet_on_more_than_the_nominal_rate_is_fair(rate, trained_on):
    weight = trained_on + 1
    mean = expectation(lambda hit: above_rate(DAYS, hit, rate, trained_on), rate * weight, (1 - rate) * weight)
    assert mean == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize(("hits", "before"), [(0, 0), (3, 40), (0, 47), (600, 600)])
def test_a_bet_on_another_share_is_fair(hits, before):
    mean = expectation(lambda hit: another_share(DAYS, hit, hits, before), hits + 0.5, before - hits + 0.5)
    assert mean == pytest.approx(1, abs=1e-10)


def test_a_small_training_can_never_be_shown_to_be_far_off_by_many_patients_alone():
    """One patient in eight is hit where 1 in 20 is nominal: usual for a training of 47, and not for one of 10,000."""
    day, hit = np.arange(4000), np.arange(4000) % 8 == 0
    assert above_rate(day, hit, 0.05, 47).largest < math.log(20)
    assert above_rate(day, hit, 0.05, 10_000).largest > math.log(1000)


def test_fewer_than_the_nominal_rate_is_no_evidence():
    assert above_rate(np.arange(500), np.zeros(500, dtype=bool), 0.05, 600).largest < math.log(1.01)


def test_a_measure_that_is_no_longer_sent_is_noticed_within_days():
    """Missing in 12 of 100 in training and so for a year of one patient a day, then always."""
    day = np.arange(400)
    missing = (day % 8 == 0) | (day >= 365)
    crossed = another_share(day, missing, 12, 100).crossed(math.log(1000))
    assert crossed is not None
    assert 365 < crossed <= 365 + 14


def test_a_share_that_was_never_seen_in_training_and_stays_so_is_no_evidence():
    assert another_share(np.arange(300), np.zeros(300, dtype=bool), 0, 47).largest < math.log(2)


@given(st.permutations(range(8)), st.lists(st.booleans(), min_size=8, max_size=8))
def test_the_order_in_which_patients_are_listed_changes_nothing(order, hits):
    hit, order = np.array(hits), list(order)
    for evidence_of in (lambda d, h: above_rate(d, h, 0.05, 47), lambda d, h: another_share(d, h, 3, 40)):
        assert evidence_of(DAYS, hit).log_e == pytest.approx(evidence_of(DAYS[order], hit[order]).log_e, abs=1e-10)


@given(st.lists(st.booleans(), min_size=8, max_size=8))
def test_calling_the_hit_missed_and_the_missed_hit_changes_nothing(hits):
    hit = np.array(hits)
    assert another_share(DAYS, hit, 3, 40).log_e == pytest.approx(another_share(DAYS, ~hit, 37, 40).log_e, abs=1e-10)
