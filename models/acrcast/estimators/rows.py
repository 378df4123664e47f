"""What every candidate is fitted on: the rows of a trial, prepared anew in each resample by the rule used at deployment."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from acrcast.arrays import Bools, Floats, Integers
from acrcast.contract import Covariates
from acrcast.estimators.block_design import LARGEST_KEPT, Design, Rows, Stacked, row_blocks
from acrcast.estimators.design import CONTROL, TREATED, Column, ColumnValues, Standardisation, Terms
from acrcast.estimators.missing import ConditionalNormal, Incomplete
from acrcast.estimators.normal import latin_normal
from acrcast.studies.study import Study

# Draws that stand for one incomplete patient in fitting and in validation.
COPIES = 5


Measures = Callable[[Rows], tuple[Floats, Bools]]
"""From m of a trial's patients to their (m, q) values on the columns' scales, NaN missing, and to (m, q) which are only limits."""


@dataclass(frozen=True, slots=True)
class TrialRows:
    """A trial as numbers. arm: (n,); y: (n,) 0 or 1. measures: what was measured in some of the n patients."""

    study: Study
    terms: Terms
    measures: Measures
    arm: Floats
    y: Floats

    @classmethod
    def of(cls, study: Study, covariates: Covariates, treated: Bools, responded: Bools) -> "TrialRows":
        terms = Terms.of(study)
        measures = partial(_on_scale, ColumnValues(terms.columns), covariates.values, covariates.below)
        return cls(study, terms, measures, np.where(treated, TREATED, CONTROL), responded.astype(np.float64))

    def __len__(self) -> int:
        return len(self.y)

    @property
    def scaled(self) -> Floats:
        """(n, q) of all patients."""
        return self.measures(slice(None))[0]

    def incomplete(self) -> Integers:
        """Positions of the patients of whom something is missing or below a limit."""
        lacking = [_unknown(scaled, below).any(axis=1) for _, scaled, below in self.blocks()]
        return np.flatnonzero(np.concatenate(lacking))

    def blocks(self) -> Iterator[tuple[slice, Floats, Bools]]:
        """The patients some at a time: who, and their measures."""
        for rows in row_blocks(len(self), len(self.terms.columns)):
            yield rows, *self.measures(rows)


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is learned from the covariates alone: their standardisation and their joint distribution."""

    standardisation: Standardisation
    conditional: ConditionalNormal

    @classmethod
    def fit(cls, rows: TrialRows, weights: Floats) -> "Preparation":
        """weights: (n,), not negative; a row of weight 0 takes no part."""
        return cls.fit_each(rows, weights[None])[0]

    @classmethod
    def fit_each(cls, rows: TrialRows, weights: Floats) -> "tuple[Preparation, ...]":
        """One for each of B resamples. weights: (B, n). The first is where the search for the others' distributions starts."""
        lacking = rows.incomplete()
        scaled, below = rows.measures(lacking)
        incomplete = Incomplete(lacking, _unknown(scaled, below), below)
        found: list[Preparation] = []
        for some in (weights[:1], weights[1:]):
            if len(some) == 0:
                continue
            scales = Standardisation.fit_each(lambda: _known(rows), some)
            low, high, block = _indicators(rows.terms.columns, scales)
            conditionals = ConditionalNormal.fit_each(
                StandardisedRows.of(rows, scales).kept(),
                incomplete,
                some,
                low=low,
                high=high,
                block=block,
                start=found[0].conditional if found else None,
            )
            found += map(cls, scales, conditionals)
        return tuple(found)

    def complete(self, scaled: Floats, below: Bools, nodes: Floats) -> Floats:
        """(n, K, q) standardised rows with unknowns drawn, one draw a node."""
        return self.conditional.draw(self.standardisation.apply(scaled), below, nodes)


@dataclass(frozen=True, slots=True)
class PreparedRows:
    """B resamples of one trial, ready to fit.

    patient: (N,) which patient a row stands for, ascending; an incomplete patient has `COPIES` rows.
    Z: (B, N, q) standardised in each resample. weights: (B, N), the patient's divided among the rows.
    """

    rows: TrialRows
    preparations: tuple[Preparation, ...]
    patient: Integers
    Z: Stacked
    weights: Floats

    @property
    def terms(self) -> Terms:
        return self.rows.terms

    @property
    def is_large(self) -> bool:
        """Whether `Z` is made anew each time that it is gone through."""
        return int(np.prod(self.Z.shape)) > LARGEST_KEPT

    @property
    def arm(self) -> Floats:
        return self.rows.arm[self.patient]

    @property
    def y(self) -> Floats:
        return self.rows.y[self.patient]

    def design(self, terms: Sequence[int], arms: Sequence[float] | None = None) -> Design:
        """The design of these terms, made in blocks. arms: all rows under each of them in turn; None is each row's own."""
        rows = len(self.patient)
        which = slice(None) if len(terms) == self.terms.size else list(terms)

        def make(some: Rows) -> Floats:
            if arms is None:
                arm, at = self.rows.arm[self.patient[some]], some
            else:
                number, at = np.divmod(np.arange(len(arms) * rows)[some], rows)
                arm = np.asarray(arms)[number]
            return self.terms.matrix(arm, self.Z[:, at])[:, :, which]

        return Design(self.Z.shape[0], rows * (1 if arms is None else len(arms)), len(terms), make=make)

    @property
    def first(self) -> Integers:
        """(n,) each patient's first row."""
        return np.flatnonzero(np.diff(self.patient, prepend=-1))

    def by_patient(self, values: Floats) -> Floats:
        """(B, N) values of rows averaged to (B, n) patients."""
        if len(self.patient) == len(self.rows):
            return values
        first = self.first
        copies = np.diff(first, append=len(self.patient))
        averaged: Floats = np.add.reduceat(values * np.repeat(1.0 / copies, copies), first, axis=1)
        return averaged


@dataclass(frozen=True, slots=True, eq=False)
class StandardisedRows:
    """The (B, N, q) standardised rows of a trial, made when they are indexed: [b], [b, rows] or [:, rows].

    So no whole array of many patients needs to exist. drawn: (B, v) the values that were drawn, row after row and in the order of
    the columns; start: (N,) where those of a row begin, -1 where nothing of it was drawn.
    """

    rows: TrialRows
    scales: tuple[Standardisation, ...]
    patient: Integers
    drawn: Floats
    start: Integers

    @classmethod
    def of(cls, rows: TrialRows, scales: Sequence[Standardisation]) -> "StandardisedRows":
        """One row for each patient; what is missing is NaN."""
        n = len(rows)
        return cls(rows, tuple(scales), np.arange(n), np.empty((len(scales), 0)), np.broadcast_to(np.int64(-1), n))

    def kept(self) -> Stacked:
        """The array itself, unless it is large."""
        return self[:] if np.prod(self.shape) <= LARGEST_KEPT else self

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.scales), len(self.patient), len(self.rows.terms.columns)

    def __getitem__(self, key: int | slice | tuple[int | slice, Rows]) -> Floats:
        resamples, at = key if isinstance(key, tuple) else (key, slice(None))
        scaled, below = self.rows.measures(self.patient[at])
        which = np.arange(len(self.scales))[resamples]
        Z = np.empty((which.size, *scaled.shape))
        row, column, position = self._of_drawn(self.start[at], scaled, below)
        for b, out in zip(np.atleast_1d(which), Z, strict=True):
            self.scales[b].apply(scaled, out)
            out[row, column] = self.drawn[b, position]
        return Z if which.ndim else Z[0]

    @staticmethod
    def _of_drawn(start: Integers, scaled: Floats, below: Bools) -> tuple[Integers, Integers, Integers]:
        """Rows and columns of the values of m rows that were drawn, and their positions in `drawn`. start: (m,)."""
        rows = np.flatnonzero(start >= 0)
        unknown = _unknown(scaled[rows], below[rows])
        row, column = np.nonzero(unknown)
        counts = unknown.sum(axis=1)
        before = np.cumsum(counts) - counts
        return rows[row], column, np.repeat(start[rows] - before, counts) + np.arange(len(row))


def prepare(rows: TrialRows, weights: Floats, rng: "np.random.Generator") -> PreparedRows:
    """Prepare B resamples. weights: (B, n). Every patient gets rows, also those of weight 0: they are predicted, not fitted."""
    which = rows.incomplete()
    preparations = Preparation.fit_each(rows, weights)
    Z = StandardisedRows.of(rows, [preparation.standardisation for preparation in preparations])
    if which.size:
        copies = np.ones(len(rows), dtype=np.int64)
        copies[which] = COPIES
        patient = np.repeat(np.arange(len(rows)), copies)
        drawn, counts = _drawn(rows, which, preparations, rng)
        start = np.full(len(patient), -1)
        start[copies[patient] > 1] = np.cumsum(counts) - counts
        Z = replace(Z, patient=patient, drawn=drawn, start=start)
        weights = weights[:, patient] * (1.0 / copies)[patient]
    return PreparedRows(rows, preparations, Z.patient, Z.kept(), weights)


def _drawn(
    rows: TrialRows, incomplete: Integers, preparations: Sequence[Preparation], rng: np.random.Generator
) -> tuple[Floats, Integers]:
    """(B, v) what is drawn of these patients, `COPIES` times each and in the order of the columns, and how many of each time."""
    q, parts, counts = len(rows.terms.columns), [], []
    for some in row_blocks(len(incomplete), COPIES * q):
        scaled, below = rows.measures(incomplete[some])
        nodes = latin_normal((len(scaled), COPIES, q), rng)
        unknown = np.repeat(_unknown(scaled, below), COPIES, axis=0).reshape(nodes.shape)
        parts.append([preparation.complete(scaled, below, nodes)[unknown] for preparation in preparations])
        counts.append(unknown.sum(axis=2).ravel())
    return np.concatenate(parts, axis=1), np.concatenate(counts)


def _unknown(scaled: Floats, below: Bools) -> Bools:
    """(m, q) what is missing or below a limit."""
    unknown: Bools = np.isnan(scaled) | below
    return unknown


def _on_scale(columns: ColumnValues, values: Floats, below: Bools, rows: Rows) -> tuple[Floats, Bools]:
    return columns.of(values[rows], below[rows])


def _known(rows: TrialRows) -> Iterator[tuple[slice, Floats]]:
    for some, scaled, below in rows.blocks():
        scaled[below] = np.nan
        yield some, scaled


def _indicators(columns: tuple[Column, ...], scales: Sequence[Standardisation]) -> tuple[Floats, Floats, Integers]:
    """(B, q) standardised values of 0 and of 1 of the indicators, NaN elsewhere, and (q,) each column's field."""
    is_indicator = np.array([column.is_indicator for column in columns], dtype=bool)
    zero, one = (
        np.stack([np.where(is_indicator, scale.apply(value), np.nan) for scale in scales])
        for value in (np.zeros(len(columns)), np.ones(len(columns)))
    )
    return zero, one, np.array([column.position for column in columns], dtype=np.int64)
