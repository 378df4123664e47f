"""A fitted procedure as it is served: the champion's own estimate, and the members that carry the uncertainty."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from acrcast.arrays import Bytes, Floats, Floats32
from acrcast.estimators.design import CONTROL, TREATED, Terms
from acrcast.estimators.patterns import Draws, Linear, Pattern
from acrcast.estimators.trees import Trees

# Of the members of boosted trees, those that are moved to the trees.
MOVED = slice(1, None, 2)
EVERY = slice(None)


class Ensemble(Protocol):
    """Log-odds of response by the estimate and by each member."""

    @property
    def size(self) -> int:
        """How many members."""
        ...

    def linear(self) -> Linear:
        """What patterns of known columns are prepared with."""
        ...

    def log_odds(self, pattern: Pattern, Z: Floats, draws: Draws, arms: int) -> Floats:
        """(n, arms, 2, M) log-odds by the members, and by the estimate on each draw of what is unknown. Z: (n, q).

        arms: 1 for the treated arm alone, 2 with the control after it.
        """
        ...

    def members_of_treated(self, pattern: Pattern, Z: Floats, draws: Draws) -> Floats:
        """(n, M) of `log_odds` what the members say of the treated arm."""
        ...

    def estimates(self, pattern: Pattern, Z: Floats, draws: Draws, arms: int) -> Floats:
        """(n, arms, M) of `log_odds` what the estimate says; (n, arms, 1) where there is nothing to be drawn."""
        ...

    def estimate(self, arm: float, Z: Floats) -> Floats:
        """(...) log-odds of complete rows. Z: (..., q)."""
        ...

    def contributions(self, pattern: Pattern, Z: Floats, draws: Draws) -> tuple[Floats, Floats]:
        """Exact Shapley values of a patient's estimate on the log-odds scale, averaged over the draws of what is unknown.

        Z: (1, q). Returns (arms, q) of the columns, NaN where unknown, and (arms,) what is left without any.
        """
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

    def linear(self) -> Linear:
        arms = (TREATED, CONTROL) if self.terms.two_arms else (TREATED,)
        both = np.stack([self.members, np.broadcast_to(self.point, self.members.shape)])
        intercept, slope = zip(*(self._on_columns(arm, both) for arm in arms), strict=True)
        return Linear(np.stack(intercept), np.stack(slope))

    def log_odds(self, pattern: Pattern, Z: Floats, draws: Draws, arms: int) -> Floats:
        return pattern.log_odds(Z, draws, arms)

    def members_of_treated(self, pattern: Pattern, Z: Floats, draws: Draws) -> Floats:
        return pattern.members_of_treated(Z, draws)

    def estimates(self, pattern: Pattern, Z: Floats, draws: Draws, arms: int) -> Floats:
        if not pattern.is_complete:
            return pattern.log_odds(Z, draws, arms)[:, :, 1]
        linear = pattern.linear
        log_odds: Floats = Z @ linear.slope[:arms, 1, 0].T + linear.intercept[:arms, 1, 0]
        return log_odds[..., None]

    def estimate(self, arm: float, Z: Floats) -> Floats:
        log_odds: Floats = self.terms.matrix(arm, Z) @ self.point
        return log_odds

    def contributions(self, pattern: Pattern, Z: Floats, draws: Draws) -> tuple[Floats, Floats]:  # noqa: ARG002  one of two kinds
        """With independent columns of mean zero, a linear model's Shapley value is its term (Lundberg & Lee 2017)."""
        return Z * pattern.linear.slope[:, 1, 0], pattern.linear.intercept[:, 1, 0]

    def _on_columns(self, arm: float, coefficients: Floats) -> tuple[Floats, Floats]:
        """Intercept (...) and slope (..., q) in one arm, of coefficients on the terms (..., p)."""
        intercept, slope = coefficients[..., 0], coefficients[..., self.terms.measures].copy()
        if self.terms.two_arms:
            intercept = intercept + arm * coefficients[..., 1]
            slope[..., list(self.terms.modifiers)] += arm * coefficients[..., self.terms.interactions]
        return intercept, slope


@dataclass(frozen=True)
class BoostedEnsemble:
    """The estimate is the trees'; the members are draws of the hierarchical posterior, every second one moved to the trees.

    Which of the two is right about a patient is not known: half of the members keep the linear model's view, and half have its
    uncertainty about the trees'. logistic: the hierarchical model's own point, and its draws (see `boosted.spread_by_disagreement`).
    """

    trees: Trees
    logistic: LogisticEnsemble

    @property
    def size(self) -> int:
        return self.logistic.size

    def linear(self) -> Linear:
        return self.logistic.linear()

    def log_odds(self, pattern: Pattern, Z: Floats, draws: Draws, arms: int) -> Floats:
        log_odds = pattern.log_odds(Z, draws, arms)
        outcomes = self._outcomes(pattern, Z, draws)
        for a, of_arm in enumerate(self._of_arms[:arms]):
            estimate = self.trees.log_odds_of(outcomes | of_arm).reshape(len(Z), -1)
            log_odds[:, a, 0, MOVED] += (estimate - log_odds[:, a, 1])[:, MOVED]
            log_odds[:, a, 1] = estimate
        return log_odds

    def members_of_treated(self, pattern: Pattern, Z: Floats, draws: Draws) -> Floats:
        log_odds = pattern.log_odds(Z, draws, 1)
        members, point = log_odds[:, 0, 0], log_odds[:, 0, 1]
        outcomes = self._outcomes(pattern, Z, draws, MOVED)
        estimate = self.trees.log_odds_of(outcomes | self._of_arms[0]).reshape(len(Z), -1)
        members[:, MOVED] += estimate - point[:, MOVED]
        return members

    def estimates(self, pattern: Pattern, Z: Floats, draws: Draws, arms: int) -> Floats:
        outcomes = self._outcomes(pattern, Z, draws)
        of_arms = [self.trees.log_odds_of(outcomes | of_arm).reshape(len(Z), -1) for of_arm in self._of_arms[:arms]]
        return np.stack(of_arms, axis=1)

    def estimate(self, arm: float, Z: Floats) -> Floats:
        return self.trees.log_odds(feature_matrix(self.logistic.terms, arm, Z))

    def disagreement(self, arm: float, Z: Floats) -> Floats:
        """(...) log-odds by the trees less those by the hierarchical model's own point. Z: (..., q)."""
        return self.estimate(arm, Z) - self.logistic.estimate(arm, Z)

    def contributions(self, pattern: Pattern, Z: Floats, draws: Draws) -> tuple[Floats, Floats]:
        """Tree Shapley values; the arm's own is part of what is left."""
        outcomes = self._outcomes(pattern, Z, draws)
        values = [self.trees.mean_contributions_of(outcomes | of_arm) for of_arm in self._of_arms]
        return self._by_measure(np.stack(values))

    def of_complete(self, Z: Floats) -> tuple[Floats, Floats, Floats]:
        """(arms,) log-odds by the estimate, and its contributions, of one patient of whom everything is known. Z: (1, q)."""
        outcomes = self.trees.outcomes(self._features(Z.T)) | self._of_every_arm
        return self.trees.log_odds_of(outcomes), *self._by_measure(self.trees.contributions_of(outcomes))

    def move(self, members: Floats, by: Floats) -> None:
        """Moves every second of the members (..., M) by what the trees are above the linear model, (...)."""
        members[..., MOVED] += by[..., None]

    def _by_measure(self, values: Floats) -> tuple[Floats, Floats]:
        """The contributions of the trees' features, (arms, features + 1), as those of the measures and what is left."""
        measures, left = values[:, :-1], values[:, -1]
        return (measures[:, 1:], left + measures[:, 0]) if self.logistic.terms.two_arms else (measures, left)

    def _outcomes(self, pattern: Pattern, Z: Floats, draws: Draws, members: slice = EVERY) -> Bytes:
        """Of the trees on the rows of `pattern.completed`, without what the arm adds to them; on Z itself when it is complete."""
        columns = Z.T if pattern.is_complete else pattern.completed(Z, draws, members)
        return self.trees.outcomes(self._features(columns))

    def _features(self, columns: Floats | Floats32) -> Floats32:
        """(features, rows) with an arm below all. columns: (q, rows) of complete rows."""
        before = self.logistic.terms.first_measure - 1
        features = np.empty((before + len(columns), columns.shape[1]), dtype=np.float32)
        features[:before] = -np.inf
        features[before:] = columns
        return features

    @cached_property
    def _of_arms(self) -> list[Bytes]:
        """What each arm adds to the outcomes of the trees, (N, 1)."""
        if not self.logistic.terms.two_arms:
            return [np.zeros((len(self.trees.leaf), 1), dtype=np.uint8)]
        return [self.trees.where_first_is(arm) for arm in (TREATED, CONTROL)]

    @cached_property
    def _of_every_arm(self) -> Bytes:
        """(N, arms)."""
        return np.hstack(self._of_arms)


def feature_matrix(terms: Terms, arm: Floats | float, Z: Floats) -> Floats:
    """(..., q) or (..., q + 1) columns for the trees: the arm first when there are two, then the standardised measures."""
    if not terms.two_arms:
        return Z
    return np.concatenate([np.broadcast_to(np.asarray(arm)[..., None], (*Z.shape[:-1], 1)), Z], axis=-1)
