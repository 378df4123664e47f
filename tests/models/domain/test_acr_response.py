"""ACR20, ACR50, ACR70 and ACR-N on patients worked by hand."""

import math

import numpy as np
import pytest

from acrcast.domain import CoreSet, acr_n, acr_response, relative_improvement

NAN = math.nan


def a_visit(**changed):
    """Ten tender and swollen joints, everything else 50, 1.5 or 40: easy to take 20 % of."""
    values = {
        "tender_joint_count_28": 10,
        "swollen_joint_count_28": 10,
        "pain_mm": 50,
        "patient_global_mm": 50,
        "physician_global_mm": 50,
        "haq_di": 1.5,
        "esr_mm_per_h": 40,
        "crp_mg_per_l": 40,
    } | changed
    return CoreSet(**{name: [value] for name, value in values.items()})


def a_visit_exactly_20_percent_better(**changed):
    better = {
        "tender_joint_count_28": 8,
        "swollen_joint_count_28": 8,
        "pain_mm": 40,
        "patient_global_mm": 40,
        "physician_global_mm": 40,
        "haq_di": 1.2,
        "esr_mm_per_h": 32,
        "crp_mg_per_l": 32,
    }
    return a_visit(**(better | changed))


@pytest.mark.parametrize(
    ("baseline", "follow_up", "percent"),
    [
        (10, 8, 20.0),
        (25, 20, 20.0),
        (1.5, 1.2, 20.0),
        (0.5, 0.4, 20.0),
        (0.375, 0.3, 20.0),
        (2.125, 1.7, 20.0),
        (0.3, 0.15, 50.0),
        (1.3, 0.39, 70.0),
        (28, 0, 100.0),
        (28, 28, 0.0),
        (10, 15, -50.0),
        (10, 40, -300.0),
    ],
)
def test_improvement_is_the_percentage_of_the_baseline_without_floating_point_noise(baseline, follow_up, percent):
    assert relative_improvement(baseline, follow_up) == percent


def test_a_zero_baseline_that_stays_zero_is_no_improvement_and_one_that_rises_is_worsening():
    assert relative_improvement([0, 0], [0, 1]).tolist() == [0.0, -math.inf]


def test_improvement_is_missing_where_either_visit_is_missing():
    assert np.isnan(relative_improvement([NAN, 10, NAN, 0], [10, NAN, NAN, NAN])).all()


def test_improvement_from_a_baseline_too_small_to_divide_by_is_minus_infinity_without_a_warning():
    assert relative_improvement(5e-324, 100) == -math.inf
    assert relative_improvement(1e-300, 100) == -math.inf


def test_exactly_20_percent_in_everything_is_an_acr20_and_no_acr50():
    baseline, follow_up = a_visit(), a_visit_exactly_20_percent_better()
    assert acr_response(baseline, follow_up).tolist() == [True]
    assert acr_response(baseline, follow_up, level=50).tolist() == [False]
    assert acr_n(baseline, follow_up).tolist() == [20.0]


@pytest.mark.parametrize(
    "just_short",
    [
        {"tender_joint_count_28": 9},
        {"swollen_joint_count_28": 9},
        {"pain_mm": 41, "patient_global_mm": 41, "physician_global_mm": 41},
        {"haq_di": 1.25, "esr_mm_per_h": 33, "pain_mm": 41},
        {"pain_mm": 40.001, "patient_global_mm": 40.001, "physician_global_mm": 40.001},
    ],
)
def test_short_of_20_percent_in_a_joint_count_or_in_three_of_the_five_is_no_response(just_short):
    assert acr_response(a_visit(), a_visit_exactly_20_percent_better(**just_short)).tolist() == [False]


@pytest.mark.parametrize(
    "two_unimproved",
    [
        {"pain_mm": 100, "patient_global_mm": 100},
        {"physician_global_mm": 50, "haq_di": 3},
        {"haq_di": 1.5, "esr_mm_per_h": 140},
    ],
)
def test_any_three_of_the_five_are_enough_however_bad_the_other_two(two_unimproved):
    assert acr_response(a_visit(), a_visit_exactly_20_percent_better(**two_unimproved)).tolist() == [True]


def test_exactly_50_and_exactly_70_percent_count_for_acr50_and_acr70():
    half = a_visit(
        tender_joint_count_28=5, swollen_joint_count_28=5, pain_mm=25, patient_global_mm=25, physician_global_mm=25
    )
    seventy = a_visit(
        tender_joint_count_28=3, swollen_joint_count_28=3, pain_mm=15, haq_di=0.45, esr_mm_per_h=12, crp_mg_per_l=12
    )
    assert acr_response(a_visit(), half, level=50).tolist() == [True]
    assert acr_response(a_visit(), half, level=70).tolist() == [False]
    assert acr_response(a_visit(), seventy, level=70).tolist() == [True]


def test_28_joints_that_all_settle_are_an_improvement_of_all_of_them():
    baseline = a_visit(tender_joint_count_28=28, swollen_joint_count_28=28)
    follow_up = a_visit(
        tender_joint_count_28=0, swollen_joint_count_28=0, pain_mm=0, patient_global_mm=0, physician_global_mm=0
    )
    assert acr_response(baseline, follow_up, level=70).tolist() == [True]
    assert acr_n(baseline, follow_up).tolist() == [100.0]


def test_without_a_swollen_joint_at_baseline_nobody_responds():
    baseline = a_visit(swollen_joint_count_28=0)
    assert acr_response(baseline, a_visit_exactly_20_percent_better(swollen_joint_count_28=0)).tolist() == [False]
    assert acr_response(baseline, a_visit_exactly_20_percent_better(swollen_joint_count_28=1)).tolist() == [False]
    assert acr_n(baseline, a_visit_exactly_20_percent_better(swollen_joint_count_28=0)).tolist() == [0.0]
    assert acr_n(baseline, a_visit_exactly_20_percent_better(swollen_joint_count_28=1)).tolist() == [-math.inf]


def test_the_acute_phase_reactant_is_the_one_that_was_chosen():
    baseline = a_visit()
    follow_up = a_visit_exactly_20_percent_better(pain_mm=50, patient_global_mm=50, crp_mg_per_l=40)
    assert acr_response(baseline, follow_up, acute_phase="esr").tolist() == [True]
    assert acr_response(baseline, follow_up, acute_phase="crp").tolist() == [False]
    assert acr_n(baseline, follow_up, acute_phase="crp").tolist() == [0.0]


@pytest.mark.parametrize("count", ["tender_joint_count_28", "swollen_joint_count_28"])
def test_without_a_joint_count_at_either_visit_there_is_no_response_and_no_acr_n(count):
    for baseline, follow_up in (
        (a_visit(**{count: NAN}), a_visit_exactly_20_percent_better()),
        (a_visit(), a_visit_exactly_20_percent_better(**{count: NAN})),
    ):
        assert acr_response(baseline, follow_up).tolist() == [False]
        assert np.isnan(acr_n(baseline, follow_up)).tolist() == [True]


def test_two_of_the_five_may_be_missing_and_count_as_not_improved():
    baseline = a_visit()
    two_missing = a_visit_exactly_20_percent_better(pain_mm=NAN, haq_di=NAN)
    assert acr_response(baseline, two_missing).tolist() == [True]
    assert acr_n(baseline, two_missing).tolist() == [20.0]
    one_missing_two_unimproved = a_visit_exactly_20_percent_better(pain_mm=NAN, haq_di=1.5, esr_mm_per_h=50)
    assert acr_response(baseline, one_missing_two_unimproved).tolist() == [False]
    assert acr_n(baseline, one_missing_two_unimproved).tolist() == [0.0]


def test_with_three_of_the_five_missing_there_is_no_response_and_no_acr_n():
    three_missing = a_visit_exactly_20_percent_better(pain_mm=NAN, haq_di=NAN, esr_mm_per_h=NAN)
    assert acr_response(a_visit(), three_missing).tolist() == [False]
    assert np.isnan(acr_n(a_visit(), three_missing)).tolist() == [True]


def test_a_patient_without_a_follow_up_visit_is_a_non_responder():
    no_visit = CoreSet(*[np.array([NAN])] * 8)
    assert acr_response(a_visit(), no_visit).tolist() == [False]
    assert acr_response(no_visit, a_visit()).tolist() == [False]
    assert np.isnan(acr_n(a_visit(), no_visit)).tolist() == [True]


def test_acr_n_is_the_smallest_of_tender_and_swollen_and_the_third_best_of_five():
    follow_up = a_visit(
        tender_joint_count_28=3,  # 70 %
        swollen_joint_count_28=4,  # 60 %
        pain_mm=5,  # 90 %
        patient_global_mm=10,  # 80 %
        physician_global_mm=27,  # 46 %, the third best
        haq_di=1.5,  # 0 %
        esr_mm_per_h=60,  # -50 %
    )
    assert acr_n(a_visit(), follow_up).tolist() == [46.0]
    assert acr_n(a_visit(), a_visit(tender_joint_count_28=15)).tolist() == [-50.0]


@pytest.mark.parametrize("level", [0, -20, 100.1, NAN])
def test_a_level_that_is_no_improvement_is_refused(level):
    with pytest.raises(ValueError, match="level: expected a percentage above 0"):
        acr_response(a_visit(), a_visit(), level=level)


def test_a_reactant_other_than_esr_or_crp_is_refused():
    with pytest.raises(ValueError, match="expected 'esr' or 'crp'"):
        acr_response(a_visit(), a_visit(), acute_phase="ESR")


def test_visits_of_different_patients_are_refused():
    two = CoreSet(*[np.array([1.0, 2.0])] * 8)
    with pytest.raises(ValueError, match="same patients in the same order; found 1 and 2"):
        acr_response(a_visit(), two)


def test_no_patients_give_no_responses():
    nobody = CoreSet(*[np.array([])] * 8)
    assert acr_response(nobody, nobody).shape == (0,)
    assert acr_n(nobody, nobody).shape == (0,)
