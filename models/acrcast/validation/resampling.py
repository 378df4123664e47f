"""Resampling of whole procedures: everything that is learned is learned anew in each resample.

Resamples are weights of the patients. What was learned with weight 0 for a patient did not see that patient, nor the outcome.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from acrcast.arrays import Bools, Bytes, Floats, FoldNumbers, Integers
from acrcast.engine import HERE, Engine
from acrcast.estimators.candidates import CANDIDATES, PointFits
from acrcast.estimators.design import CONTROL, TREATED
from acrcast.estimators.folds import stratified_folds
from acrcast.estimators.rows import PreparedRows, TrialRows, prepare
from acrcast.memory import give_back
from acrcast.validation.cross_validated import CrossValidated
from acrcast.validation.cross_validated_benefits import CrossValidatedBenefits
from acrcast.validation.performance import log_loss

# Resamples are fitted in batches of at most this many numbers in the design, to bound memory, and to report progress.
LARGEST_DESIGN = 2_000_000
LARGEST_BATCH = 20

Progress = Callable[[int], None]
Weights = Floats | Bools | Bytes
Fitted = tuple[str, Integers, list[Floats]]
"""A candidate, the numbers of the b resamples that could be fitted, and their (b, n) risks in each arm that was asked for."""


def _silent(_: int) -> None:
    """No progress is shown."""


def resampled_risks(
    rows: TrialRows,
    candidates: Sequence[str],
    weights: Weights,
    *,
    seed: Sequence[int],
    progress: Progress = _silent,
    engine: Engine = HERE,
) -> dict[str, Floats]:
    """(B, n) risks of every patient in the own arm, by each candidate fitted to each resample.

    weights: (B, n), not negative. A resample in which a candidate cannot be fitted, because it holds one outcome only,
    gives NaN. progress: called with the resamples done. engine: who fits them.
    """
    found = {name: np.empty(weights.shape) for name in candidates}
    for these, risks in risks_in_batches(rows, candidates, weights, seed=seed, progress=progress, engine=engine):
        for name, of_candidate in risks.items():
            found[name][these] = of_candidate
    return found


def risks_in_batches(
    rows: TrialRows,
    candidates: Sequence[str],
    weights: Weights,
    *,
    seed: Sequence[int],
    progress: Progress = _silent,
    engine: Engine = HERE,
) -> Iterator[tuple[slice, dict[str, Floats]]]:
    """The risks of `resampled_risks`, of some resamples at a time: which these are, in their order, and their (b, n) risks."""
    finished: dict[int, dict[str, Floats]] = {}
    first = 0
    for batch, fitted in engine.map(_fitted, rows, _batches(rows, candidates, weights, (None,), seed)):
        finished[batch.first] = _of_all(batch, fitted, len(rows))
        progress(len(batch.weights))
        # an engine finishes them in any order
        while first in finished:
            end = first + len(finished[first][candidates[0]])
            yield slice(first, end), finished.pop(first)
            first = end


def _of_all(batch: "_Batch", fitted: Iterable[Fitted], patients: int) -> dict[str, Floats]:
    """The (b, n) risks of each candidate in the own arm; NaN in resamples that could not be fitted."""
    risks: dict[str, Floats] = {}
    for name, which, found in fitted:
        if len(which) == len(batch.weights):
            risks[name] = found[0]
        else:
            risks[name] = np.full((len(batch.weights), patients), np.nan)
            risks[name][which - batch.first] = found[0]
    return risks or {name: np.full((len(batch.weights), patients), np.nan) for name in batch.candidates}


def _resampled(
    rows: TrialRows,
    candidates: Sequence[str],
    weights: Weights,
    arms: Sequence[float | None],
    seed: Sequence[int],
    progress: Progress,
    engine: Engine,
) -> Iterator[Fitted]:
    """What could be fitted, batch after batch."""
    for batch, fitted in engine.map(_fitted, rows, _batches(rows, candidates, weights, arms, seed)):
        yield from fitted
        progress(len(batch.weights))


@dataclass(frozen=True, slots=True)
class _Batch:
    """Resamples that are fitted together. first: number of the first, from which the random numbers of all come. weights: (b, n).

    candidates: by their places among these, each has random numbers of its own. wanted: of them, those that are fitted.
    """

    candidates: tuple[str, ...]
    wanted: tuple[str, ...]
    arms: tuple[float | None, ...]
    seed: tuple[int, ...]
    first: int
    weights: Weights


def _batches(
    rows: TrialRows,
    candidates: Sequence[str],
    weights: Weights,
    arms: Sequence[float | None],
    seed: Sequence[int],
) -> Iterator[_Batch]:
    at_once = min(LARGEST_BATCH, max(1, LARGEST_DESIGN // (len(rows) * rows.terms.size)))
    names = tuple(candidates)
    for first in range(0, len(weights), at_once):
        yield _Batch(names, names, tuple(arms), tuple(seed), first, weights[first : first + at_once])


def _fitted(rows: TrialRows, batch: _Batch) -> Iterator[Fitted]:
    """As `_resampled`, of one batch."""
    weights = batch.weights.astype(np.float64)
    both = np.flatnonzero((weights @ rows.y > 0) & (weights @ (1 - rows.y) > 0))
    if both.size == 0:
        return
    if both.size < len(weights):
        weights = weights[both]
    prepared = prepare(rows, weights, np.random.default_rng([*batch.seed, batch.first]))
    for number, name in enumerate(batch.candidates):
        if name in batch.wanted:
            points = CANDIDATES[name].fit(prepared, np.random.default_rng([*batch.seed, batch.first, number]))
            yield name, both + batch.first, [prepared.by_patient(_risk(prepared, points, arm)) for arm in batch.arms]
            if prepared.is_large:
                give_back()


def _risk(prepared: PreparedRows, points: PointFits, arm: float | None) -> Floats:
    return points.risk(prepared.arm if arm is None else arm, prepared.Z)


def cross_validated(
    rows: TrialRows,
    candidates: Sequence[str],
    *,
    folds: int,
    repeats: int,
    seed: int,
    progress: Progress = _silent,
    engine: Engine = HERE,
) -> Mapping[str, CrossValidated]:
    """Risks of each candidate, each patient's from fits that did not see the patient.

    Folds are of patients, balanced within arm and outcome, anew in each repeat. progress: called with the folds done. engine: who fits them.
    """
    fold = fold_numbers(rows, folds, repeats, seed)
    judged = {name: CrossValidated.empty(fold, folds, rows.arm) for name in candidates}
    for name, batch, found in _resampled(rows, candidates, _outside(fold, folds), (None,), (seed, 1), progress, engine):
        for fit, risk in zip(batch, found[0], strict=True):
            judged[name].put(*divmod(int(fit), folds), risk)
    return judged


def cross_validated_in_both_arms(
    rows: TrialRows, candidate: str, *, folds: int, repeats: int, seed: int, engine: Engine = HERE
) -> tuple[CrossValidated, CrossValidatedBenefits]:
    """Risks in the own arm, and in both, in the folds of `cross_validated` with this seed."""
    fold = fold_numbers(rows, folds, repeats, seed)
    own, both = CrossValidated.empty(fold, folds, rows.arm), CrossValidatedBenefits.empty(fold, folds)
    arms, treated = (CONTROL, TREATED), rows.arm == TREATED
    for _, batch, found in _resampled(rows, (candidate,), _outside(fold, folds), arms, (seed, 1), _silent, engine):
        for fit, *in_arms in zip(batch, *found, strict=True):
            own.put(*divmod(int(fit), folds), np.where(treated, in_arms[1], in_arms[0]))
            both.put(*divmod(int(fit), folds), *in_arms)
    return own, both


def bootstrap_weights(arm: Floats, count: int, rng: np.random.Generator) -> Bytes:
    """(count, n) how often each patient was drawn: with replacement, within each arm.

    Not within outcomes: that would freeze the response rate, and with it a part of the uncertainty.
    """
    # nobody of up to 255 patients can be drawn more often than that, and of more patients nobody is
    weights = np.zeros((count, len(arm)), dtype=np.uint8)
    for value in np.unique(arm):
        members = np.flatnonzero(arm == value)
        shares = np.full(len(members), 1 / len(members))
        for resample in weights:
            resample[members] = rng.multinomial(len(members), shares)
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
    engine: Engine = HERE,
) -> Nested:
    """Repeated nested cross-validation: the choice is made anew by cross-validation inside each training part.

    choose: from each candidate's (m,) log losses of the same patients to the chosen name; a function of a module's top level.
    progress: called with the resamples done, of repeats x folds x (folds + 1). engine: who does the training parts.
    """
    fold = fold_numbers(rows, folds, repeats, seed)
    judged, baseline = (CrossValidated.empty(fold, folds, rows.arm) for _ in range(2))
    counts = dict.fromkeys(candidates, 0)
    parts = (
        _Part(tuple(candidates), choose, folds, seed, number, inside)
        for number, inside in enumerate(_outside(fold, folds))
    )
    for part, outcomes in engine.map(_chosen_in, rows, parts):
        for chosen, risk, of_baseline in outcomes:
            counts[chosen] += 1
            judged.put(*divmod(part.number, folds), risk)
            baseline.put(*divmod(part.number, folds), of_baseline)
        progress(folds + 1)
    return Nested(judged, baseline.risk, counts)


@dataclass(frozen=True, slots=True)
class _Part:
    """A training part, of those that `nested` goes through. inside: (n,) who is in it."""

    candidates: tuple[str, ...]
    choose: Callable[[Mapping[str, Floats]], str]
    folds: int
    seed: int
    number: int
    inside: Bools


def _chosen_in(rows: TrialRows, part: _Part) -> Iterator[tuple[str, Floats, Floats]]:
    """Once: the choice in the part, with the (n,) risks of everybody by it and by the first candidate, fitted to the part."""
    inside = np.flatnonzero(part.inside)
    rng = np.random.default_rng([part.seed, 2, part.number])
    fold = stratified_folds(rows.arm[inside], rows.y[inside], part.folds, rng)
    training = np.tile(part.inside, (part.folds + 1, 1))
    for k, without in enumerate(training[1:]):
        without[inside[fold == k]] = False
    baseline, of_all = part.candidates[0], dict[str, Floats]()
    losses = {name: np.full(len(inside), np.nan) for name in part.candidates}
    # the fits to the whole part come last: where they are fitted by themselves, the choice says which of them are wanted
    for batch in reversed(list(_batches(rows, part.candidates, training, (None,), (part.seed, 3, part.number)))):
        alone = batch.first == 0 and len(batch.weights) == 1
        wanted = (baseline, part.choose(losses)) if alone else part.candidates
        for name, fits, found in _fitted(rows, replace(batch, wanted=wanted)):
            for fit, risk in zip(fits, found[0], strict=True):
                if fit == 0:
                    of_all[name] = risk
                else:
                    these = fold == fit - 1
                    losses[name][these] = log_loss(risk[inside[these]], rows.y[inside[these]])
    chosen = part.choose(losses)
    of_chosen, of_baseline = (of_all[name] if of_all else np.full(len(rows), np.nan) for name in (chosen, baseline))
    yield chosen, of_chosen, of_baseline


def fold_numbers(rows: TrialRows, folds: int, repeats: int, seed: int) -> FoldNumbers:
    """(repeats, n) which fold each patient is in, in the cross-validations of this seed."""
    return np.stack(
        [stratified_folds(rows.arm, rows.y, folds, np.random.default_rng([seed, r])) for r in range(repeats)]
    )


def _outside(fold: FoldNumbers, folds: int) -> Bools:
    """(repeats x folds, n) who is in each training part."""
    return np.stack([part != k for part in fold for k in range(folds)])
