"""CDAI and SDAI of public implementations, their units, and their categories."""

import math

import numpy as np
import pytest

from acrcast.domain import Activity, cdai, cdai_activity, sdai, sdai_activity

NAN = math.nan


def test_cdai_agrees_with_a_public_implementation():
    # Globals of 5 and 6 on 0-10
    assert cdai(tender_joint_count_28=4, swollen_joint_count_28=5, patient_global_mm=50, physician_global_mm=60) == 20


def test_sdai_agrees_with_a_public_implementation():
    # The same patient with a CRP of 7 mg/dL
    assert (
        sdai(
            tender_joint_count_28=4,
            swollen_joint_count_28=5,
            patient_global_mm=50,
            physician_global_mm=60,
            crp_mg_per_l=70,
        )
        == 27
    )


def test_28_joints_and_full_scales_give_a_cdai_of_76():
    assert (
        cdai(tender_joint_count_28=28, swollen_joint_count_28=28, patient_global_mm=100, physician_global_mm=100) == 76
    )


def test_any_missing_input_makes_the_index_missing_and_a_negative_one_is_refused_by_name():
    complete = {
        "tender_joint_count_28": 4,
        "swollen_joint_count_28": 5,
        "patient_global_mm": 50,
        "physician_global_mm": 60,
        "crp_mg_per_l": 7,
    }
    for name in complete:
        assert np.isnan(sdai(**(complete | {name: NAN})))
        with pytest.raises(ValueError, match=name):
            sdai(**(complete | {name: -1}))
    del complete["crp_mg_per_l"]
    for name in complete:
        assert np.isnan(cdai(**(complete | {name: NAN})))


@pytest.mark.parametrize(
    ("tender", "swollen", "patient_global", "physician_global"),
    [(1, 1, 7, 1), (0, 0, 14, 14), (1, 0, 17, 1), (0, 2, 3, 5)],
)
def test_every_sum_of_2_8_is_cdai_remission(tender, swollen, patient_global, physician_global):
    score = cdai(
        tender_joint_count_28=tender,
        swollen_joint_count_28=swollen,
        patient_global_mm=patient_global,
        physician_global_mm=physician_global,
    )
    assert cdai_activity(score) == Activity.REMISSION


@pytest.mark.parametrize(
    ("score", "category"),
    [
        (0, Activity.REMISSION),
        (2.8, Activity.REMISSION),
        (2.9, Activity.LOW),
        (10, Activity.LOW),
        (10.1, Activity.MODERATE),
        (22, Activity.MODERATE),
        (22.1, Activity.HIGH),
    ],
)
def test_cdai_categories_include_their_cut_offs(score, category):
    assert cdai_activity(score) == category


@pytest.mark.parametrize(
    ("score", "category"),
    [
        (0, Activity.REMISSION),
        (3.3, Activity.REMISSION),
        (3.4, Activity.LOW),
        (11, Activity.LOW),
        (11.1, Activity.MODERATE),
        (26, Activity.MODERATE),
        (26.1, Activity.HIGH),
    ],
)
def test_sdai_categories_include_their_cut_offs(score, category):
    assert sdai_activity(score) == category


def test_a_missing_index_has_a_missing_category():
    assert np.isnan(cdai_activity([NAN, 5])).tolist() == [True, False]
    assert np.isnan(sdai_activity([NAN, 5])).tolist() == [True, False]
