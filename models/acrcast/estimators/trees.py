"""Boosted trees of depth 1 or 2 as arrays: XGBoost's own predictions and exact Shapley values, without XGBoost."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from acrcast.arrays import Bytes, Floats, Floats32, Integers
from acrcast.estimators.booster_file import read_booster

# The three splits of a tree of depth 2: the root, its left and its right child.
ROOT, LEFT, RIGHT = range(3)
# Which leaf each outcome reaches: 1 for right at the root, plus 2 and 4 for right at its children.
REACHED = [0, 2, 1, 2, 0, 3, 1, 3]
# Of the trees on some rows, worked on together.
NUMBERS_AT_ONCE = 20480
# What a player adds to a coalition of none, one or both of the other two, is weighted by that (Shapley 1953).
SHAPLEY = (1 / 3, 1 / 6, 1 / 3)


@dataclass(frozen=True, eq=False)
class Trees:
    """N trees, each filled up to three splits and four leaves.

    content: the file that they come from. base: log-odds without any tree. feature: (3, N). threshold: (3, N); a value below
    it goes left. leaf: (N, 4), from left to right. cover: (3, N) the share of the training data that went left.
    """

    content: bytes
    base: np.float32
    feature: Integers
    threshold: Floats32
    leaf: Floats32
    cover: Floats
    features: int
    # (N, 1) where each tree's eight outcomes begin
    first: Integers = field(init=False, repr=False)
    _leaves: Floats32 = field(init=False, repr=False)
    _shares: Floats = field(init=False, repr=False)
    # what no feature adds to the log-odds
    left: float = field(init=False, repr=False)
    _of_feature: Floats = field(init=False, repr=False)
    # the different splits: of which feature, (S,), and where, (S, 1); and which of them is each of the trees', (3, N)
    splits: tuple[Integers, Floats32, Integers] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        shares, nothing_known = _shapley_values(self.feature, self.leaf, self.cover)
        # one line for each tree and outcome of its three comparisons
        object.__setattr__(self, "first", 8 * np.arange(len(self.leaf))[:, None])
        object.__setattr__(self, "_leaves", self.leaf[:, REACHED].ravel())
        object.__setattr__(self, "_shares", shares.reshape(-1, 3))
        object.__setattr__(self, "left", float(self.base) + float(nothing_known.sum()))
        object.__setattr__(self, "_of_feature", np.eye(self.features)[self.feature.T.ravel()])
        pairs = np.stack([self.feature.ravel(), self.threshold.ravel().astype(np.float64)])
        different, of_trees = np.unique(pairs, axis=1, return_inverse=True)
        threshold = different[1].astype(np.float32)[:, None]
        object.__setattr__(
            self, "splits", (different[0].astype(np.int64), threshold, of_trees.reshape(self.feature.shape))
        )

    @classmethod
    def of(cls, content: bytes, features: int) -> "Trees":
        """From XGBoost's UBJSON. Raises ValueError unless it holds trees of depth 1 or 2 on so many features."""
        learner = read_booster(content, features)
        parts = [_filled_up(tree) for tree in learner["gradient_booster"]["model"]["trees"]]
        feature, threshold, leaf, cover = (np.array(part) for part in zip(*parts, strict=True))
        rate = np.float32(learner["learner_model_param"]["base_score"].strip("[]"))
        if not 0 < rate < 1:
            raise ValueError("not a booster of the form that XGBoost writes: a base score that is no probability")
        return cls(
            content=content,
            # the C library's logarithm, which NumPy's of single precision is not to the last bit
            base=np.float32(-math.log(np.float32(1) / rate - np.float32(1))),
            feature=feature.T,
            threshold=threshold.T.astype(np.float32),
            leaf=leaf.astype(np.float32),
            cover=cover.T,
            features=features,
        )

    def log_odds(self, X: Floats) -> Floats:
        """(...) in XGBoost's single precision and order. X: (..., features), nothing missing."""
        outcomes = self.outcomes(np.ascontiguousarray(X.reshape(-1, self.features).T, dtype=np.float32))
        return self.log_odds_of(outcomes).reshape(X.shape[:-1])

    def contributions(self, X: Floats) -> Floats:
        """(n, features + 1) exact tree Shapley values, the last is the expected value (Lundberg 2020). X: (n, features)."""
        reached = self.outcomes(np.ascontiguousarray(X.T, dtype=np.float32)) + self.first
        values = self._shares.take(reached.T, axis=0).reshape(len(X), -1) @ self._of_feature
        return np.column_stack([values, np.full(len(X), self.left)])

    def outcomes(self, columns: Floats32) -> Bytes:
        """(N, rows) of each tree: 1 for right at the root, plus 2 and 4 for right at its children. columns: (features, rows).

        A tree after the other and not a row after the other: what is near in memory is worked on together.
        """
        feature, threshold, of_trees = self.splits
        outcomes = np.empty((len(self.leaf), columns.shape[1]), dtype=np.uint8)
        for rows in self._blocks(columns.shape[1]):
            right = columns[:, rows].take(feature, axis=0) >= threshold
            root, left, of_right = right.view(np.uint8).take(of_trees, axis=0)
            of_right <<= 1
            of_right |= left
            of_right <<= 1
            np.bitwise_or(of_right, root, out=outcomes[:, rows])
        return outcomes

    def where_first_is(self, value: float) -> Bytes:
        """(N, 1) what the splits on the first feature add to the outcomes when it has this value, to those where it is below all."""
        columns = np.full((self.features, 1), -np.inf, dtype=np.float32)
        columns[0] = value
        return self.outcomes(columns)

    def log_odds_of(self, outcomes: Bytes) -> Floats:
        """(rows,)."""
        log_odds = np.empty(outcomes.shape[1])
        for rows in self._blocks(len(log_odds)):
            log_odds[rows] = self.log_odds_at(outcomes[:, rows] + self.first)
        return log_odds

    def log_odds_at(self, reached: Integers) -> Floats32:
        """(rows,). reached: (N, rows) a tree's own `first` and its outcome."""
        values = self._leaves.take(reached)
        values[0] += self.base
        # one tree is added after the other; of a single row NumPy's sum would add in pairs
        several = values.shape[1] > 1
        log_odds: Floats32 = np.add.reduce(values, axis=0) if several else np.add.accumulate(values, axis=0)[-1]
        return log_odds

    def values_by_feature(self) -> Floats:
        """(8 N, features) what each feature adds at each tree's outcome."""
        by_split = self._shares.reshape(-1, 8, 3) @ self._of_feature.reshape(-1, 3, self.features)
        return by_split.reshape(-1, self.features)

    def shares_of(self, outcomes: Bytes) -> Floats:
        """(8 N,) of the rows, the share at each outcome of each tree."""
        counts = np.bincount((outcomes + self.first).ravel(), minlength=len(self._shares))
        shares: Floats = counts / outcomes.shape[1]
        return shares

    def _blocks(self, rows: int) -> list[slice]:
        """Some rows at a time, so that what is worked out of them stays near the processor."""
        together = max(1, NUMBERS_AT_ONCE // len(self.leaf))
        return [slice(first, first + together) for first in range(0, rows, together)]


def _filled_up(tree: Mapping[str, Any]) -> tuple[list[int], list[float], list[float], list[float]]:
    """Features and thresholds of three splits, values of four leaves, and how much goes left; a split that is none is idle."""
    left, right, feature, value, weight = (
        np.asarray(tree[name]).tolist()
        for name in ("left_children", "right_children", "split_indices", "split_conditions", "sum_hessian")
    )

    def split(node: int) -> tuple[int, int, int, float, float]:
        """Children, feature, threshold and cover of a node; a leaf sends everything to itself."""
        if left[node] < 0:
            return node, node, 0, np.inf, 1.0
        total = weight[left[node]] + weight[right[node]]
        return left[node], right[node], feature[node], value[node], weight[left[node]] / total if total > 0 else 0.5

    root = split(0)
    splits = [root, split(root[0]), split(root[1])]
    leaves = [child for below in splits[1:] for child in below[:2]]
    if any(left[node] >= 0 for node in leaves):
        raise ValueError("not a booster of the form that acrcast trains: trees are deeper than 2")
    return [s[2] for s in splits], [s[3] for s in splits], [value[node] for node in leaves], [s[4] for s in splits]


def _shapley_values(feature: Integers, leaf: Floats32, cover: Floats) -> tuple[Floats, Floats]:
    """(N, 8, 3) of each tree and outcome of its three comparisons what each split's feature adds, and (N,) the tree's mean.

    outcome: 1 for right at the root, plus 2 and 4 for right at its children. A feature that splits twice is one player, under
    the first of its splits; a player who is none adds nothing.
    """
    same_left, same_right = feature[LEFT] == feature[ROOT], feature[RIGHT] == feature[ROOT]
    player = np.array(
        [
            np.full(feature.shape[1], ROOT),
            np.where(same_left, ROOT, LEFT),
            np.where(same_right, ROOT, np.where((feature[RIGHT] == feature[LEFT]) & ~same_left, LEFT, RIGHT)),
        ]
    )
    value = {
        (outcome, players): _expected(outcome, np.array(players)[player], leaf.astype(np.float64), cover)
        for outcome in product((0, 1), repeat=3)
        for players in product((False, True), repeat=3)
    }
    shares = np.zeros((feature.shape[1], 8, 3))
    for (outcome, players), without in value.items():
        code = outcome[0] + 2 * outcome[1] + 4 * outcome[2]
        for p in range(3):
            if not players[p]:
                joined = (*players[:p], True, *players[p + 1 :])
                added = value[outcome, joined] - without
                shares[:, code, p] += SHAPLEY[sum(players)] * added
    return shares, value[(0, 0, 0), (False, False, False)]


def _expected(outcome: tuple[int, ...], known: Any, leaf: Floats, cover: Floats) -> Floats:  # noqa: ANN401  (3, N) mask
    """(N,) what a tree is expected to give when the features of some splits are known, the others averaged over by cover."""
    sides = [
        np.where(
            known[s],
            leaf[:, 2 * (s - 1) + outcome[s]],
            cover[s] * leaf[:, 2 * s - 2] + (1 - cover[s]) * leaf[:, 2 * s - 1],
        )
        for s in (LEFT, RIGHT)
    ]
    return np.where(known[ROOT], sides[outcome[ROOT]], cover[ROOT] * sides[0] + (1 - cover[ROOT]) * sides[1])
