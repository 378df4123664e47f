"""Predictions as columns: the numbers of the answers."""

import numpy as np
import pytest

from acrcast.answer import predict_patients
from acrcast.table import column_names, prediction_columns


@pytest.mark.parametrize("candidate", ["prevalence", "hierarchical", "xgboost"])
def test_columns_and_answers_give_identical_numbers(a_model, a_trial, ld_il2, candidate):
    model = a_model(candidate)
    covariates = a_trial(ld_il2, 12, seed=4, missing=0.2, below=0.1).covariates
    columns = prediction_columns(model, covariates, level=0.9)
    for i, answer in enumerate(predict_patients(model, covariates, level=0.9)):
        expected = {
            "control_probability": answer.control.probability,
            "control_low": answer.control.interval[0],
            "control_high": answer.control.interval[1],
            "treated_probability": answer.treated.probability,
            "treated_low": answer.treated.interval[0],
            "treated_high": answer.treated.interval[1],
            "benefit_difference": answer.benefit.difference,
            "benefit_low": answer.benefit.interval[0],
            "benefit_high": answer.benefit.interval[1],
            "benefit_probability_positive": answer.benefit.probability_positive,
            "support": answer.support.status,
            "support_measures": " ".join(answer.support.measures),
        }
        assert {name: columns[name][i] for name in expected} == expected
        assert set(columns["missing"][i].split()) == {part.measure for part in answer.missing}


def test_names_and_kinds_of_columns_are_those_announced(a_model, a_trial, ld_il2):
    columns = prediction_columns(a_model(), a_trial(ld_il2, 3).covariates)
    assert [(name, values.dtype.kind == "f") for name, values in columns.items()] == list(column_names(two_arms=True))


def test_one_arm_has_no_columns_of_a_control_or_a_benefit(a_model, a_trial, one_arm):
    columns = prediction_columns(a_model("hierarchical", one_arm), a_trial(one_arm, 3).covariates)
    assert [(name, values.dtype.kind == "f") for name, values in columns.items()] == list(column_names(two_arms=False))
    assert not [name for name in columns if "control" in name or "benefit" in name]


def test_no_patients_make_columns_of_no_rows(a_model, a_trial, ld_il2):
    columns = prediction_columns(a_model(), a_trial(ld_il2, 3).covariates.rows(slice(0)))
    assert [len(values) for values in columns.values()] == [0] * len(column_names(two_arms=True))


def test_numbers_have_six_decimals_and_no_negative_zero(a_model, a_trial, ld_il2):
    columns = prediction_columns(a_model(), a_trial(ld_il2, 40).covariates)
    for name, is_number in column_names(two_arms=True):
        if is_number:
            np.testing.assert_array_equal(np.round(columns[name], 6), columns[name])
            assert not np.signbit(columns[name][columns[name] == 0]).any()


@pytest.mark.parametrize("candidate", ["prevalence", "hierarchical", "xgboost"])
def test_estimates_alone_are_those_with_intervals(a_model, a_trial, ld_il2, candidate):
    model = a_model(candidate)
    for covariates in (
        a_trial(ld_il2, 20, seed=4).covariates,
        a_trial(ld_il2, 20, seed=5, missing=0.3, below=0.2).covariates,
    ):
        with_intervals = prediction_columns(model, covariates)
        alone = prediction_columns(model, covariates, estimates_only=True)
        assert list(alone) == ["control_probability", "treated_probability", "benefit_difference", "missing"]
        for name, values in alone.items():
            np.testing.assert_array_equal(values, with_intervals[name])


def test_estimates_alone_of_one_arm(a_model, a_trial, one_arm):
    columns = prediction_columns(a_model("hierarchical", one_arm), a_trial(one_arm, 3).covariates, estimates_only=True)
    assert list(columns) == ["treated_probability", "missing"]
