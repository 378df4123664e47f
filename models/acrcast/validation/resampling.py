"""Resampling of whole procedures: everything that is learned is learned anew in each resample.

Resamples are weights of the patients. What was learned with weight 0 for a patient did not see that patient, nor the outcome.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bools, Floats, Integers
from acrcast.engine import HERE, Engine
from acrcast.estimators.candidates import CANDIDATES
from acrcast.estimators.design import CONTROL, TREATED
from acrcast.estimators.folds import stratified_folds
from acrcast.estimators.rows import TrialRows, prepare
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
    engine: Engine = HERE,
) -> dict[str, Floats]:
    """(B, n) risks of every patient in the own arm, by each candidate fitted to each resample.

    weights: (B, n), not negative. A resample in which a candidate cannot be fitted, because it holds one outcome only,
    gives NaN. progress: called with the resamples done. engine: who fits them.
    """
    found = _all_risks(rows, candidates, weights, (None,), seed, progress, engine)
    return {name: risks[0] for name, risks in found.items()}


def resampled_risks_in_both_arms(
    rows: TrialRows,
    candidates: Sequence[str],
    weights: Floats | Bools,
    *,
    seed: Sequence[int],
    progress: Progress = _silent,
    engine: Engine = HERE,
) -> dict[str, Floats]:
    """(2, B, n) risks of every patient under control and under treatment, by the fits of `resampled_risks`.

    With the same seed and the same candidates a patient's risk in the own arm is that of `resampled_risks`.
    """
    return _all_risks(rows, candidates, weights, (CONTROL, TREATED), seed, progress, engine)


def _all_risks(
    rows: TrialRows,
    candidates: Sequence[str],
    weights: Floats | Bools,
    arms: Sequence[float | None],
    seed: Sequence[int],
    progress: Progress,
    engine: Engine,
) -> dict[str, Floats]:
    """(a, B, n) risks in each of a arms; None is the patient's own."""
    risks = {name: np.full((len(arms), *weights.shape), np.nan) for name in candidates}
    for name, batch, found in _resampled(rows, candidates, weights, arms, seed, progress, engine):
        risks[name][:, batch] = found
    return risks


def _resampled(
    rows: TrialRows,
    candidates: Sequence[str],
    weights: Floats | Bools,
    arms: Sequence[float | None],
    seed: Sequence[int],
    progress: Progress,
    engine: Engine,
) -> Iterator[tuple[str, Integers, Floats]]:
    """Batches of the resamples that can be fitted: a candidate, the b resamples, and their (a, b, n) risks in each arm."""
    at_once = min(LARGEST_BATCH, max(1, LARGEST_DESIGN // (len(rows) * rows.terms.size)))
    batches = (
        _Batch(tuple(candidates), tuple(arms), tuple(seed), first, weights[first : first + at_once])
        for first in range(0, len(weights), at_once)
    )
    for batch, fitted in engine.map(_fitted, rows, batches):
        yield from fitted
        progress(len(batch.weights))


@dataclass(frozen=True, slots=True)
class _Batch:
    """Resamples that are fitted together. first: number of the first, from which the random numbers of all come. weights: (b, n)."""

    candidates: tuple[str, ...]
    arms: tuple[float | None, ...]
    seed: tuple[int, ...]
    first: int
    weights: Floats | Bools


def _fitted(rows: TrialRows, batch: _Batch) -> Iterator[tuple[str, Integers, Floats]]:
    """As `_resampled`, of one batch."""
    weights = batch.weights.astype(np.float64)
    both = np.flatnonzero((weights @ rows.y > 0) & (weights @ (1 - rows.y) > 0))
    if both.size:
        prepared = prepare(rows, weights[both], np.random.default_rng([*batch.seed, batch.first]))
        for number, name in enumerate(batch.candidates):
            points = CANDIDATES[name].fit(prepared, np.random.default_rng([*batch.seed, batch.first, number]))
            in_arms = [points.risk(prepared.arm if arm is None else arm, prepared.Z) for arm in batch.arms]
            yield name, both + batch.first, np.stack([prepared.by_patient(risk) for risk in in_arms])


def cross_validated_risks(
    rows: TrialRows,
    candidates: Sequence[str],
    *,
    folds: int,
    repeats: int,
    seed: int,
    progress: Progress = _silent,
    engine: Engine = HERE,
) -> Mapping[str, Floats]:
    """(repeats, n) risks of each candidate, each patient's from fits that did not see the patient.

    Folds are of patients, balanced within arm and outcome, anew in each repeat. progress: called with the folds done. engine: who fits them.
    """
    found = _cross_validated(rows, candidates, (None,), folds, repeats, seed, progress, engine)
    return {name: risks[0] for name, risks in found.items()}


def cross_validated_risks_in_both_arms(
    rows: TrialRows, candidate: str, *, folds: int, repeats: int, seed: int, engine: Engine = HERE
) -> Floats:
    """(2, repeats, n) risks under control and under treatment, in the folds of `cross_validated_risks` with this seed."""
    arms = CONTROL, TREATED
    return _cross_validated(rows, (candidate,), arms, folds, repeats, seed, _silent, engine)[candidate]


def _cross_validated(
    rows: TrialRows,
    candidates: Sequence[str],
    arms: Sequence[float | None],
    folds: int,
    repeats: int,
    seed: int,
    progress: Progress,
    engine: Engine,
) -> dict[str, Floats]:
    """(a, repeats, n) risks by the fits that did not see the patient; of each fit no others are kept."""
    fold = fold_numbers(rows, folds, repeats, seed)
    risks = {name: np.full((len(arms), repeats, len(rows)), np.nan) for name in candidates}
    for name, batch, found in _resampled(rows, candidates, _outside(fold, folds), arms, (seed, 1), progress, engine):
        for b, (repeat, k) in enumerate(zip(*np.divmod(batch, folds), strict=True)):
            left_out = fold[repeat] == k
            risks[name][:, repeat, left_out] = found[:, b, left_out]
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
class NestedRisks:
    """Risks by the whole procedure, the choice of a candidate included.

    risks: (repeats, n), each patient's from a choice and a fit that did not see the patient. baseline: (repeats, n), those of
    the first candidate in the same folds. chosen: how often each candidate was the choice.
    """

    risks: Floats
    baseline: Floats
    chosen: Mapping[str, int]


def nested_risks(  # noqa: PLR0913  the two cross-validations, and who does them
    rows: TrialRows,
    candidates: Sequence[str],
    choose: Callable[[Mapping[str, Floats]], str],
    *,
    folds: int,
    inner_folds: int,
    repeats: int,
    seed: int,
    progress: Progress = _silent,
    engine: Engine = HERE,
) -> NestedRisks:
    """Repeated nested cross-validation: the choice is made anew by cross-validation inside each training part.

    choose: from each candidate's (m,) log losses of the same patients to the chosen name. progress: called with the
    resamples done, of repeats x folds x (inner_folds + 1). engine: who fits them.
    """
    fold = fold_numbers(rows, folds, repeats, seed)
    training = _outside(fold, folds)
    inner = np.full(training.shape, -1, dtype=np.int64)
    for number, part in enumerate(training):
        rng = np.random.default_rng([seed, 2, number])
        inner[number, part] = stratified_folds(rows.arm[part], rows.y[part], inner_folds, rng)
    weights = np.concatenate([training, *(training & (inner != k) for k in range(inner_folds))])
    found = resampled_risks(rows, candidates, weights, seed=(seed, 3), progress=progress, engine=engine)
    outer = {name: risks[: len(training)] for name, risks in found.items()}
    selected = np.empty(training.shape)
    counts = dict.fromkeys(candidates, 0)
    for number, part in enumerate(training):
        taken = np.flatnonzero(part)
        fit_of = (inner[number, taken] + 1) * len(training) + number
        chosen = choose({name: log_loss(risks[fit_of, taken], rows.y[taken]) for name, risks in found.items()})
        counts[chosen] += 1
        selected[number] = outer[chosen][number]
    baseline = _held_out(outer[candidates[0]], fold, folds)
    return NestedRisks(_held_out(selected, fold, folds), baseline, counts)


def fold_numbers(rows: TrialRows, folds: int, repeats: int, seed: int) -> Integers:
    """(repeats, n) which fold each patient is in, in the cross-validations of this seed."""
    return np.stack(
        [stratified_folds(rows.arm, rows.y, folds, np.random.default_rng([seed, r])) for r in range(repeats)]
    )


def _outside(fold: Integers, folds: int) -> Bools:
    """(repeats x folds, n) who is in each training part."""
    return np.stack([part != k for part in fold for k in range(folds)])


def _held_out(risks: Floats, fold: Integers, folds: int) -> Floats:
    """(repeats, n) each patient's risk from the fold's fit that did not see the patient."""
    repeats, n = fold.shape
    by_fold = risks.reshape(repeats, folds, n)
    return np.take_along_axis(by_fold, fold[:, None, :], axis=1)[:, 0]
