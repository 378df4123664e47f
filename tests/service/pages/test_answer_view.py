"""A prediction in whole people of a hundred."""

from dataclasses import replace

import pytest

from acrcast.prediction import ArmRisk, Benefit, Contribution, MissingMeasure, ModelIdentity, Prediction, Support
from acrcast.studies import load_study
from acrcast_service.pages.answer_view import answer_view

STUDY = load_study("ld-il2-ra")


def prediction(**changed):
    found = Prediction(
        prediction_id="x",
        study=STUDY.key,
        endpoint=STUDY.endpoint.title,
        model=ModelIdentity("m", "1", "sha256:0", "simulated"),
        control=ArmRisk("placebo+mtx", 0.516, (0.41, 0.63), 0.53, (0.47, 0.58)),
        treated=ArmRisk("ld-il2+mtx", 0.714, (0.58, 0.82), 0.52, (0.47, 0.58)),
        benefit=Benefit(0.198, (0.02, 0.35), 0.97),
        level=0.95,
        estimate_conditions_on="",
        derived={},
        explanation_scale="log-odds",
        explanation_baseline=0.0,
        explanation_control_baseline=0.0,
        explanation=(
            Contribution("crp_mg_per_l", "CRP", -0.4, 0.1),
            Contribution(None, "rest", 0.2, 0.2),
        ),  # own home: made up
        support=Support("inside", ()),
        missing=(),
        cautions=(),
        intended_use="",
    )
    return replace(found, **changed)


def test_risks_and_intervals_are_people_of_a_hundred_the_treated_arm_first():
    treated, control = answer_view(prediction(), STUDY).arms
    assert (treated.key, treated.risk.count, treated.risk.low, treated.risk.high) == ("ld-il2+mtx", 71, 58, 82)
    assert (control.key, control.risk.count, control.average.count) == ("placebo+mtx", 52, 53)
    assert treated.title == "Low-dose IL-2 with methotrexate"


def test_the_difference_is_that_of_the_two_counts_that_are_shown():
    """0.714 less 0.516 is 0.198, which would be 20; but 71 and 52 people differ by 19."""
    more = answer_view(prediction(), STUDY).benefit.more
    assert (more.count, more.low, more.high) == (19, 2, 35)


@pytest.mark.parametrize(
    ("interval", "clear"), [((0.02, 0.35), True), ((0.004, 0.3), False), ((-0.2, -0.01), True), ((-0.1, 0.1), False)]
)
def test_a_difference_is_clear_when_its_interval_in_people_leaves_out_none(interval, clear):
    assert answer_view(prediction(benefit=Benefit(0.1, interval, 0.9)), STUDY).benefit.is_clear is clear


@pytest.mark.parametrize(("probability", "bound"), [(0.004, "few"), (0.996, "most"), (0.5, "")])
def test_nobody_and_everybody_are_bounds_and_no_counts(probability, bound):
    arm = ArmRisk("ld-il2+mtx", probability, (0.0, 1.0), 0.5, (0.4, 0.6))
    view = answer_view(prediction(treated=arm, benefit=Benefit(0.1, (-0.1, 0.3), probability)), STUDY)
    assert view.arms[0].risk.bound == bound
    assert view.benefit.positive.bound == bound


def test_parts_are_shares_of_the_largest_in_either_arm():
    crp, rest = answer_view(prediction(), STUDY).parts
    assert (crp.treated, crp.control, rest.treated) == (-100, 25, 50)


def test_a_measure_is_worth_showing_when_its_narrowing_can_be_seen():
    missing = (
        MissingMeasure("haq_di", "HAQ", 0.30, 0.24),
        MissingMeasure("pain_mm", "Pain", 0.30, 0.298),
    )  # own home: made up
    found = answer_view(prediction(missing=missing), STUDY).narrowings
    assert [(measure.label, measure.now, measure.then) for measure in found] == [("HAQ", 30, 24)]


def test_one_arm_has_no_difference():
    view = answer_view(prediction(control=None, benefit=None), STUDY)
    assert len(view.arms) == 1
    assert view.benefit is None


def test_without_an_explanation_it_is_no_prediction_for_a_patient():
    assert not answer_view(prediction(explanation=()), STUDY).is_individual
