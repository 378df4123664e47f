"""From raw covariates to columns, standardised columns and the design."""

from dataclasses import replace

import numpy as np
import pytest

from acrcast.contract import Covariates, Undetectable
from acrcast.estimators.design import CONTROL, TREATED, Standardisation, Terms, columns_of, on_scale

NAN = np.nan


def test_a_category_has_an_indicator_for_each_level_but_the_first(one_arm):
    assert [column.name for column in columns_of(one_arm.contract)] == [
        "age_years",
        "stage=II",
        "stage=III",
        "marker_ng_per_ml",
        "relapsed",
    ]


def test_values_come_on_the_scale_of_their_measure(one_arm):
    covariates = Covariates.of_columns(
        one_arm.contract,
        {
            "age_years": [60, 41, 55],
            "stage": ["I", "III", "II"],
            "marker_ng_per_ml": [0, None, 99],
            "relapsed": [True, None, False],
        },
        3,
    )
    scaled, below = on_scale(columns_of(one_arm.contract), covariates)
    expected = [[60, 0, 0, 0, 1], [41, 0, 1, NAN, NAN], [55, 1, 0, np.log(100), 0]]
    np.testing.assert_allclose(scaled, expected, rtol=0, atol=1e-15)
    assert not below.any()


def test_joint_counts_come_as_square_roots_and_an_undetectable_result_as_its_limit(covariates_of, ld_il2, a_patient):
    covariates = covariates_of(
        a_patient(tender_joint_count_28=16, il21_pg_per_ml=Undetectable(comparator="<", value=3.0).model_dump())
    )
    columns = columns_of(ld_il2.contract)
    scaled, below = on_scale(columns, covariates)
    at = {column.name: j for j, column in enumerate(columns)}
    assert scaled[0, at["tender_joint_count_28"]] == 4
    assert scaled[0, at["il21_pg_per_ml"]] == pytest.approx(np.log(4))
    assert below[0].sum() == 1
    assert below[0, at["il21_pg_per_ml"]]


def test_terms_of_two_arms(auranofin):
    terms = Terms.of(auranofin)
    assert terms.names == (
        "intercept",
        "arm",
        "age_years",
        "sex_code=2",
        "self_assessment",
        "arm x self_assessment",
    )
    assert terms.small_terms() == (0, 1, 4, 5)


def test_terms_of_one_arm(one_arm):
    terms = Terms.of(one_arm)
    assert terms.names == ("intercept", "age_years", "stage=II", "stage=III", "marker_ng_per_ml", "relapsed")
    assert terms.small_terms() == (0, 1, 4)


def test_the_design_crosses_arm_and_modifier(auranofin):
    X = Terms.of(auranofin).matrix(np.array([CONTROL, TREATED]), np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    np.testing.assert_array_equal(X, [[1, -0.5, 1, 2, 3, -1.5], [1, 0.5, 4, 5, 6, 3]])


def test_a_design_of_one_arm_has_neither_arm_nor_crossing(one_arm):
    X = Terms.of(one_arm).matrix(TREATED, np.ones((2, 5)))
    np.testing.assert_array_equal(X, np.ones((2, 6)))


def test_designs_of_many_resamples_are_stacked(auranofin):
    Z = np.random.default_rng(0).standard_normal((3, 4, 3))
    arm = np.array([CONTROL, TREATED, CONTROL, TREATED])
    terms = Terms.of(auranofin)
    X = terms.matrix(arm, Z)
    for b in range(3):
        np.testing.assert_array_equal(X[b], terms.matrix(arm, Z[b]))


def test_standardised_columns_have_mean_0_and_population_sd_1():
    scaled = np.array([[1.0, 10], [2, 20], [3, NAN], [6, 60]])
    Z = Standardisation.fit(scaled, np.ones(4)).apply(scaled)
    np.testing.assert_allclose(np.nanmean(Z, axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(np.nanstd(Z, axis=0), 1, rtol=1e-12)


def test_a_weight_counts_as_that_many_patients():
    scaled = np.array([[1.0], [2], [6], [100]])
    weighted = Standardisation.fit(scaled, np.array([2.0, 1, 3, 0]))
    replicated = Standardisation.fit(np.array([[1.0], [1], [2], [6], [6], [6]]), np.ones(6))
    np.testing.assert_allclose([weighted.mean, weighted.sd], [replicated.mean, replicated.sd], rtol=1e-12)


@pytest.mark.parametrize("column", [[3.7, 3.7, 3.7], [NAN, NAN, NAN], [0.1 + 0.2, 0.3, 0.3]])
def test_a_constant_or_missing_column_becomes_zeros_whatever_a_patient_brings(column):
    standardisation = Standardisation.fit(np.array([column]).T, np.ones(3))
    np.testing.assert_array_equal(standardisation.apply(np.array([[5.0], [-5.0]])), 0)


def test_what_was_constant_in_training_stays_missing_where_it_is_missing():
    standardisation = Standardisation.fit(np.array([[1.0], [1.0]]), np.ones(2))
    assert np.isnan(standardisation.apply(np.array([[NAN]]))).all()


def test_a_small_spread_on_a_small_scale_is_not_taken_for_none():
    Z = Standardisation.fit(np.array([[1e-9], [2e-9], [3e-9]]), np.ones(3)).apply(np.array([[3e-9]]))
    assert Z[0, 0] == pytest.approx(1.2247448713915890)


def test_units_do_not_matter_on_a_linear_scale(a_trial, auranofin):
    trial = a_trial(auranofin, 30)
    in_months = trial.with_values("age_years", trial.covariates.values[:, 0] * 12)
    standardised = []
    for chosen in (trial, in_months):
        scaled = chosen.rows.scaled
        standardised.append(Standardisation.fit(scaled, np.ones(30)).apply(scaled))
    np.testing.assert_allclose(standardised[0], standardised[1], rtol=0, atol=1e-12)


def test_a_study_without_named_measures_has_only_arm_and_intercept_in_its_small_set(auranofin):
    plain = replace(auranofin, effect_modifiers=(), prespecified=())
    assert Terms.of(plain).small_terms() == (0, 1)
