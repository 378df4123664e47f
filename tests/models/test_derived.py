"""Activity scores that follow from a patient's own measures."""

from inspect import signature

import numpy as np
import pytest

from acrcast.derived import FORMULAS, scores_of


def derived_scores(covariates):
    """(n,) scores by name."""
    known = np.where(covariates.below, np.nan, covariates.values)
    scores = scores_of(covariates.contract.names)
    return {score.name: score.of(*(known[:, j] for j in score.positions)) for score in scores}


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


def test_a_score_of_one_patients_plain_numbers_is_that_of_columns(covariates_of, a_patient):
    covariates = covariates_of(a_patient(esr_mm_per_h=0.5), a_patient())
    columns = derived_scores(covariates)
    for i in range(2):
        for score in scores_of(covariates.contract.names):
            alone = score.of(*(float(covariates.values[i, j]) for j in score.positions))
            assert alone == pytest.approx(columns[score.name][i], abs=1e-12)


@pytest.mark.parametrize(("name", "formula"), FORMULAS.items())
def test_both_forms_of_a_formula_take_the_same_components_in_the_same_order(name, formula):
    checked, plain = formula
    components = list(signature(checked).parameters)
    for k, component in enumerate(components):
        values = [3.0 * (k == j) for j in range(len(components))]
        assert plain(*values) == checked(**dict(zip(components, values, strict=True))), (name, component)
