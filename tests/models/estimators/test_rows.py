"""Rows of a trial, prepared anew in each resample."""

import numpy as np
import pytest

from acrcast.estimators.design import CONTROL, TREATED
from acrcast.estimators.rows import COPIES, Preparation, prepare


def resampled(trial, weights, seed=0):
    return prepare(trial.rows, np.asarray(weights, dtype=float), np.random.default_rng(seed))


def test_a_complete_patient_has_one_row_and_an_incomplete_one_copies_that_share_its_weight(a_trial, ld_il2):
    trial = a_trial(ld_il2, 30)
    values = trial.covariates.values[:, 2].copy()
    values[[4, 7]] = np.nan
    prepared = resampled(trial.with_values("disease_duration_years", values), np.ones((1, 30)))
    counts = np.bincount(prepared.patient)
    assert set(np.flatnonzero(counts == COPIES)) == {4, 7}
    assert (np.delete(counts, [4, 7]) == 1).all()
    np.testing.assert_allclose(np.bincount(prepared.patient, weights=prepared.weights[0]), 1)
    assert not np.isnan(prepared.Z).any()


def test_an_undetectable_result_is_averaged_over_below_its_limit(a_trial, ld_il2):
    trial = a_trial(ld_il2, 60, below=0.2)
    prepared = resampled(trial, np.ones((1, 60)))
    j = [column.field for column in prepared.terms.columns].index("il21_pg_per_ml")
    copied = np.bincount(prepared.patient) == COPIES
    np.testing.assert_array_equal(copied, prepared.rows.measures(slice(None))[1][:, j])
    limit = prepared.preparations[0].standardisation.apply(prepared.rows.scaled)[:, j]
    assert (prepared.Z[0, :, j] <= limit[prepared.patient] + 1e-12).all()


def test_rows_carry_their_patients_arm_and_outcome(a_trial, ld_il2):
    trial = a_trial(ld_il2, 30, missing=0.2)
    prepared = resampled(trial, np.ones((1, 30)))
    np.testing.assert_array_equal(prepared.arm, np.where(trial.treated, TREATED, CONTROL)[prepared.patient])
    np.testing.assert_array_equal(prepared.y, trial.responded[prepared.patient])


def test_values_of_rows_are_averaged_to_patients(a_trial, ld_il2):
    trial = a_trial(ld_il2, 30, missing=0.2)
    prepared = resampled(trial, np.ones((2, 30)))
    values = np.random.default_rng(0).random((2, len(prepared.patient)))
    expected = [[row[prepared.patient == i].mean() for i in range(30)] for row in values]
    np.testing.assert_allclose(prepared.by_patient(values), expected, rtol=1e-12)


def test_a_resample_is_prepared_without_what_its_left_out_patients_have(a_trial, ld_il2):
    trial = a_trial(ld_il2, 40, missing=0.15, below=0.1)
    weights = np.ones((2, 40))
    weights[:, :10] = 0
    values = np.where(np.arange(40)[:, None] < 10, trial.covariates.values.mean(axis=0), trial.covariates.values)
    other = trial.with_values("age_years", np.where(np.arange(40) < 10, 99.0, values[:, 0]))
    one, two = resampled(trial, weights), resampled(other, weights)
    kept = one.patient >= 10
    np.testing.assert_array_equal(one.Z[:, kept], two.Z[:, kept])
    for a, b in zip(one.preparations, two.preparations, strict=True):
        np.testing.assert_array_equal(a.conditional.covariance, b.conditional.covariance)


def test_weights_prepare_as_replicated_patients_do(a_trial, ld_il2):
    trial = a_trial(ld_il2, 30, missing=0.1, below=0.1)
    times = np.random.default_rng(0).integers(0, 3, 30)
    weighted = Preparation.fit(trial.rows, times.astype(float))
    index = np.repeat(np.arange(30), times)
    replicated = Preparation.fit(trial.take(index).rows, np.ones(len(index)))
    np.testing.assert_allclose(weighted.standardisation.sd, replicated.standardisation.sd, rtol=1e-12)
    np.testing.assert_allclose(weighted.conditional.covariance, replicated.conditional.covariance, atol=1e-9)


def test_resamples_prepared_together_or_alone_are_alike(a_trial, ld_il2):
    trial = a_trial(ld_il2, 40)
    weights = np.random.default_rng(1).exponential(size=(3, 40))
    together = resampled(trial, weights)
    for b in range(3):
        alone = resampled(trial, weights[b : b + 1])
        np.testing.assert_allclose(together.Z[b], alone.Z[0], rtol=0, atol=1e-12)
        np.testing.assert_allclose(together.weights[b], alone.weights[0], rtol=1e-12)


def test_the_order_of_patients_does_not_matter(a_trial, ld_il2):
    trial = a_trial(ld_il2, 40, missing=0.1, below=0.1)
    order = np.random.default_rng(2).permutation(40)
    one = Preparation.fit(trial.rows, np.ones(40))
    other = Preparation.fit(trial.take(order).rows, np.ones(40))
    np.testing.assert_allclose(one.standardisation.mean, other.standardisation.mean, rtol=1e-12)
    np.testing.assert_allclose(one.conditional.mean, other.conditional.mean, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.conditional.covariance, other.conditional.covariance, rtol=0, atol=1e-9)


def test_indicators_know_the_standardised_values_of_no_and_yes(a_trial, one_arm):
    trial = a_trial(one_arm, 50)
    conditional = Preparation.fit(trial.rows, np.ones(50)).conditional
    share = trial.rows.scaled[:, 1].mean()
    assert conditional.low[1] == pytest.approx(-share / np.sqrt(share * (1 - share)))
    assert conditional.high[1] == pytest.approx((1 - share) / np.sqrt(share * (1 - share)))
    assert np.isnan(conditional.low[[0, 3]]).all()
    np.testing.assert_array_equal(conditional.block, [0, 1, 1, 2, 3])
