"""Repeated cross-validation of whole procedures: everything that is learned is learned anew in each training part."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from acrcast.arrays import Floats
from acrcast.estimators.candidates import CANDIDATES
from acrcast.estimators.folds import stratified_folds
from acrcast.estimators.rows import TrialRows, prepare

# Resamples are fitted in batches of at most this many numbers in the design, to bound memory.
LARGEST_DESIGN = 2_000_000


def cross_validated_risks(
    rows: TrialRows,
    candidates: Sequence[str],
    *,
    folds: int,
    repeats: int,
    seed: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Mapping[str, Floats]:
    """(repeats, n) risks of each candidate, each patient's from fits that did not see the patient.

    Folds are of patients, balanced within arm and outcome, anew in each repeat. progress: called with the folds done.
    """
    fold = np.stack(
        [stratified_folds(rows.arm, rows.y, folds, np.random.default_rng([seed, repeat])) for repeat in range(repeats)]
    )
    weights = np.stack([(fold[repeat] != k).astype(np.float64) for repeat in range(repeats) for k in range(folds)])
    risks = {name: np.empty((repeats, len(rows))) for name in candidates}
    at_once = min(folds, max(1, LARGEST_DESIGN // (len(rows) * rows.terms.size)))
    for first in range(0, len(weights), at_once):
        batch = weights[first : first + at_once]
        prepared = prepare(rows, batch, np.random.default_rng([seed, repeats, first]))
        for number, name in enumerate(candidates):
            points = CANDIDATES[name].fit(prepared, np.random.default_rng([seed, repeats, first, number]))
            predicted = prepared.by_patient(points.risk(prepared.arm, prepared.Z))
            for b in range(len(batch)):
                repeat, k = divmod(first + b, folds)
                held_out = fold[repeat] == k
                risks[name][repeat, held_out] = predicted[b, held_out]
        progress(len(batch))
    return risks
