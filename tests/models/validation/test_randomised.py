"""Scores of randomised patients, and what is no trial of two arms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acrcast.validation.randomised import NotApplicable, Randomised, two_arms


def test_scores_by_hand(four_patients):
    control, treated = four_patients.arm_scores()
    assert control.tolist() == [[0.5, -0.5, 0.5, 1.5]]
    assert treated.tolist() == [[1.5, 0.5, -0.5, 0.5]]
    assert four_patients.benefit == pytest.approx([0.4, 0.3, 0.2, 0.1])


def test_allocation_may_differ_by_stratum():
    y = np.array([1.0, 1.0, 0.0, 0.0])
    treated = np.array([True, True, True, False])
    patients = Randomised(y, treated, y, y, np.array([0.5, 0.8, 0.8, 0.5]))
    # the treated stand for 2, 1.25 and 1.25 patients: rate 3.25 / 4.5 = 13/18; scores 13/18 + 2 x 5/18 and so on
    scores = patients.arm_scores()[1][0]
    assert scores == pytest.approx([23 / 18, 13 / 18 + 1.25 * 5 / 18, 13 / 18 - 1.25 * 13 / 18, 13 / 18])
    assert scores.mean() == pytest.approx(13 / 18)


@pytest.mark.parametrize("allocation", [0.0, 1.0, 1.5, np.array([0.5, 0.5, 0.0, 0.5])])
def test_an_allocation_that_is_no_chance_is_refused(four_patients, allocation):
    risk = four_patients.control_risk
    with pytest.raises(ValueError, match="above 0 and below 1"):
        Randomised(four_patients.y, four_patients.treated, risk, risk, allocation)


@pytest.mark.parametrize("treated", [[True] * 3, [False] * 3])
def test_one_arm_is_not_applicable(treated):
    y = np.array([1.0, 0.0, 1.0])
    found = two_arms(y, np.array(treated), y, y)
    assert found == NotApplicable("one arm only: a benefit is a difference between two")
    with pytest.raises(ValueError, match="both arms"):
        Randomised(y, np.array(treated), y, y)


def test_a_study_without_control_is_not_applicable():
    y = np.array([1.0, 0.0])
    assert isinstance(two_arms(y, np.array([True, False]), None, y), NotApplicable)


def test_two_arms_are_taken_as_they_are(four_patients):
    p = four_patients
    assert two_arms(p.y, p.treated, p.control_risk, p.treated_risk, 0.4) == Randomised(
        p.y, p.treated, p.control_risk, p.treated_risk, 0.4
    )


@given(st.integers(0, 1000), st.floats(0.1, 0.9))
def test_over_everybody_the_scores_average_to_the_arms_own_rates(a_randomised_trial, seed, allocation):
    trial = a_randomised_trial(seed, allocation=allocation)
    control, treated = trial.arm_scores()
    assert control.mean() == pytest.approx(trial.y[~trial.treated].mean())
    assert treated.mean() == pytest.approx(trial.y[trial.treated].mean())
