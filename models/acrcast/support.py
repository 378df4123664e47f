"""Where a patient lies against the training data: by each measure's range, by joint distance, and by assay.

Limits are set so that, of new patients from the population that the training data came from, about `EDGE_RATE` are not
inside and about `OUTSIDE_RATE` are outside. docs/support.md holds what simulated data say of that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from acrcast.arrays import Bools, Floats
from acrcast.contract import Contract, Covariates
from acrcast.estimators.design import TO_SCALE
from acrcast.estimators.missing import ConditionalNormal
from acrcast.prediction import Support, SupportStatus

# Shares of new patients from the same population, for the ranges and the joint distance together: each has half of it.
EDGE_RATE, OUTSIDE_RATE = 0.05, 0.01
CRITERIA = 2
# The share of patients, those farthest out, from whom the tail is learned.
TAIL = 0.2
# A patient's part in the distribution that the patient is measured against; more is taken as this.
LARGEST_LEVERAGE = 0.95
# One value of the training data that lies farther out than the others' whole range must not stretch the limits by more.
LARGEST_EXCESS = 1.0
# Standard normal quantiles of half of the rates: limits of the joint distance were the training data without end.
EDGE_FLOOR, OUTSIDE_FLOOR = 1.960, 2.576
SMALLEST_VARIANCE = 1e-6
# Of a measure, for its range to be compared with the range of all values but one.
FEWEST_VALUES = 3
# Of the measures that make a joint distance large, those that many standard deviations from what the others let expect.
STRIKING, NAMED_AT_MOST = 2.326, 3
ORDER: tuple[SupportStatus, ...] = ("inside", "edge", "outside")


class Limits(NamedTuple):
    """Above `edge` a patient is at the edge, above `outside` outside."""

    edge: float
    outside: float


@dataclass(frozen=True, slots=True)
class TrainingRange:
    """What the training data covered.

    low, high: (k,) smallest and largest value of each covariate, NaN where none was seen; values are those of the
    contract's covariates, in its order. excess: limits of how far beyond that range a value lies, as a share of its width
    on the measure's scale. distance: limits of the joint distance.
    """

    low: Floats
    high: Floats
    excess: Limits
    distance: Limits

    @classmethod
    def fit(cls, covariates: Covariates, Z: Floats, conditional: ConditionalNormal) -> "TrainingRange":
        """Z: (n, q) standardised with NaN.

        The limits come from what each patient would be against the others alone: those who were learned from look nearer
        than new patients do.
        """
        values = covariates.values
        known = ~np.isnan(values)
        low = np.where(known.any(axis=0), np.min(np.where(known, values, np.inf), axis=0), np.nan)
        high = np.where(known.any(axis=0), np.max(np.where(known, values, -np.inf), axis=0), np.nan)
        excess = _limits(np.minimum(_left_out_excess(covariates), LARGEST_EXCESS))
        distance = _limits(_left_out_distance(conditional, Z))
        distance = Limits(max(distance.edge, EDGE_FLOOR), max(distance.outside, OUTSIDE_FLOOR))
        return cls(low, high, excess, distance)

    def beyond(self, covariates: Covariates) -> Floats:
        """(n, k) how far a value lies beyond the range, as a share of its width on the measure's scale.

        0 is inside or missing, infinite what was never seen.
        """
        low, high, values = (
            _on_scale(covariates.contract, part) for part in (self.low[None], self.high[None], covariates.values)
        )
        excess = _beyond(values, low, high)
        excess = np.where(np.isnan(low) & ~np.isnan(values), np.inf, excess)
        return np.where(np.isnan(values), 0.0, excess)


def _beyond(values: Floats, low: Floats, high: Floats) -> Floats:
    """How far values lie beyond their range, as a share of its width, or in their unit where it has none; NaN stays."""
    return np.maximum(np.maximum(low - values, values - high), 0.0) / np.where(high > low, high - low, 1.0)


def _limits(scores: Floats) -> Limits:
    """Limits that new scores like these pass at half of the rates. scores: (n,), each against the others alone.

    A trial of 47 has no quantile of 99.5 %: beyond the start of the tail, scores are taken to fall off exponentially, which
    is on the safe side for tails of a normal or a bounded measure. That the k scores there only estimate how fast is taken
    into account: a new score passes x beyond the start with (1 + x / (k mean))^-k, which for large k is exp(-x / mean).
    """
    start = float(np.quantile(scores, 1 - TAIL))
    above = scores[scores > start] - start
    k = above.size
    if k == 0:
        return Limits(start, start)
    times = max(k / len(scores) * CRITERIA / EDGE_RATE, 1.0)
    edge, outside = (
        start + k * float(above.mean()) * (rarer ** (1 / k) - 1) for rarer in (times, times * EDGE_RATE / OUTSIDE_RATE)
    )
    return Limits(edge, outside)


def _left_out_excess(covariates: Covariates) -> Floats:
    """(n,) the largest share by which a patient's numbers lie beyond the range of all others. Categories have no range."""
    numbers = [j for j, field in enumerate(covariates.contract.covariates) if field.kind not in ("yes_no", "category")]
    values = _on_scale(covariates.contract, covariates.values)[:, numbers]
    enough = np.sum(~np.isnan(values), axis=0) >= FEWEST_VALUES
    values = values[:, enough]
    if values.size == 0:
        return np.zeros(len(covariates))
    # missing values are sorted to the end, so that the first two are the smallest known
    (lowest, next_low), (highest, next_high) = np.sort(values, axis=0)[:2], -np.sort(-values, axis=0)[:2]
    low, high = np.where(values == lowest, next_low, lowest), np.where(values == highest, next_high, highest)
    largest: Floats = np.nan_to_num(_beyond(values, low, high)).max(axis=1)
    return largest


def _left_out_distance(conditional: ConditionalNormal, Z: Floats) -> Floats:
    """(n,) joint distances of each patient from the distribution of the others, as in leaving one out of a regression.

    Approximately: the covariance is drawn towards independence by q / (q + n), and has as much less of the patient in it.
    """
    squared, taken, _ = _squared_distance(conditional, Z)
    n, q = Z.shape
    others = max(n - 1, 1)
    leverage = n / (n + q) * squared / others
    return _on_normal_scale(n / others * squared / (1 - np.minimum(leverage, LARGEST_LEVERAGE)), taken)


def joint_distance(conditional: ConditionalNormal, Z: Floats) -> tuple[Floats, Floats]:
    """Mahalanobis distance over the measures taken, on a standard normal scale, and each column's part in it.

    Z: (n, q) standardised with NaN. Returns (n,) distances and (n, q) residuals given the other columns, in standard
    deviations, 0 where missing.
    """
    squared, taken, residual = _squared_distance(conditional, Z)
    return _on_normal_scale(squared, taken), residual


def _squared_distance(conditional: ConditionalNormal, Z: Floats) -> tuple[Floats, Floats, Floats]:
    """(n,) squared Mahalanobis distances, (n,) over how many columns, and (n, q) residuals."""
    squared, taken = np.zeros(len(Z)), np.zeros(len(Z))
    residual = np.zeros(Z.shape)
    masks, inverse = np.unique(~np.isnan(Z), axis=0, return_inverse=True)
    for number, mask in enumerate(masks):
        rows = np.flatnonzero(inverse.ravel() == number)
        columns = np.flatnonzero(mask & (np.diag(conditional.covariance) > SMALLEST_VARIANCE))
        if columns.size == 0:
            continue
        precision = np.linalg.inv(conditional.covariance[columns[:, None], columns])
        centred = Z[rows[:, None], columns] - conditional.mean[columns]
        weighted = centred @ precision
        squared[rows] = np.sum(weighted * centred, axis=1)
        taken[rows] = columns.size
        residual[rows[:, None], columns] = weighted / np.sqrt(np.diag(precision))
    return squared, taken, residual


def _on_normal_scale(squared: Floats, taken: Floats) -> Floats:
    """Wilson & Hilferty's cube root of chi-squared, so that patients with different measures taken compare; 0 without any."""
    degrees = np.maximum(taken, 1)
    spread = 2 / (9 * degrees)
    normal = (np.cbrt(squared / degrees) - (1 - spread)) / np.sqrt(spread)
    return np.where(taken > 0, normal, 0.0)


def _on_scale(contract: Contract, values: Floats) -> Floats:
    return np.column_stack([TO_SCALE[field.measure.scale](values[:, j]) for j, field in enumerate(contract.covariates)])


def judge(
    training: TrainingRange,
    conditional: ConditionalNormal,
    covariates: Covariates,
    Z: Floats,
    column_field: tuple[str, ...],
    assays: Mapping[str, str],
) -> list[Support]:
    """One judgement a patient. Z: (n, q) standardised with NaN; column_field: the covariate of each of its columns."""
    contract = covariates.contract
    beyond = np.where(
        _unseen_levels(training, conditional, covariates, column_field), np.inf, training.beyond(covariates)
    )
    distance, residual = joint_distance(conditional, Z)
    other_assay = _other_assays(contract, covariates, assays)
    judgements = []
    for i in range(len(covariates)):
        named = [field.name for j, field in enumerate(contract.covariates) if beyond[i, j] > training.excess.edge]
        named += [name for name in other_assay[i] if name not in named]
        level = max(
            2 if (beyond[i] > training.excess.outside).any() or other_assay[i] else 1 if named else 0,
            2 if distance[i] > training.distance.outside else 1 if distance[i] > training.distance.edge else 0,
        )
        if distance[i] > training.distance.edge and not named:
            largest = np.argsort(-np.abs(residual[i]))[:NAMED_AT_MOST]
            striking = [j for j in largest if abs(residual[i, j]) > STRIKING] or list(largest[:1])
            named = list(dict.fromkeys(column_field[j] for j in striking))
        judgements.append(Support(ORDER[level], tuple(named)))
    return judgements


def _unseen_levels(
    training: TrainingRange, conditional: ConditionalNormal, covariates: Covariates, column_field: tuple[str, ...]
) -> Bools:
    """(n, k) where a patient's level of a category is one that no patient of the training data had."""
    unseen = np.zeros(covariates.values.shape, dtype=bool)
    for position, field in enumerate(covariates.contract.covariates):
        columns = [j for j, name in enumerate(column_field) if name == field.name] if field.levels else []
        for level, j in enumerate(columns, start=1):
            # an indicator whose 0 and 1 are one standardised value did not vary: all had the level, or none
            everybody = training.low[position] == level == training.high[position]
            if conditional.low[j] == conditional.high[j] and not everybody:
                unseen[:, position] |= covariates.values[:, position] == level
    return unseen


def _other_assays(contract: Contract, covariates: Covariates, assays: Mapping[str, str]) -> list[list[str]]:
    """For each patient, the measures that were taken by another assay than the study's."""
    found: list[list[str]] = [[] for _ in range(len(covariates))]
    taken: Bools = ~np.isnan(covariates.values)
    position = {field.name: j for j, field in enumerate(contract.covariates)}
    for field in contract.assays:
        measure = field.measure.assay_of or ""
        for i, name in enumerate(covariates.assays[field.name]):
            if name and name != assays[field.name] and taken[i, position[measure]]:
                found[i].append(measure)
    return found
