"""The six candidates, simplest first, fitted to B resamples at once through one interface."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from acrcast.arrays import Floats
from acrcast.estimators.block_design import Design, Stacked, row_blocks
from acrcast.estimators.design import Terms
from acrcast.estimators.elastic_net import elastic_net
from acrcast.estimators.ensemble import feature_matrix
from acrcast.estimators.newton import linear
from acrcast.estimators.normal import expit
from acrcast.estimators.posterior import hierarchical, prespecified, projected
from acrcast.estimators.rows import PreparedRows
from acrcast.estimators.small_set import firth, prevalence

if TYPE_CHECKING:
    import xgboost as xgb


class PointFits(Protocol):
    """B fits of one candidate."""

    def risk(self, arm: Floats | float, Z: Stacked) -> Floats:
        """(B, N) probabilities. arm: (N,) or a number. Z: (B, N, q), standardised in each resample."""
        ...


@dataclass(frozen=True, slots=True)
class LogisticPoints:
    """Coefficients (B, p) on all terms of the design."""

    terms: Terms
    coefficients: Floats

    def risk(self, arm: Floats | float, Z: Stacked) -> Floats:
        B, N, _ = Z.shape
        own = np.broadcast_to(arm, N)
        design = Design(B, N, self.terms.size, make=lambda rows: self.terms.matrix(own[rows], Z[:, rows]))
        risk = np.empty((B, N))
        for rows, X in design.blocks(np.arange(B)):
            risk[:, rows] = expit(linear(X, self.coefficients))
        return risk


@dataclass(frozen=True, slots=True)
class BoostedPoints:
    """One booster for each of B resamples."""

    terms: Terms
    boosters: "list[xgb.Booster]"

    def risk(self, arm: Floats | float, Z: Stacked) -> Floats:
        from acrcast.estimators.boosted import log_odds  # noqa: PLC0415  only when a model needs it

        B, N, q = Z.shape
        own, risk = np.broadcast_to(arm, N), np.empty((B, N))
        for b, booster in enumerate(self.boosters):
            for rows in row_blocks(N, q):
                risk[b, rows] = expit(log_odds(booster, feature_matrix(self.terms, own[rows], Z[b, rows])))
        return risk


def _boosted(prepared: PreparedRows, rng: np.random.Generator) -> PointFits:
    from acrcast.estimators.boosted import fit_boosted  # noqa: PLC0415  only when a model needs it

    return BoostedPoints(prepared.terms, fit_boosted(prepared, rng))


def _logistic(fit: Callable[[PreparedRows, np.random.Generator], Floats]) -> "Fit":
    return lambda prepared, rng: LogisticPoints(prepared.terms, fit(prepared, rng))


# The candidate that quotes the arm's response rate to everybody, which every other one has to beat.
RESPONSE_RATE = "prevalence"

Fit = Callable[[PreparedRows, np.random.Generator], PointFits]


@dataclass(frozen=True, slots=True)
class Candidate:
    """conditions_on: what its estimate uses, in words that go with every prediction."""

    name: str
    fit: Fit
    conditions_on: str

    @property
    def is_logistic(self) -> bool:
        return self.name != "xgboost"


CANDIDATES: dict[str, Candidate] = {
    candidate.name: candidate
    for candidate in (
        Candidate(
            RESPONSE_RATE,
            _logistic(lambda prepared, _: prevalence(prepared)),
            "the treatment arm only: it is the arm's response rate, the same for every patient",
        ),
        Candidate(
            "prespecified",
            _logistic(lambda prepared, _: projected(prepared, prespecified(prepared))),
            "the treatment arm and the measures named beforehand",
        ),
        Candidate(
            "hierarchical",
            _logistic(lambda prepared, _: projected(prepared, hierarchical(prepared))),
            "the treatment arm and every measure",
        ),
        Candidate(
            "firth",
            _logistic(lambda prepared, _: firth(prepared)),
            "the treatment arm and the measures named beforehand",
        ),
        Candidate("elastic-net", _logistic(elastic_net), "the treatment arm and the measures that its penalty kept"),
        Candidate("xgboost", _boosted, "the treatment arm and every measure"),
    )
}
"""In the order of preference: among candidates that do equally well, the earlier one is chosen."""
