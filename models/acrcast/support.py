"""Where a patient lies against the training data: by each measure's range, by joint distance, and by assay."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bools, Floats
from acrcast.contract import Contract, Covariates
from acrcast.estimators.design import TO_SCALE
from acrcast.estimators.missing import ConditionalNormal
from acrcast.prediction import Support, SupportStatus

# How far beyond the training range, as a share of its width on the measure's scale, a value is at the edge, and outside.
# Of new patients from the population of a trial of 47, one in three has some value beyond the range, one in nine by this much.
EDGE_SHARE, OUTSIDE_SHARE = 0.1, 0.3
EDGE_QUANTILE, OUTSIDE_QUANTILE = 0.95, 0.99
# A patient's part in the distribution that the patient is measured against; more is taken as this.
LARGEST_LEVERAGE = 0.95
# Standard normal quantiles below which the learned thresholds never fall.
EDGE_FLOOR, OUTSIDE_FLOOR = 1.645, 2.326
SMALLEST_VARIANCE = 1e-6
NAMED_AT_MOST = 3
ORDER: tuple[SupportStatus, ...] = ("inside", "edge", "outside")


@dataclass(frozen=True, slots=True)
class TrainingRange:
    """What the training data covered.

    low, high: (k,) smallest and largest value of each covariate, NaN where none was seen. edge, outside: thresholds of
    the joint distance. Values are those of the contract's covariates, in its order.
    """

    low: Floats
    high: Floats
    edge: float
    outside: float

    @classmethod
    def fit(cls, covariates: Covariates, Z: Floats, conditional: ConditionalNormal) -> "TrainingRange":
        """Z: (n, q) standardised with NaN.

        The thresholds are quantiles of the distance that each patient would have to the others alone (approximately, as in
        leaving one out of a regression): those who were learned from look nearer than new patients do.
        """
        values = covariates.values
        known = ~np.isnan(values)
        low = np.where(known.any(axis=0), np.min(np.where(known, values, np.inf), axis=0), np.nan)
        high = np.where(known.any(axis=0), np.max(np.where(known, values, -np.inf), axis=0), np.nan)
        squared, taken, _ = _squared_distance(conditional, Z)
        n = len(Z)
        left_out = squared / (1 - np.minimum(squared / n, LARGEST_LEVERAGE)) * n / max(n - 1, 1)
        edge, outside = np.quantile(_on_normal_scale(left_out, taken), [EDGE_QUANTILE, OUTSIDE_QUANTILE])
        return cls(low, high, max(float(edge), EDGE_FLOOR), max(float(outside), OUTSIDE_FLOOR))

    def beyond(self, covariates: Covariates) -> Floats:
        """(n, k) how far a value lies beyond the range, as a share of its width on the measure's scale.

        0 is inside or missing, infinite what was never seen.
        """
        low, high, values = (
            _on_scale(covariates.contract, part) for part in (self.low[None], self.high[None], covariates.values)
        )
        width = np.where(high > low, high - low, 1.0)
        excess = np.maximum(np.maximum(low - values, values - high), 0.0) / width
        excess = np.where(np.isnan(low) & ~np.isnan(values), np.inf, excess)
        return np.where(np.isnan(values), 0.0, excess)


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
        named = [field.name for j, field in enumerate(contract.covariates) if beyond[i, j] > EDGE_SHARE]
        named += [name for name in other_assay[i] if name not in named]
        level = max(
            2 if (beyond[i] > OUTSIDE_SHARE).any() or other_assay[i] else 1 if named else 0,
            2 if distance[i] > training.outside else 1 if distance[i] > training.edge else 0,
        )
        if distance[i] > training.edge and not named:
            largest = np.argsort(-np.abs(residual[i]))[:NAMED_AT_MOST]
            striking = [j for j in largest if abs(residual[i, j]) > OUTSIDE_FLOOR] or list(largest[:1])
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
