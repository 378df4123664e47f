"""From raw covariates to the columns that a model sees, and the design matrix of arm, measures and named interactions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from acrcast.arrays import Bools, Floats
from acrcast.contract import Contract, Covariates, OnePatient
from acrcast.domain.elementary import Number, log1p, sqrt
from acrcast.studies.study import Study

# The arm enters as -1/2 (control) and +1/2 (treated), so that main effects are averages over the arms.
CONTROL, TREATED = -0.5, 0.5

TO_SCALE: Mapping[str, Callable[[Number], Number]] = {"linear": lambda x: x, "log": log1p, "sqrt": sqrt}
"""From a measure's own units to the scale on which a model sees it."""
FROM_SCALE: Mapping[str, Callable[[Floats], Floats]] = {"linear": np.asarray, "log": np.expm1, "sqrt": np.square}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: a number on its scale, or the indicator of one level of a category (the first level is the reference)."""

    field: str
    position: int
    scale: str
    level: int | None = None
    level_name: str = ""

    @property
    def name(self) -> str:
        return f"{self.field}={self.level_name}" if self.level_name else self.field

    @property
    def is_indicator(self) -> bool:
        return self.level is not None


def columns_of(contract: Contract) -> tuple[Column, ...]:
    """All columns of a contract's covariates, in its order. A yes_no is the indicator of yes."""
    columns: list[Column] = []
    for position, field in enumerate(contract.covariates):
        if field.kind == "yes_no":
            columns.append(Column(field.name, position, "linear", 1))
        elif field.kind == "category":
            columns += [
                Column(field.name, position, "linear", level, field.levels[level])
                for level in range(1, len(field.levels))
            ]
        else:
            columns.append(Column(field.name, position, field.measure.scale))
    return tuple(columns)


class Scales:
    """Columns of values put on their scales. scales: the scale of each column."""

    def __init__(self, scales: Sequence[str]) -> None:
        self._columns = [(name, j) for j, name in enumerate(scales) if name != "linear"]

    def apply(self, values: Floats) -> Floats:
        """(n, k) on the columns' scales. values: (n, k)."""
        scaled = values.copy(order="K")
        for name, j in self._columns:
            scaled[:, j] = TO_SCALE[name](values[:, j])
        return scaled

    def back(self, scaled: Floats) -> Floats:
        """The inverse of `apply`."""
        values = scaled.copy(order="K")
        for name, j in self._columns:
            values[:, j] = FROM_SCALE[name](scaled[:, j])
        return values


class ColumnValues:
    """The columns that a model sees, from the covariates of patients."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self._position = np.array([column.position for column in columns], dtype=np.int64)
        self._scales = Scales([column.scale for column in columns])
        # the only indicator of its covariate is its value: 0 or 1
        shared = {column.position for column in columns if column.level not in (None, 1)}
        several = [j for j, column in enumerate(columns) if column.position in shared]
        self._indicator = np.array(several, dtype=np.int64)
        self._level = np.array([columns[j].level for j in several], dtype=np.float64)
        self._each = [
            (
                column.position,
                None if column.scale == "linear" else TO_SCALE[column.scale],
                column.level if j in several else None,
            )
            for j, column in enumerate(columns)
        ]

    def of(self, values: Floats, below: Bools) -> tuple[Floats, Bools]:
        """(n, q) values on the scale of each column, NaN where missing, and where they are only upper limits.

        values, below: (n, k) of the covariates. A column's numbers lie side by side in memory.
        """
        values = values.T[self._position].T
        scaled = self._scales.apply(values)
        for j, level in zip(self._indicator.tolist(), self._level.tolist(), strict=True):
            scaled[:, j] = np.where(np.isnan(values[:, j]), np.nan, values[:, j] == level)
        return scaled, below.T[self._position].T

    def of_one(self, patient: OnePatient) -> list[float]:
        """The values of one patient."""
        values = patient.values
        scaled: list[Any] = [
            values[position] if scale is None else scale(values[position]) for position, scale, _ in self._each
        ]
        for j in self._indicator:
            scaled[j] = scaled[j] if scaled[j] != scaled[j] else float(scaled[j] == self._each[j][2])
        return scaled

    def below(self, patient: OnePatient) -> Bools:
        """(q,) where a column's value is only an upper limit."""
        return np.isin(self._position, patient.below)


def on_scale(columns: tuple[Column, ...], covariates: Covariates) -> tuple[Floats, Bools]:
    """(n, q) values on the scale of each column, NaN where missing, and where they are only upper limits."""
    return ColumnValues(columns).of(covariates.values, covariates.below)


@dataclass(frozen=True, slots=True)
class Terms:
    """Which columns of the design are what: intercept, arm (with two arms), q measures, k interactions with the arm."""

    columns: tuple[Column, ...]
    two_arms: bool
    modifiers: tuple[int, ...]
    small_set: tuple[int, ...]

    @classmethod
    def of(cls, study: Study) -> "Terms":
        columns = columns_of(study.contract)
        return cls(
            columns=columns,
            two_arms=study.has_control,
            modifiers=tuple(j for j, column in enumerate(columns) if column.field in study.effect_modifiers),
            small_set=tuple(j for j, column in enumerate(columns) if column.field in study.small_set),
        )

    @property
    def arms(self) -> int:
        return 2 if self.two_arms else 1

    @property
    def first_measure(self) -> int:
        return 2 if self.two_arms else 1

    @property
    def size(self) -> int:
        return self.first_measure + len(self.columns) + len(self.modifiers)

    @property
    def measures(self) -> slice:
        return slice(self.first_measure, self.first_measure + len(self.columns))

    @property
    def interactions(self) -> slice:
        return slice(self.first_measure + len(self.columns), self.size)

    @property
    def names(self) -> tuple[str, ...]:
        measures = tuple(column.name for column in self.columns)
        arm = ("arm",) if self.two_arms else ()
        return ("intercept", *arm, *measures, *(f"arm x {measures[j]}" for j in self.modifiers))

    def small_terms(self) -> tuple[int, ...]:
        """Positions of the prespecified model's terms: intercept, arm, the small set and the modifiers' interactions."""
        start = self.first_measure
        return (*range(start), *(start + j for j in self.small_set), *range(self.interactions.start, self.size))

    def matrix(self, arm: Floats | float, Z: Floats) -> Floats:
        """(..., n, p) design. arm: (n,) or a number, `CONTROL` or `TREATED`. Z: (..., n, q) standardised columns."""
        X = np.empty((*Z.shape[:-1], self.size))
        X[..., 0] = 1.0
        X[..., self.measures] = Z
        if self.two_arms:
            X[..., 1] = arm
            X[..., self.interactions] = X[..., 1:2] * Z[..., list(self.modifiers)]
        return X


@dataclass(frozen=True, slots=True)
class Standardisation:
    """Mean and population standard deviation of each column; a constant or wholly missing column becomes zeros."""

    mean: Floats
    sd: Floats

    @classmethod
    def fit(cls, scaled: Floats, weights: Floats) -> "Standardisation":
        """scaled: (n, q) with NaN. weights: (n,). What is missing takes no part."""
        return cls.fit_each(lambda: [(slice(None), scaled)], weights[None])[0]

    @classmethod
    def fit_each(cls, blocks: Callable[[], Iterable[tuple[slice, Floats]]], weights: Floats) -> "list[Standardisation]":
        """One for each of B resamples. weights: (B, n). blocks: gives all rows, some at a time, whenever it is called."""
        total, mean = _weighted_sums(blocks(), weights, None)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(total > 0, mean / total, 0.0)
            spread = np.where(total > 0, _weighted_sums(blocks(), weights, mean)[1] / total, 0.0)
        sd = np.sqrt(spread)
        constant = sd <= 1e-9 * np.abs(mean)
        return [cls(*each) for each in zip(mean, np.where(constant, np.inf, sd), strict=True)]

    def apply(self, scaled: Floats, out: Floats | None = None) -> Floats:
        """out: an array for the answer, which may be `scaled` itself."""
        standardised: Floats = np.subtract(scaled, self.mean, out=out)
        standardised /= self.sd
        return standardised


def _weighted_sums(
    blocks: Iterable[tuple[slice, Floats]], weights: Floats, around: Floats | None
) -> tuple[Floats, Floats]:
    """(B, q) weights of what is known, and (B, q) weighted sums of it, or of its squared distance from `around` (B, q)."""
    totals, sums = [], []
    for rows, values in blocks:
        total, summed = np.zeros((2, len(weights), values.shape[1]))
        for j, column in enumerate(values.T):
            known = ~np.isnan(column)
            value = column[known]
            for b, w in enumerate(weights[:, rows][:, known]):
                total[b, j] = w.sum()
                summed[b, j] = w @ (value if around is None else (value - around[b, j]) ** 2)
        totals.append(total)
        sums.append(summed)
    return sum(totals[1:], totals[0]), sum(sums[1:], sums[0])
