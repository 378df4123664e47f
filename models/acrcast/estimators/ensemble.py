"""A fitted procedure as it is served: the champion's own estimate, and the members that carry the uncertainty."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from acrcast.arrays import Floats
from acrcast.estimators.design import Terms

if TYPE_CHECKING:
    import xgboost as xgb


class Ensemble(Protocol):
    """Log-odds of response by the estimate and by each member."""

    @property
    def size(self) -> int:
        """How many members."""
        ...

    def estimate(self, arm: float, Z: Floats) -> Floats:
        """(...) log-odds. Z: (..., q)."""
        ...

    def members_of_complete(self, arm: float, Z: Floats) -> Floats:
        """(n, M) log-odds of rows with nothing missing. Z: (n, q)."""
        ...

    def members_of_drawn(self, arm: float, Z: Floats) -> Floats:
        """(n, M) log-odds, member m on draw m. Z: (n, M, q)."""
        ...

    def contributions(self, arm: float, Z: Floats) -> tuple[Floats, Floats]:
        """Exact Shapley values on the log-odds scale: (n, q) of the columns, and (n,) what is left without them. Z: (n, q)."""
        ...


@dataclass(frozen=True, slots=True)
class LogisticEnsemble:
    """Point (p,) and members (M, p), coefficients on all terms of the design."""

    terms: Terms
    point: Floats
    members: Floats

    @property
    def size(self) -> int:
        return len(self.members)

    def estimate(self, arm: float, Z: Floats) -> Floats:
        log_odds: Floats = self.terms.matrix(arm, Z) @ self.point
        return log_odds

    def members_of_complete(self, arm: float, Z: Floats) -> Floats:
        log_odds: Floats = self.terms.matrix(arm, Z) @ self.members.T
        return log_odds

    def members_of_drawn(self, arm: float, Z: Floats) -> Floats:
        log_odds: Floats = np.einsum("nmp,mp->nm", self.terms.matrix(arm, Z), self.members)
        return log_odds

    def contributions(self, arm: float, Z: Floats) -> tuple[Floats, Floats]:
        """With independent columns of mean zero, a linear model's Shapley value is its term (Lundberg & Lee 2017)."""
        slope = self.point[self.terms.measures].copy()
        baseline = float(self.point[0])
        if self.terms.two_arms:
            baseline += arm * float(self.point[1])
            slope[list(self.terms.modifiers)] += arm * self.point[self.terms.interactions]
        return Z * slope, np.full(len(Z), baseline)


@dataclass(frozen=True, slots=True)
class BoostedEnsemble:
    """The estimate is the booster's; the members are draws of the hierarchical posterior, every second one moved to the trees.

    Which of the two is right about a patient is not known: half of the members keep the linear model's view, and half have its
    uncertainty about the booster's. logistic: the hierarchical model's own point, and its draws (see `boosted.spread_by_disagreement`).
    """

    booster: "xgb.Booster"
    logistic: LogisticEnsemble

    @property
    def size(self) -> int:
        return self.logistic.size

    def estimate(self, arm: float, Z: Floats) -> Floats:
        from acrcast.estimators.boosted import feature_matrix, log_odds  # noqa: PLC0415  only when a model needs it

        flat = Z.reshape(-1, Z.shape[-1])
        return log_odds(self.booster, feature_matrix(self.logistic.terms, arm, flat)).reshape(Z.shape[:-1])

    def members_of_complete(self, arm: float, Z: Floats) -> Floats:
        return self.logistic.members_of_complete(arm, Z) + self._moved * self.disagreement(arm, Z)[:, None]

    def members_of_drawn(self, arm: float, Z: Floats) -> Floats:
        return self.logistic.members_of_drawn(arm, Z) + self._moved * self.disagreement(arm, Z)

    def disagreement(self, arm: float, Z: Floats) -> Floats:
        """(...) log-odds by the booster less those by the hierarchical model's own point. Z: (..., q)."""
        return self.estimate(arm, Z) - self.logistic.estimate(arm, Z)

    @property
    def _moved(self) -> Floats:
        """(M,) 1 for the members that are moved, 0 for the others."""
        return np.resize(np.array([0.0, 1.0]), self.size)

    def contributions(self, arm: float, Z: Floats) -> tuple[Floats, Floats]:
        """Tree Shapley values; the arm's own is part of what is left. They add up to XGBoost's single precision."""
        from acrcast.estimators.boosted import contributions, feature_matrix  # noqa: PLC0415  only when a model needs it

        terms = self.logistic.terms
        values = contributions(self.booster, feature_matrix(terms, arm, Z))
        measures, expected = values[:, :-1], values[:, -1]
        if terms.two_arms:
            measures, expected = measures[:, 1:], expected + measures[:, 0]
        return measures, expected
