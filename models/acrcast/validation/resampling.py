"""Resampling of whole procedures: everything that is learned is learned anew in each resample.

Resamples are weights of the patients. What was learned with weight 0 for a patient did not see that patient, nor the outcome.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bools, Floats, Integers
from acrcast.estimators.candidates import CANDIDATES
from acrcast.estimators.design import CONTROL, TREATED
from acrcast.estimators.folds import stratified_folds
from acrcast.estimators.rows import TrialRows, prepare
from acrcast.validation.cross_validated import CrossValidated
from acrcast.validation.performance import log_loss

# Resamples are fitted in batches of at most this many numbers in the design, to bound memory, and to report progress.
LARGEST_DESIGN = 2_000_000
LARGEST_BATCH = 20

Progress = Callable[[int], None]


def _silent(_: int) -> None:
    """No progress is shown."""


def resampled_risks(
    rows: TrialRows,
    candidates: Sequence[str],
    weights: Floats | Bools,
    *,
    seed: Sequence[int],
    progress: Progress = _silent,
) -> dict[str, Floats]:
    """(B, n) risks of every patient in the own arm, by each candidate fitted to each resample.

    weights: (B, n), not negative. A resample in which a candidate cannot be fitted, because it holds one outcome only,
    gives NaN. progress: called with the resamples done.
    """
    found = _all_risks(rows, candidates, weights, (None,), seed, progress)
    return {name: risks[0] for name, risks in found.items()}


def resampled_risks_in_both_arms(
    rows: TrialRows,
    candidates: Sequence[str],
    weights: Floats | Bools,
    *,
    seed: Sequence[int],
    progress: Progress = _silent,
) -> dict[str, Floats]:
    """(2, B, n) risks of every patient under control and under treatment, by the fits of `resampled_risks`.

    With the same seed and the same candidates a patient's risk in the own arm is that of `resampled_risks`.
    """
    return _all_risks(rows, candidates, weights, (CONTROL, TREATED), seed, progress)


def _all_risks(
    rows: TrialRows,
    candidates: Sequence[str],
    weights: Floats | Bools,
    arms: Sequence[float | None],
    seed: Sequence[int],
    progress: Progress,
) -> dict[str, Floats]:
    """(a, B, n) risks in each of a arms; None is the patient's own."""
    risks = {name: np.full((len(arms), *weights.shape), np.nan) for name in candidates}
    for name, batch, found in _resampled(rows, candidates, weights, arms, seed, progress):
        risks[name][:, batch] = found
    return risks


def _resampled(
    rows: TrialRows,
    candidates: Sequence[str],
    weights: Floats | Bools,
    arms: Sequence[float | None],
    seed: Sequence[int],
    progress: Progress,
) -> Iterator[tuple[str, Integers, Floats]]:
    """Batches of the resamples that can be fitted: a candidate, the b resamples, and their (a, b, n) risks in each arm."""
    at_once = min(LARGEST_BATCH, max(1, LARGEST_DESIGN // (len(rows) * rows.terms.size)))
    for first in range(0, len(weights), at_once):
        some = weights[first : first + at_once].astype(np.float64)
        both = np.flatnonzero((some @ rows.y > 0) & (some @ (1 - rows.y) > 0))
        if both.size:
            prepared = prepare(rows, some[both], np.random.default_rng([*seed, first]))
            for number, name in enumerate(candidates):
                points = CANDIDATES[name].fit(prepared, np.random.default_rng([*seed, first, number]))
                in_arms = [points.risk(prepared.arm if arm is None else arm, prepared.Z) for arm in arms]
                yield name, both + first, np.stack([prepared.by_patient(risk) for risk in in_arms])
        progress(len(some))


def cross_validated(
    rows: TrialRows,
    candidates: Sequence[str],
    *,
    folds: int,
    repeats: int,
    seed: int,
    progress: Progress = _silent,
) -> Mapping[str, CrossValidated]:
    """Risks of each candidate, each patient's from fits that did not see the patient.

    Folds are of patients, balanced within arm and outcome, anew in each repeat. progress: called with the folds done.
    """
    fold = fold_numbers(rows, folds, repeats, seed)
    judged = {name: CrossValidated.empty(fold, folds, rows.arm) for name in candidates}
    for name, batch, found in _resampled(rows, candidates, _outside(fold, folds), (None,), (seed, 1), progress):
        for b, fit in enumerate(batch):
            judged[name].put(*divmod(int(fit), folds), found[0, b])
    return judged


def cross_validated_in_both_arms(rows: TrialRows, candidate: str, *, folds: int, repeats: int, seed: int) -> Floats:
    """(2, repeats, n) risks under control and under treatment, in the folds of `cross_validated` with this seed."""
    fold = fold_numbers(rows, folds, repeats, seed)
    risks = np.full((2, repeats, len(rows)), np.nan)
    arms = CONTROL, TREATED
    for _, batch, found in _resampled(rows, (candidate,), _outside(fold, folds), arms, (seed, 1), _silent):
        for b, fit in enumerate(batch):
            repeat, k = divmod(int(fit), folds)
            left_out = fold[repeat] == k
            risks[:, repeat, left_out] = found[:, b, left_out]
    return risks


def bootstrap_weights(arm: Floats, count: int, rng: np.random.Generator) -> Floats:
    """(count, n) how often each patient was drawn: with replacement, within each arm.

    Not within outcomes: that would freeze the response rate, and with it a part of the uncertainty.
    """
    weights = np.zeros((count, len(arm)))
    for value in np.unique(arm):
        members = np.flatnonzero(arm == value)
        weights[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), size=count)
    return weights


@dataclass(frozen=True, slots=True)
class Nested:
    """Risks by the whole procedure, the choice of a candidate included.

    judged: each patient's risk is from a choice and a fit that did not see the patient. baseline: (repeats, n) risks of the
    first candidate in the same folds. chosen: how often each candidate was the choice.
    """

    judged: CrossValidated
    baseline: Floats
    chosen: Mapping[str, int]


def nested(
    rows: TrialRows,
    candidates: Sequence[str],
    choose: Callable[[Mapping[str, Floats]], str],
    *,
    folds: int,
    repeats: int,
    seed: int,
    progress: Progress = _silent,
) -> Nested:
    """Repeated nested cross-validation: the choice is made anew by cross-validation inside each training part.

    choose: from each candidate's (m,) log losses of the same patients to the chosen name. progress: called with the
    resamples done, of repeats x folds x (folds + 1).
    """
    fold = fold_numbers(rows, folds, repeats, seed)
    judged, baseline = (CrossValidated.empty(fold, folds, rows.arm) for _ in range(2))
    counts = dict.fromkeys(candidates, 0)
    for number, part in enumerate(_outside(fold, folds)):
        inner = np.full(len(rows), -1)
        rng = np.random.default_rng([seed, 2, number])
        inner[part] = stratified_folds(rows.arm[part], rows.y[part], folds, rng)
        training = np.concatenate([part[None], part & (inner != np.arange(folds)[:, None])])
        found = resampled_risks(rows, candidates, training, seed=(seed, 3, number), progress=progress)
        taken = np.flatnonzero(part)
        fit_of = inner[taken] + 1
        chosen = choose({name: log_loss(risks[fit_of, taken], rows.y[taken]) for name, risks in found.items()})
        counts[chosen] += 1
        judged.put(*divmod(number, folds), found[chosen][0])
        baseline.put(*divmod(number, folds), found[candidates[0]][0])
    return Nested(judged, baseline.risk, counts)


def fold_numbers(rows: TrialRows, folds: int, repeats: int, seed: int) -> Integers:
    """(repeats, n) which fold each patient is in, in the cross-validations of this seed."""
    return np.stack(
        [stratified_folds(rows.arm, rows.y, folds, np.random.default_rng([seed, r])) for r in range(repeats)]
    )


def _outside(fold: Integers, folds: int) -> Bools:
    """(repeats x folds, n) who is in each training part."""
    return np.stack([part != k for part in fold for k in range(folds)])
