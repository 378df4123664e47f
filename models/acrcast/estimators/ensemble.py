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
    """Boosters of the estimate and of the members; the members' spread about the estimate is widened by `factor`."""

    terms: Terms
    point: "xgb.Booster"
    boosters: "tuple[xgb.Booster, ...]"
    factor: float

    @property
    def size(self) -> int:
        return len(self.boosters)

    def estimate(self, arm: float, Z: Floats) -> Floats:
        from acrcast.estimators.boosted import feature_matrix, log_odds  # noqa: PLC0415  only when a model needs it

        flat = Z.reshape(-1, Z.shape[-1])
        return log_odds(self.point, feature_matrix(self.terms, arm, flat)).reshape(Z.shape[:-1])

    def members_of_complete(self, arm: float, Z: Floats) -> Floats:
        return self.members_of_drawn(arm, np.broadcast_to(Z[:, None, :], (len(Z), self.size, Z.shape[1])))

    def members_of_drawn(self, arm: float, Z: Floats) -> Floats:
        from acrcast.estimators.boosted import feature_matrix, log_odds  # noqa: PLC0415  only when a model needs it

        centre = self.estimate(arm, Z)
        member = np.stack(
            [log_odds(booster, feature_matrix(self.terms, arm, Z[:, m])) for m, booster in enumerate(self.boosters)],
            axis=1,
        )
        return centre + self.factor * (member - centre)

    def contributions(self, arm: float, Z: Floats) -> tuple[Floats, Floats]:
        """Tree Shapley values; the arm's own is part of what is left. They add up to XGBoost's single precision."""
        from acrcast.estimators.boosted import contributions, feature_matrix  # noqa: PLC0415  only when a model needs it

        values = contributions(self.point, feature_matrix(self.terms, arm, Z))
        measures, expected = values[:, :-1], values[:, -1]
        if self.terms.two_arms:
            measures, expected = measures[:, 1:], expected + measures[:, 0]
        return measures, expected
