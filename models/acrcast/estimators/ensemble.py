"""A fitted procedure as it is served: the champion's own estimate, and the members that carry the uncertainty."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from acrcast.arrays import Bytes, Floats, Floats32, Integers
from acrcast.estimators.design import CONTROL, TREATED, Terms
from acrcast.estimators.one_walk import OneWalk
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

    def explained(self, pattern: Pattern, Z: Floats, draws: Draws, arms: int) -> tuple[Floats, Floats, Floats]:
        """`log_odds` and `contributions` of one patient together."""
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
        return pattern.members(0, Z, draws)

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

    def explained(self, pattern: Pattern, Z: Floats, draws: Draws, arms: int) -> tuple[Floats, Floats, Floats]:
        return self.log_odds(pattern, Z, draws, arms), *self.contributions(pattern, Z, draws)

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
        """The members that are moved are what they are less the hierarchical point: the trees' log-odds are still to be added."""
        linear = self.logistic.linear()
        for part in (linear.intercept, linear.slope):
            part[:, 0, MOVED] -= part[:, 1, MOVED]
        return linear

    def log_odds(self, pattern: Pattern, Z: Floats, draws: Draws, arms: int) -> Floats:
        return self._log_odds(pattern, Z, draws, arms, self._outcomes(pattern, Z, draws))

    def _log_odds(self, pattern: Pattern, Z: Floats, draws: Draws, arms: int, outcomes: Bytes) -> Floats:
        log_odds = np.empty((len(Z), arms, 2, self.size))
        for a, of_arm in enumerate(self._of_arms[:arms]):
            log_odds[:, a, 0] = pattern.members(a, Z, draws)
            log_odds[:, a, 1] = self.trees.log_odds_of(outcomes | of_arm).reshape(len(Z), -1)
        log_odds[:, :, 0, MOVED] += log_odds[:, :, 1, MOVED]
        return log_odds

    def members_of_treated(self, pattern: Pattern, Z: Floats, draws: Draws) -> Floats:
        members = pattern.members(0, Z, draws)
        outcomes = self._outcomes(pattern, Z, draws, MOVED)
        members[:, MOVED] += self.trees.log_odds_of(outcomes | self._of_arms[0]).reshape(len(Z), -1)
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
        return self._contributions(self._outcomes(pattern, Z, draws))

    def explained(self, pattern: Pattern, Z: Floats, draws: Draws, arms: int) -> tuple[Floats, Floats, Floats]:
        outcomes = self._outcomes(pattern, Z, draws)
        return self._log_odds(pattern, Z, draws, arms, outcomes), *self._contributions(outcomes)

    def _contributions(self, outcomes: Bytes) -> tuple[Floats, Floats]:
        values = self.trees.shares_of(outcomes) @ self._values_of_arms
        return values[:, :-1], values[:, -1] + self.trees.left

    def one_walk(self, first: Integers) -> OneWalk:
        """The trees for one patient of whom everything is known. first: (parts,) the first column of each part of an explanation."""
        return OneWalk(self.trees, np.hstack(self._of_arms), self.logistic.terms.first_measure - 1, first)

    def move(self, members: Floats, by: Floats) -> None:
        """Adds the trees' log-odds (...) to the members that are moved to them, of (..., M) as `linear` has them."""
        members[..., MOVED] += by[..., None]

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
    def _values_of_arms(self) -> Floats:
        """(arms, 8 N, q + 1) what each measure, and the arm itself, adds at each tree's outcome without what the arm adds to it."""
        before = self.logistic.terms.first_measure - 1
        by_feature = self.trees.values_by_feature()
        values = np.column_stack([by_feature[:, before:], by_feature[:, :before].sum(axis=1)])
        return np.stack([values[(self.trees.first + (np.arange(8) | of_arm)).ravel()] for of_arm in self._of_arms])


def feature_matrix(terms: Terms, arm: Floats | float, Z: Floats) -> Floats:
    """(..., q) or (..., q + 1) columns for the trees: the arm first when there are two, then the standardised measures."""
    if not terms.two_arms:
        return Z
    return np.concatenate([np.broadcast_to(np.asarray(arm)[..., None], (*Z.shape[:-1], 1)), Z], axis=-1)
