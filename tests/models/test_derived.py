"""Activity scores that follow from a patient's own measures."""

import numpy as np
import pytest

from acrcast.derived import derived_scores

NAN = np.nan


def test_all_four_scores_follow_from_a_complete_patient(covariates_of, a_patient):
    scores = derived_scores(
        covariates_of(
            a_patient(
                tender_joint_count_28=4,
                swollen_joint_count_28=5,
                esr_mm_per_h=7,
                crp_mg_per_l=7,
                patient_global_mm=50,
                physician_global_mm=60,
            )
        )
    )
    assert list(scores) == ["das28_esr", "das28_crp", "cdai", "sdai"]
    assert scores["das28_esr"][0] == pytest.approx(3.81, abs=0.005)
    assert scores["das28_crp"][0] == pytest.approx(4.15, abs=0.005)
    assert scores["cdai"][0] == pytest.approx(20)
    assert scores["sdai"][0] == pytest.approx(20.7)  # CRP 7 mg/L is 0.7 mg/dL


def test_a_score_whose_component_is_missing_is_missing_and_the_others_are_not(covariates_of, a_patient):
    scores = derived_scores(covariates_of(a_patient(esr_mm_per_h=None), a_patient(physician_global_mm=None)))
    assert np.isnan(scores["das28_esr"]).tolist() == [True, False]
    assert np.isnan(scores["das28_crp"]).tolist() == [False, False]
    assert np.isnan(scores["cdai"]).tolist() == [False, True]


def test_a_study_that_measures_none_of_the_components_has_no_scores(a_trial, auranofin, one_arm):
    assert derived_scores(a_trial(auranofin, 5).covariates) == {}
    assert derived_scores(a_trial(one_arm, 5).covariates) == {}
