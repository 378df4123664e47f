"""One patient's way through all trees, in every arm at once: a few NumPy calls, which take longer than the numbers in them."""

import numpy as np

from acrcast.arrays import Bytes, Floats, Floats32, Integers
from acrcast.estimators.trees import LEFT, RIGHT, ROOT, Trees

# What each of a tree's comparisons adds to its outcome.
WEIGHTS = {ROOT: 1.0, LEFT: 2.0, RIGHT: 4.0}


class OneWalk:
    """of_arms: (N, arms) what each arm adds to the outcomes of the trees. before: features that are no measure's column.

    first: (parts,) the first column of each part of an explanation, whose columns are side by side.
    """

    def __init__(self, trees: Trees, of_arms: Bytes, before: int, first: Integers) -> None:
        self._trees = trees
        feature, threshold, of_trees = trees.splits
        weights = np.zeros((len(feature), len(of_arms)))
        for split, weight in WEIGHTS.items():
            np.add.at(weights, (of_trees[split], np.arange(len(of_arms))), weight)
        # what an arm decides is in of_arms
        measured = feature >= before
        self._column, self._threshold = feature[measured] - before, threshold[measured, 0]
        self._weights = weights[measured]
        self._at: Integers = trees.first + of_arms
        values = trees.values_by_feature()
        measures = np.add.reduceat(values[:, before:], first, axis=1)
        self._values: Floats = np.column_stack([measures, values[:, :before].sum(axis=1)])

    def of(self, columns: Floats32) -> tuple[Floats32, Floats, Floats]:
        """(arms,) log-odds, (arms, parts) what each part adds to them, and (arms,) what is left. columns: (q,) in the trees' precision."""
        right = (columns.take(self._column) >= self._threshold).astype(np.float64)
        reached = self._at + right.dot(self._weights).astype(np.int64)[:, None]
        values: Floats = np.add.reduce(self._values.take(reached, axis=0), axis=0)
        return self._trees.log_odds_at(reached), values[:, :-1], values[:, -1] + self._trees.left
