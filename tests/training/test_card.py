"""What the model card warns of and assumes, by what was chosen."""

import pytest

from acrcast.validation.performance import Estimate
from acrcast.validation.sample_size import development_size
from acrcast_training.card import NOT_VALIDATED, TREES_COVERAGE, cautions
from acrcast_training.select import CandidateResult, Comparison

NEEDED = development_size(0.288, 24, 0.174)  # 662 patients: Riley 2020


def a_comparison(chosen, low=0.01):
    figure = Estimate(0.6, 0.5, 0.7)
    result = CandidateResult(chosen, figure, Estimate(0.02, low, 0.03), 0.2, figure, figure, figure)
    return Comparison((result,), chosen, folds=10, repeats=5)


def test_that_nobody_else_has_validated_it_is_always_said():
    assert cautions(a_comparison("hierarchical"), NEEDED, 662) == [NOT_VALIDATED]


def test_too_few_patients_are_counted():
    found = cautions(a_comparison("hierarchical"), NEEDED, 661)
    assert found[1:] == ["Trained on 661 patients, where a model of all measures needs about 662."]


def test_a_gain_that_may_be_none_is_said():
    found = cautions(a_comparison("hierarchical", low=0.0), NEEDED, 700)
    assert found[1:] == ["The data cannot rule out that quoting the arm's response rate does as well."]


def test_the_response_rate_as_champion_is_said_to_be_that():
    found = cautions(a_comparison("prevalence", low=0.0), NEEDED, 700)
    assert found[1:] == ["No evidence for individual prediction: the probability is the arm's response rate."]


@pytest.mark.parametrize(("chosen", "warned"), [("xgboost", True), ("hierarchical", False), ("prevalence", False)])
def test_boosted_trees_alone_carry_what_their_intervals_were_measured_to_cover(chosen, warned):
    assert (TREES_COVERAGE in cautions(a_comparison(chosen), NEEDED, 700)) == warned
