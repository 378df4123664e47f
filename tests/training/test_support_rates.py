"""How often simulated patients are called inside, at the edge or outside: the rates that docs/support.md promises."""

import numpy as np
import pytest

from acrcast.support import EDGE_RATE, OUTSIDE_RATE
from acrcast_training.support_rates import (
    NEW_PATIENTS,
    contradicting,
    never_seen,
    new_patients,
    one_measure_far_off,
    rates,
    train,
)

SEED = 20


def standard_error(shares, rate):
    """Of the mean over trials: that of the binomial of all patients, and that of the trials, which differ."""
    binomial = rate * (1 - rate) / (NEW_PATIENTS * len(shares))
    return np.sqrt(binomial + shares.var(ddof=1) / len(shares))


@pytest.mark.parametrize(("patients", "trials"), [(47, 60), (240, 16)])
def test_new_patients_of_the_same_population_are_rarely_not_inside(patients, trials):
    found = rates(patients, trials, new_patients, seed=SEED)
    assert abs(found.beyond.mean() - EDGE_RATE) < 3 * standard_error(found.beyond, EDGE_RATE)
    assert found.outside.mean() < OUTSIDE_RATE + 3 * standard_error(found.outside, OUTSIDE_RATE)


@pytest.mark.slow
@pytest.mark.parametrize(("patients", "trials"), [(47, 400), (120, 200), (240, 100), (600, 50)])
def test_the_rates_hold_at_every_size_of_trial(patients, trials):
    found = rates(patients, trials, new_patients, seed=SEED)
    edge, outside = standard_error(found.beyond, EDGE_RATE), standard_error(found.outside, OUTSIDE_RATE)
    # never far more than promised; fewer in large trials, down to three fifths
    assert 0.6 * EDGE_RATE - 3 * edge < found.beyond.mean() < EDGE_RATE + 3 * edge
    assert 0.3 * OUTSIDE_RATE - 3 * outside < found.outside.mean() < OUTSIDE_RATE + 3 * outside


@pytest.mark.parametrize(("patients", "trials", "fewest"), [(47, 20, 0.5), (240, 8, 0.85)])
def test_a_patient_with_one_measure_4_sd_away_is_not_inside_and_mostly_outside(patients, trials, fewest):
    found = rates(patients, trials, one_measure_far_off, seed=SEED)
    assert found.beyond.mean() > 0.9
    assert found.outside.mean() > fewest


@pytest.mark.parametrize(("patients", "trials", "fewest"), [(47, 20, 3), (240, 8, 8)])
def test_contradicting_measures_are_noticed_several_times_as_often_as_nothing(patients, trials, fewest):
    found = rates(patients, trials, contradicting, seed=SEED)
    assert found.beyond.mean() > fewest * EDGE_RATE


def test_each_contradicting_measure_is_within_the_range_of_the_trial():
    trained = train(47, SEED, 0)
    excess = trained.judge.excess(contradicting(trained))
    changed = [f.name for f in trained.covariates.contract.covariates].index("pain_mm")
    assert (excess[:, changed] == 0).all()


def test_a_level_that_nobody_in_the_trial_had_is_always_outside():
    assert (rates(120, 4, never_seen, seed=SEED).outside == 1).all()
