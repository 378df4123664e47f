"""DAS28 of public implementations, of hand-worked patients, and its categories."""

import math

import numpy as np
import pytest

from acrcast.domain import Activity, das28_activity, das28_crp, das28_crp_3, das28_esr, das28_esr_3

NAN = math.nan
ESR_INPUTS = ["tender_joint_count_28", "swollen_joint_count_28", "esr_mm_per_h", "patient_global_mm"]
CRP_INPUTS = ["tender_joint_count_28", "swollen_joint_count_28", "crp_mg_per_l", "patient_global_mm"]


@pytest.mark.parametrize(("values", "score"), [((4, 5, 7, 50), 3.81), ((5, 6, 8, 51), 4.11)])
def test_das28_esr_agrees_with_public_implementations(values, score):
    assert das28_esr(**dict(zip(ESR_INPUTS, values, strict=True))) == pytest.approx(score, abs=0.005)


@pytest.mark.parametrize(("values", "score"), [((4, 5, 7, 50), 4.15), ((5, 6, 8, 51), 4.40)])
def test_das28_crp_agrees_with_public_implementations(values, score):
    assert das28_crp(**dict(zip(CRP_INPUTS, values, strict=True))) == pytest.approx(score, abs=0.005)


def test_three_variable_forms_agree_with_hand_worked_values():
    # .56 * 2 + .28 * 3 = 1.96; ln 20 = 2.995732, so (1.96 + 2.097013) 1.08 + .16 = 4.541574
    assert das28_esr_3(tender_joint_count_28=4, swollen_joint_count_28=9, esr_mm_per_h=20) == pytest.approx(
        4.541574, abs=1e-6
    )
    # .36 ln 20 = 1.078464, so (1.96 + 1.078464) 1.10 + 1.15 = 4.492310
    assert das28_crp_3(tender_joint_count_28=4, swollen_joint_count_28=9, crp_mg_per_l=19) == pytest.approx(
        4.492310, abs=1e-6
    )


def test_28_tender_and_swollen_joints_give_the_highest_score_of_the_joints():
    # (.56 + .28) sqrt 28 = .84 * 5.291503 = 4.444862; an ESR of 1 and a global of 0 add nothing
    assert das28_esr(
        tender_joint_count_28=28, swollen_joint_count_28=28, esr_mm_per_h=1, patient_global_mm=0
    ) == pytest.approx(4.444862, abs=1e-6)


@pytest.mark.parametrize("esr_mm_per_h", [0, 0.5, 1])
def test_an_esr_below_1_is_taken_as_1(esr_mm_per_h):
    no_joints = {"tender_joint_count_28": 0, "swollen_joint_count_28": 0}
    four = das28_esr(**no_joints, esr_mm_per_h=esr_mm_per_h, patient_global_mm=100)
    assert four == pytest.approx(1.4)
    assert das28_esr_3(**no_joints, esr_mm_per_h=esr_mm_per_h) == 0.16


def test_a_crp_of_0_leaves_the_constant():
    no_joints = {"tender_joint_count_28": 0, "swollen_joint_count_28": 0}
    assert das28_crp(**no_joints, crp_mg_per_l=0, patient_global_mm=0) == 0.96
    assert das28_crp_3(**no_joints, crp_mg_per_l=0) == 1.15


@pytest.mark.parametrize(
    ("formula", "inputs"),
    [(das28_esr, ESR_INPUTS), (das28_crp, CRP_INPUTS), (das28_esr_3, ESR_INPUTS[:3]), (das28_crp_3, CRP_INPUTS[:3])],
)
def test_any_missing_input_makes_the_score_missing_and_a_negative_one_is_refused_by_name(formula, inputs):
    for name in inputs:
        complete = dict.fromkeys(inputs, 5.0)
        assert np.isnan(formula(**(complete | {name: NAN})))
        with pytest.raises(ValueError, match=name):
            formula(**(complete | {name: -1}))


def test_only_the_patient_with_a_missing_input_is_missing():
    scores = das28_esr(
        tender_joint_count_28=[4, 5],
        swollen_joint_count_28=[5, 6],
        esr_mm_per_h=[7, NAN],
        patient_global_mm=[50, 51],
    )
    assert np.isnan(scores).tolist() == [False, True]


@pytest.mark.parametrize(
    ("score", "category"),
    [
        (0.0, Activity.REMISSION),
        (2.59, Activity.REMISSION),
        (2.5999999999999996, Activity.LOW),
        (2.6, Activity.LOW),
        (3.2, Activity.LOW),
        (3.2000000000000006, Activity.LOW),
        (3.21, Activity.MODERATE),
        (5.1, Activity.MODERATE),
        (5.11, Activity.HIGH),
        (9.4, Activity.HIGH),
    ],
)
def test_das28_categories_divide_at_their_cut_offs(score, category):
    assert das28_activity(score) == category


def test_a_missing_score_has_a_missing_category():
    codes = das28_activity([NAN, 5.0])
    assert np.isnan(codes).tolist() == [True, False]
    assert (codes == Activity.REMISSION).tolist() == [False, False]
    assert Activity(int(codes[1])) is Activity.MODERATE
