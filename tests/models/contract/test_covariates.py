"""Patients as arrays."""

import numpy as np

from acrcast.contract import Covariates, Undetectable

NAN = np.nan


def test_patients_become_rows_in_the_order_of_the_contract(covariates_of, a_patient):
    covariates = covariates_of(
        a_patient(sex="male", rf_positive=False, crp_mg_per_l=None),
        a_patient(il21_pg_per_ml={"comparator": "<", "value": 3.9}, treg_gating=None),
    )
    at = {field.name: j for j, field in enumerate(covariates.contract.covariates)}
    assert len(covariates) == 2
    assert covariates.values[0, at["sex"]] == 1  # the second of female, male
    assert covariates.values[0, at["rf_positive"]] == 0
    assert np.isnan(covariates.values[0, at["crp_mg_per_l"]])
    assert covariates.values[1, at["il21_pg_per_ml"]] == 3.9
    np.testing.assert_array_equal(np.argwhere(covariates.below), [[1, at["il21_pg_per_ml"]]])
    assert covariates.assays["treg_gating"].tolist() == ["CD25+FoxP3+", ""]


def test_a_column_that_is_not_there_is_missing_throughout(one_arm):
    covariates = Covariates.of_columns(one_arm.contract, {"age_years": [50, 60]}, 2)
    np.testing.assert_array_equal(covariates.values, [[50, NAN, NAN, NAN], [60, NAN, NAN, NAN]])
    assert not covariates.below.any()


def test_no_patients_make_no_rows(ld_il2):
    covariates = Covariates.of_patients(ld_il2.contract, [])
    assert len(covariates) == 0
    assert covariates.values.shape == (0, 17)


def test_rows_are_taken_with_all_that_belongs_to_them(covariates_of, a_patient):
    covariates = covariates_of(
        a_patient(age_years=40, il21_assay="other"), a_patient(age_years=50), a_patient(age_years=60)
    )
    taken = covariates.rows(np.array([2, 0]))
    assert taken.values[:, 0].tolist() == [60, 40]
    assert taken.assays["il21_assay"].tolist() == ["ELISA", "other"]
    assert len(covariates.rows(slice(1, None))) == 2


def test_an_undetectable_result_may_stand_in_a_column(ld_il2):
    limit = Undetectable(comparator="<", value=4.0)
    covariates = Covariates.of_columns(ld_il2.contract, {"il21_pg_per_ml": [limit, 80.0, None]}, 3)
    column = covariates.values[:, 4]
    np.testing.assert_array_equal(column, [4, 80, NAN])
    assert covariates.below[:, 4].tolist() == [True, False, False]
