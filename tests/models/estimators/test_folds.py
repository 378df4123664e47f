"""Folds: balanced within arm and outcome, and blind to patients without weight."""

import numpy as np
import pytest

from acrcast.estimators.folds import inner_folds, stratified_folds
from acrcast.estimators.rows import prepare


@pytest.mark.parametrize("folds", [2, 5, 10])
def test_every_fold_has_nearly_as_many_of_each_arm_and_outcome(folds):
    rng = np.random.default_rng(0)
    arm, y = rng.choice([-0.5, 0.5], 103), rng.choice([0.0, 1.0], 103)
    fold = stratified_folds(arm, y, folds, rng)
    for a in (-0.5, 0.5):
        for outcome in (0, 1):
            counts = np.bincount(fold[(arm == a) & (y == outcome)], minlength=folds)
            assert counts.max() - counts.min() <= 1
    counts = np.bincount(fold, minlength=folds)
    assert counts.max() - counts.min() <= 1


def test_the_same_seed_gives_the_same_folds_and_another_gives_others():
    arm, y = np.repeat([-0.5, 0.5], 20), np.tile([0.0, 1.0], 20)
    one, same, other = (stratified_folds(arm, y, 5, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_folds_inside_a_resample_are_of_its_own_patients_and_blind_to_the_outcome_of_others(a_trial, ld_il2):
    trial = a_trial(ld_il2, 40, missing=0.1)
    weights = np.ones((2, 40))
    weights[1, :8] = 0
    folds = []
    for responded in (trial.responded, np.where(np.arange(40) < 8, ~trial.responded, trial.responded)):
        rows = type(trial.rows).of(ld_il2, trial.covariates, trial.treated, responded)
        prepared = prepare(rows, weights, np.random.default_rng(0))
        folds.append(inner_folds(prepared, 1, 5, np.random.default_rng(3)))
    np.testing.assert_array_equal(folds[0], folds[1])
    without_weight = prepared.patient < 8
    assert (folds[0][without_weight] == -1).all()
    assert set(folds[0][~without_weight]) == {0, 1, 2, 3, 4}
    for patient in np.unique(prepared.patient):
        assert len(set(folds[0][prepared.patient == patient])) == 1


@pytest.mark.parametrize("arms_of_responders", [(-0.5, 0.5), (-0.5, -0.5)])
def test_two_responders_are_never_in_one_fold_so_that_every_training_part_has_one(arms_of_responders):
    arm = np.array([*arms_of_responders, *np.repeat([-0.5, 0.5], 5)])
    y = np.array([1.0, 1.0, *np.zeros(10)])
    for seed in range(50):
        fold = stratified_folds(arm, y, 2, np.random.default_rng(seed))
        assert fold[0] != fold[1]
