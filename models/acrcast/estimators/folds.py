"""Folds of cross-validation: of patients, balanced within arm and outcome."""

import numpy as np

from acrcast.arrays import Floats, FoldNumbers
from acrcast.estimators.rows import PreparedRows


def stratified_folds(arm: Floats, y: Floats, folds: int, rng: np.random.Generator) -> FoldNumbers:
    """(n,) fold numbers, balanced within arm and outcome.

    Patients are dealt out by outcome first: with at least two of each outcome, and no more folds than of either, every
    fold leaves both outcomes to the others.
    """
    order = rng.permutation(len(y))
    order = order[np.lexsort((arm[order], y[order]))]
    fold = np.empty(len(y), dtype=np.int16)
    fold[order] = (np.arange(len(y)) + int(rng.integers(folds))) % folds
    return fold


def inner_folds(prepared: PreparedRows, resample: int, folds: int, rng: np.random.Generator) -> FoldNumbers:
    """(N,) fold numbers of the rows, a patient's all alike, balanced among the patients of the resample; -1 for the others.

    A patient of weight 0 takes no part, not even by its outcome in who is in which fold.
    """
    taken = prepared.weights[resample, prepared.first] > 0
    fold = np.full(len(taken), -1, dtype=np.int16)
    fold[taken] = stratified_folds(prepared.rows.arm[taken], prepared.rows.y[taken], folds, rng)
    return fold[prepared.patient]
