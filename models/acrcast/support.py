"""Where a patient lies against the training data: by each measure's range, by joint distance, and by assay."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bools, Floats
from acrcast.contract import Contract, Covariates
from acrcast.estimators.missing import ConditionalNormal
from acrcast.prediction import Support, SupportStatus

# A value this far beyond the training range, as a share of its width, is outside and not merely at the edge.
EDGE_SHARE = 0.1
EDGE_QUANTILE, OUTSIDE_QUANTILE = 0.95, 0.99
# Standard normal quantiles below which the learned thresholds never fall.
EDGE_FLOOR, OUTSIDE_FLOOR = 1.645, 2.326
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
        """Z: (n, q) standardised with NaN."""
        values = covariates.values
        known = ~np.isnan(values)
        low = np.where(known.any(axis=0), np.min(np.where(known, values, np.inf), axis=0), np.nan)
        high = np.where(known.any(axis=0), np.max(np.where(known, values, -np.inf), axis=0), np.nan)
        distance, _ = joint_distance(conditional, Z)
        edge, outside = np.quantile(distance, [EDGE_QUANTILE, OUTSIDE_QUANTILE])
        return cls(low, high, max(float(edge), EDGE_FLOOR), max(float(outside), OUTSIDE_FLOOR))

    def beyond(self, values: Floats) -> Floats:
        """(n, k) how far a value lies beyond the range, as a share of its width; 0 inside or missing, infinite if never seen."""
        width = np.where(self.high > self.low, self.high - self.low, 1.0)
        excess = np.maximum(np.maximum(self.low - values, values - self.high), 0.0) / width
        excess = np.where(np.isnan(self.low) & ~np.isnan(values), np.inf, excess)
        return np.where(np.isnan(values), 0.0, excess)


def joint_distance(conditional: ConditionalNormal, Z: Floats) -> tuple[Floats, Floats]:
    """Mahalanobis distance over the measures taken, on a standard normal scale, and each column's part in it.

    Z: (n, q) standardised with NaN. Returns (n,) distances (Wilson & Hilferty's cube root of chi-squared, so that patients with
    different measures taken compare) and (n, q) residuals given the other columns, in standard deviations, 0 where missing.
    """
    distance = np.zeros(len(Z))
    residual = np.zeros(Z.shape)
    known = ~np.isnan(Z)
    masks, inverse = np.unique(known, axis=0, return_inverse=True)
    for number, mask in enumerate(masks):
        rows = np.flatnonzero(inverse.ravel() == number)
        columns = np.flatnonzero(mask & (np.diag(conditional.covariance) > 1e-6))
        if columns.size == 0:
            continue
        precision = np.linalg.inv(conditional.covariance[np.ix_(columns, columns)])
        centred = Z[np.ix_(rows, columns)] - conditional.mean[columns]
        weighted = centred @ precision
        squared = np.sum(weighted * centred, axis=1)
        spread = 2 / (9 * columns.size)
        distance[rows] = (np.cbrt(squared / columns.size) - (1 - spread)) / np.sqrt(spread)
        residual[np.ix_(rows, columns)] = weighted / np.sqrt(np.diag(precision))
    return distance, residual


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
    beyond = training.beyond(covariates.values)
    distance, residual = joint_distance(conditional, Z)
    other_assay = _other_assays(contract, covariates, assays)
    judgements = []
    for i in range(len(covariates)):
        named = [field.name for j, field in enumerate(contract.covariates) if beyond[i, j] > 0]
        named += [name for name in other_assay[i] if name not in named]
        level = max(
            2 if (beyond[i] > EDGE_SHARE).any() or other_assay[i] else 1 if named else 0,
            2 if distance[i] > training.outside else 1 if distance[i] > training.edge else 0,
        )
        if distance[i] > training.edge and not named:
            largest = np.argsort(-np.abs(residual[i]))[:NAMED_AT_MOST]
            striking = [j for j in largest if abs(residual[i, j]) > OUTSIDE_FLOOR] or list(largest[:1])
            named = list(dict.fromkeys(column_field[j] for j in striking))
        judgements.append(Support(ORDER[level], tuple(named)))
    return judgements


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
