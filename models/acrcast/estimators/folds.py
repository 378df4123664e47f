"""Folds of cross-validation: of patients, balanced within arm and outcome."""

import numpy as np

from acrcast.arrays import Floats, Integers
from acrcast.estimators.rows import PreparedRows


def stratified_folds(arm: Floats, y: Floats, folds: int, rng: np.random.Generator) -> Integers:
    """(n,) fold numbers, balanced within arm and outcome.

    Patients are dealt out by outcome first: with at least two of each outcome, and no more folds than of either, every
    fold leaves both outcomes to the others.
    """
    order = rng.permutation(len(y))
    order = order[np.lexsort((arm[order], y[order]))]
    fold = np.empty(len(y), dtype=np.int64)
    fold[order] = (np.arange(len(y)) + int(rng.integers(folds))) % folds
    return fold


def inner_folds(prepared: PreparedRows, resample: int, folds: int, rng: np.random.Generator) -> Integers:
    """(N,) fold numbers of the rows, a patient's all alike, balanced among the patients of the resample; -1 for the others.

    A patient of weight 0 takes no part, not even by its outcome in who is in which fold.
    """
    first = np.flatnonzero(np.diff(prepared.patient, prepend=-1))
    taken = prepared.weights[resample, first] > 0
    fold = np.full(len(first), -1, dtype=np.int64)
    fold[taken] = stratified_folds(prepared.rows.arm[taken], prepared.rows.y[taken], folds, rng)
    return fold[prepared.patient]
