"""Where a patient lies against the training data: by each measure's range, by joint distance, and by assay.

Limits are set so that, of new patients from the population that the training data came from, about `EDGE_RATE` are not
inside and about `OUTSIDE_RATE` are outside. docs/support.md holds what simulated data say of that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import gt, lt
from typing import NamedTuple

import numpy as np

from acrcast.arrays import Bools, Floats, Integers, alike
from acrcast.contract import Contract, Covariates, OnePatient
from acrcast.estimators.block_design import Stacked, row_blocks
from acrcast.estimators.design import Scales
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
# Who is inside by this share of the way to the edge needs no closer look.
PLAIN = 0.999
INSIDE = Support("inside", ())
# Of 17 columns each takes about 3 kB.
PRECISIONS_KEPT = 1024


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
    def fit(cls, covariates: Covariates, Z: Stacked, conditional: ConditionalNormal) -> "TrainingRange":
        """Z: (1, n, q) standardised with NaN.

        The limits come from what each patient would be against the others alone: those who were learned from look nearer
        than new patients do.
        """
        ends = [np.full(2, np.nan)] * len(covariates.contract.covariates)
        for j, column in enumerate(covariates.values.T):
            if (known := column[~np.isnan(column)]).size:
                ends[j] = np.array([known.min(), known.max()])
        low, high = np.array(ends).T
        excess = _limits(np.minimum(_left_out_excess(covariates), LARGEST_EXCESS))
        distance = _limits(_left_out_distance(conditional, Z))
        distance = Limits(max(distance.edge, EDGE_FLOOR), max(distance.outside, OUTSIDE_FLOOR))
        return cls(low, high, excess, distance)


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
    largest = np.zeros(len(covariates))
    for field, column in zip(covariates.contract.covariates, covariates.values.T, strict=True):
        if field.kind in ("yes_no", "category"):
            continue
        values = Scales([field.measure.scale]).apply(column[:, None])[:, 0]
        known = np.sort(values[~np.isnan(values)])
        if known.size >= FEWEST_VALUES:
            low = np.where(values == known[0], known[1], known[0])
            high = np.where(values == known[-1], known[-2], known[-1])
            largest = np.maximum(largest, np.nan_to_num(_beyond(values, low, high)))
    return largest


def _left_out_distance(conditional: ConditionalNormal, Z: Stacked) -> Floats:
    """(n,) joint distances of each patient from the distribution of the others, as in leaving one out of a regression.

    Approximately: the covariance is drawn towards independence by q / (q + n), and has as much less of the patient in it.
    """
    _, n, q = Z.shape
    precisions, (squared, taken) = Precisions(conditional), np.empty((2, n))
    for rows in row_blocks(n, q):
        squared[rows], taken[rows], _ = _squared_distance(precisions, Z[0, rows])
    others = max(n - 1, 1)
    leverage = n / (n + q) * squared / others
    return _on_normal_scale(n / others * squared / (1 - np.minimum(leverage, LARGEST_LEVERAGE)), taken)


def joint_distance(conditional: ConditionalNormal, Z: Floats) -> tuple[Floats, Floats]:
    """Mahalanobis distance over the measures taken, on a standard normal scale, and each column's part in it.

    Z: (n, q) standardised with NaN. Returns (n,) distances and (n, q) residuals given the other columns, in standard
    deviations, 0 where missing.
    """
    squared, taken, residual = _squared_distance(Precisions(conditional), Z)
    return _on_normal_scale(squared, taken), residual


class Precision(NamedTuple):
    """Of the columns that were taken and vary. matrix: (c, c). sd: (c,) conditional standard deviations, given the others.

    plain: squared distances below it are well inside.
    """

    columns: Integers
    mean: Floats
    matrix: Floats
    sd: Floats
    plain: float


class Precisions:
    """Inverse covariances of the columns that were taken, each worked out when they are first met; the latest are kept."""

    def __init__(self, conditional: ConditionalNormal, edge: float = np.inf) -> None:
        self._conditional, self._edge = conditional, edge
        self._varies = np.diag(conditional.covariance) > SMALLEST_VARIANCE
        self._kept = lru_cache(maxsize=PRECISIONS_KEPT)(self._prepare)

    def of(self, taken: Bools) -> Precision:
        """taken: (q,)."""
        return self._kept(taken.tobytes())

    def _prepare(self, taken: bytes) -> Precision:
        columns = np.flatnonzero(np.frombuffer(taken, dtype=bool) & self._varies)
        covariance: Floats = self._conditional.covariance[columns[:, None], columns]
        matrix = np.asarray(np.linalg.inv(covariance), dtype=np.float64)
        sd: Floats = 1 / np.sqrt(np.diag(matrix))
        spread = 2 / (9 * max(len(columns), 1))
        plain = PLAIN * len(columns) * max(self._edge * spread**0.5 + 1 - spread, 0.0) ** 3
        return Precision(columns, self._conditional.mean[columns], matrix, sd, plain)


def _squared_distance(precisions: Precisions, Z: Floats) -> tuple[Floats, Floats, Floats]:
    """(n,) squared Mahalanobis distances, (n,) over how many columns, and (n, q) residuals."""
    squared, taken = np.zeros(len(Z)), np.zeros(len(Z))
    residual = np.zeros(Z.shape)
    known = ~np.isnan(Z)
    for rows in alike(known):
        precision = precisions.of(known[rows[0]])
        centred = Z[rows[:, None], precision.columns] - precision.mean
        weighted = centred @ precision.matrix
        squared[rows] = np.einsum("nc,nc->n", weighted, centred)
        taken[rows] = len(precision.columns)
        residual[rows[:, None], precision.columns] = weighted * precision.sd
    return squared, taken, residual


def _on_normal_scale(squared: Floats, taken: Floats) -> Floats:
    """Wilson & Hilferty's cube root of chi-squared, so that patients with different measures taken compare; 0 without any."""
    degrees = np.maximum(taken, 1)
    spread = 2 / (9 * degrees)
    normal = (np.cbrt(squared / degrees) - (1 - spread)) / np.sqrt(spread)
    return np.where(taken > 0, normal, 0.0)


def _scales(contract: Contract) -> Scales:
    return Scales([field.measure.scale for field in contract.covariates])


class Judge:
    """Judges patients against the training data. column_field: the covariate of each standardised column."""

    def __init__(
        self,
        training: TrainingRange,
        conditional: ConditionalNormal,
        contract: Contract,
        column_field: tuple[str, ...],
        assays: Mapping[str, str],
    ) -> None:
        self._training, self._column_field, self._assays = training, column_field, assays
        self._names = [field.name for field in contract.covariates]
        self._assay_positions = contract.assay_positions
        self._scales = _scales(contract)
        low, high = (self._scales.apply(end[None])[0] for end in (training.low, training.high))
        self._low, self._high = np.where(np.isnan(low), np.inf, low), np.where(np.isnan(high), np.inf, high)
        self._width = np.where(high > low, high - low, 1.0)
        self._unseen = _unseen_levels(training, conditional, contract, column_field)
        self._precisions = Precisions(conditional, training.distance.edge)
        # of raw values, well inside the edge: a scale never reverses the order of two values
        spare = PLAIN * training.excess.edge * self._width
        lowest = np.where(np.isfinite(low), self._scales.back((low - spare)[None])[0], np.inf)
        highest = np.where(np.isfinite(high), self._scales.back((high + spare)[None])[0], -np.inf)
        self._lowest, self._highest = lowest, highest
        self._plain = lowest.tolist(), highest.tolist()

    def judge(self, covariates: Covariates, Z: Floats) -> list[Support]:
        """One judgement a patient. Z: (n, q) standardised with NaN."""
        elsewhere = self.elsewhere(covariates, Z)
        return [elsewhere.get(i, INSIDE) for i in range(len(covariates))]

    def elsewhere(self, covariates: Covariates, Z: Floats) -> dict[int, Support]:
        """The judgements of those who are not inside, by their positions. Z: (n, q)."""
        unclear = np.flatnonzero(~(self._are_within(covariates) & self._are_near(Z)))
        closely = self._closely(covariates.rows(unclear), Z[unclear])
        return {i: judged for i, judged in zip(unclear.tolist(), closely, strict=True) if judged is not INSIDE}

    def _are_within(self, covariates: Covariates) -> Bools:
        """(n,) of each patient what `is_within` says of one; False where it is not known at a glance."""
        within = np.ones(len(covariates), dtype=bool)
        for value, low, high in zip(covariates.values.T, self._lowest, self._highest, strict=True):
            # NaN is within
            within &= ~((value < low) | (value > high))
        for position, level in self._unseen:
            within &= covariates.values[:, position] != level
        for field, _ in self._assay_positions:
            names = covariates.assays[field.name]
            other = names != self._assays[field.name]
            if other.any():
                within &= ~other | (names == "")
        return within

    def _are_near(self, Z: Floats) -> Bools:
        """(n,) whether the joint distance is well inside. Z: (n, q)."""
        near = np.empty(len(Z), dtype=bool)
        known = ~np.isnan(Z)
        for rows in alike(known):
            precision = self._precisions.of(known[rows[0]])
            centred = Z[rows].T[precision.columns] - precision.mean[:, None]
            weighted = precision.matrix @ centred
            weighted *= centred
            near[rows] = np.add.reduce(weighted, axis=0) < precision.plain
        return near

    def _closely(self, covariates: Covariates, Z: Floats) -> list[Support]:
        excess = self.excess(covariates)
        squared, taken, residual = _squared_distance(self._precisions, Z)
        distance = _on_normal_scale(squared, taken)
        named, limits = self._training.excess, self._training.distance
        farthest = excess.max(axis=1, initial=0.0, where=~np.isnan(excess))
        level = np.maximum(_level(farthest, named), _level(distance, limits))
        other_assay = self._other_assays(covariates)
        away = np.array(sorted({*np.flatnonzero(level).tolist(), *other_assay}), dtype=np.int64)
        beyond = (excess[away] > named.edge).tolist()
        largest = np.argsort(-np.abs(residual[away]), axis=1)[:, :NAMED_AT_MOST]
        striking = np.abs(np.take_along_axis(residual[away], largest, axis=1)) > STRIKING
        found = [INSIDE] * len(covariates)
        for k, (i, columns, counts) in enumerate(zip(away.tolist(), largest.tolist(), striking.tolist(), strict=True)):
            measures = [name for name, is_beyond in zip(self._names, beyond[k], strict=True) if is_beyond]
            others = other_assay.get(i, [])
            measures += [name for name in others if name not in measures]
            if not measures:
                chosen = [j for j, counted in zip(columns, counts, strict=True) if counted] or columns[:1]
                measures = list(dict.fromkeys(self._column_field[j] for j in chosen))
            found[i] = Support(ORDER[2 if others else level[i]], tuple(measures))
        return found

    def judge_one(self, patient: OnePatient, Z: Floats) -> Support:
        """The judgement of one patient. Z: (1, q)."""
        precision = self.precision(~np.isnan(Z[0]))
        centred = Z[0, precision.columns] - precision.mean
        is_near = float(centred @ precision.matrix @ centred) < precision.plain
        return INSIDE if is_near and self.is_within(patient) else self._closely(patient.as_covariates(), Z)[0]

    def precision(self, taken: Bools) -> Precision:
        """What joint distances over the taken columns (q,) are worked out with."""
        return self._precisions.of(taken)

    def is_within(self, patient: OnePatient) -> bool:
        """Whether one patient's measures, each by itself, are inside by so much that nothing need be worked out to the last digit."""
        if self._unseen:
            return False
        low, high = self._plain
        # what is missing is neither
        if any(map(lt, patient.values, low)) or any(map(gt, patient.values, high)):
            return False
        assays = patient.assays
        return assays == self._assays or all(named in ("", self._assays[field]) for field, named in assays.items())

    def excess(self, covariates: Covariates) -> Floats:
        """(n, k) how far a value lies beyond the range, as a share of its width on the measure's scale.

        Infinite for what was never seen; NaN is missing.
        """
        values = self._scales.apply(covariates.values)
        excess = np.maximum(self._low - values, values - self._high) / self._width
        for position, level in self._unseen:
            excess[covariates.values[:, position] == level, position] = np.inf
        return np.maximum(excess, 0.0)

    def _other_assays(self, covariates: Covariates) -> dict[int, list[str]]:
        """For each patient who has any, the measures that were taken by another assay than the study's."""
        found: dict[int, list[str]] = {}
        for field, position in self._assay_positions:
            names = covariates.assays[field.name]
            other = (names != self._assays[field.name]) & (names != "")
            for i in np.flatnonzero(other & ~np.isnan(covariates.values[:, position])):
                found.setdefault(int(i), []).append(self._names[position])
        return found


def _level(scores: Floats, limits: Limits) -> Integers:
    """(n,) positions in `ORDER`."""
    return np.where(scores > limits.outside, 2, np.where(scores > limits.edge, 1, 0))


def _unseen_levels(
    training: TrainingRange, conditional: ConditionalNormal, contract: Contract, column_field: tuple[str, ...]
) -> list[tuple[int, int]]:
    """(position of the covariate, level) of the levels of categories that no patient of the training data had."""
    unseen = []
    for position, field in enumerate(contract.covariates):
        columns = [j for j, name in enumerate(column_field) if name == field.name] if field.levels else []
        for level, j in enumerate(columns, start=1):
            # an indicator whose 0 and 1 are one standardised value did not vary: all had the level, or none
            everybody = training.low[position] == level == training.high[position]
            if conditional.low[j] == conditional.high[j] and not everybody:
                unseen.append((position, level))
    return unseen
