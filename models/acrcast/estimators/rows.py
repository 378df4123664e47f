"""What every candidate is fitted on: the rows of a trial, prepared anew in each resample by the rule used at deployment."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bools, Floats, Integers
from acrcast.contract import Covariates
from acrcast.estimators.block_design import Design, Rows
from acrcast.estimators.design import CONTROL, TREATED, Column, Standardisation, Terms, on_scale
from acrcast.estimators.missing import ConditionalNormal
from acrcast.estimators.normal import latin_normal
from acrcast.studies.study import Study

# Draws that stand for one incomplete patient in fitting and in validation.
COPIES = 5


@dataclass(frozen=True, slots=True)
class TrialRows:
    """A trial as numbers. scaled: (n, q) on the columns' scales, NaN missing; below: (n, q); arm: (n,); y: (n,) 0 or 1."""

    study: Study
    terms: Terms
    scaled: Floats
    below: Bools
    arm: Floats
    y: Floats

    @classmethod
    def of(cls, study: Study, covariates: Covariates, treated: Bools, responded: Bools) -> "TrialRows":
        terms = Terms.of(study)
        scaled, below = on_scale(terms.columns, covariates)
        return cls(study, terms, scaled, below, np.where(treated, TREATED, CONTROL), responded.astype(np.float64))

    def __len__(self) -> int:
        return len(self.y)


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
        found: list[Preparation] = []
        for some in (weights[:1], weights[1:]):
            if len(some) == 0:
                continue
            scales = _standardisations(rows, some)
            low, high, block = _indicators(rows.terms.columns, scales)
            conditionals = ConditionalNormal.fit_each(
                _standardised(rows, scales),
                rows.below,
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
    share: (N,) 1 or 1/COPIES. Z: (B, N, q) standardised in each resample. weights: (B, N), the resample's weights by share.
    """

    rows: TrialRows
    preparations: tuple[Preparation, ...]
    patient: Integers
    share: Floats
    Z: Floats
    weights: Floats

    @property
    def terms(self) -> Terms:
        return self.rows.terms

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

        return Design(len(self.Z), rows * (1 if arms is None else len(arms)), len(terms), make=make)

    @property
    def first(self) -> Integers:
        """(n,) each patient's first row."""
        return np.flatnonzero(np.diff(self.patient, prepend=-1))

    def by_patient(self, values: Floats) -> Floats:
        """(B, N) values of rows averaged to (B, n) patients."""
        averaged: Floats = np.add.reduceat(values * self.share, self.first, axis=1)
        return averaged


def prepare(rows: TrialRows, weights: Floats, rng: "np.random.Generator") -> PreparedRows:
    """Prepare B resamples. weights: (B, n). Every patient gets rows, also those of weight 0: they are predicted, not fitted."""
    copies = np.where((np.isnan(rows.scaled) | rows.below).any(axis=1), COPIES, 1)
    patient = np.repeat(np.arange(len(rows)), copies)
    share = 1.0 / copies[patient]
    q = rows.scaled.shape[1]
    incomplete = np.flatnonzero(copies > 1)
    nodes = latin_normal((len(incomplete), COPIES, q), rng)
    preparations = Preparation.fit_each(rows, weights)
    Z = np.empty((len(weights), len(patient), q))
    for b, preparation in enumerate(preparations):
        # in place, without buffers of its size
        np.take(rows.scaled, patient, axis=0, out=Z[b], mode="clip")
        preparation.standardisation.apply(Z[b], out=Z[b])
        if incomplete.size:
            drawn = preparation.complete(rows.scaled[incomplete], rows.below[incomplete], nodes)
            Z[b, copies[patient] > 1] = drawn.reshape(-1, q)
    return PreparedRows(rows, preparations, patient, share, Z, weights[:, patient] * share)


def _standardisations(rows: TrialRows, weights: Floats) -> list[Standardisation]:
    known = np.where(rows.below, np.nan, rows.scaled)
    return [Standardisation.fit(known, w) for w in weights]


def _standardised(rows: TrialRows, scales: Sequence[Standardisation]) -> Floats:
    Z = np.empty((len(scales), *rows.scaled.shape))
    for scale, out in zip(scales, Z, strict=True):
        scale.apply(rows.scaled, out)
    return Z


def _indicators(columns: tuple[Column, ...], scales: Sequence[Standardisation]) -> tuple[Floats, Floats, Integers]:
    """(B, q) standardised values of 0 and of 1 of the indicators, NaN elsewhere, and (q,) each column's field."""
    is_indicator = np.array([column.is_indicator for column in columns], dtype=bool)
    zero, one = (
        np.stack([np.where(is_indicator, scale.apply(value), np.nan) for scale in scales])
        for value in (np.zeros(len(columns)), np.ones(len(columns)))
    )
    return zero, one, np.array([column.position for column in columns], dtype=np.int64)
