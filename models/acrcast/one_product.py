"""The numbers of one complete patient and a logistic model, by one matrix product.

NumPy takes longer to be called than to work through the few hundred numbers of one patient: everything that is linear in
the measures is one product, and what little is left is plain arithmetic.
"""

import math

import numpy as np

from acrcast.arrays import Floats, Integers
from acrcast.estimators.design import Standardisation
from acrcast.estimators.patterns import Linear
from acrcast.response_model import quantiles
from acrcast.support import Precision


class OneProduct:
    """Takes a complete patient's columns on their scales, not yet standardised.

    precision: of all columns. first: (parts,) the first column of each part, whose columns are side by side.
    """

    def __init__(self, linear: Linear, standardisation: Standardisation, precision: Precision, first: Integers) -> None:
        arms, _, size, q = linear.slope.shape
        # whose squares add up to the squared distance
        values, vectors = np.linalg.eigh(precision.matrix)
        whitening = np.zeros((q, len(precision.columns)))
        whitening[precision.columns] = vectors * np.sqrt(np.maximum(values, 0.0))
        slopes = [
            *(0.5 * linear.slope[:, 0]).reshape(-1, q),
            *(0.5 * linear.slope[:, 1, 0]),
            *(row for arm in linear.slope[:, 1, 0] for row in np.add.reduceat(np.diag(arm), first)),
            *whitening.T,
        ]
        constant = np.zeros(len(slopes))
        constant[: arms * (size + 1)] = 0.5 * np.concatenate(
            [linear.intercept[:, 0].ravel(), linear.intercept[:, 1, 0]]
        )
        constant[len(slopes) - len(precision.columns) :] = -precision.mean @ whitening[precision.columns]
        weights = np.array(slopes).T
        weights /= standardisation.sd[:, None]
        self._weights = np.vstack([weights, constant - standardisation.mean @ weights])
        self._arms, self._kinds = arms, 2 * arms - 1
        # what the members put the benefit at has its room before the products
        self._room, self._members = (arms - 1) * size, self._kinds * size
        self._parts = self._members + arms
        self._whitened = self._parts + arms * len(first)
        self._length = self._room + len(slopes)

    def of(self, scaled: list[float]) -> tuple[Floats, list[float], Floats, float]:
        """The members, see `Around`; half the estimate's log-odds in each arm; what is added; and a distance.

        scaled: (q,) a column's value each, none missing. What is added is (arms, parts), to the estimate's log-odds by the columns
        of each part. The distance is the squared joint one from the training data.
        """
        found: Floats = np.empty(self._length)
        np.array([*scaled, 1.0]).dot(self._weights, out=found[self._room :])
        whitened = found[self._whitened :]
        return (
            found[: self._members].reshape(self._kinds, -1),
            found[self._members : self._parts].tolist(),
            found[self._parts : self._whitened].reshape(self._arms, -1),
            float(whitened.dot(whitened)),
        )


class Around:
    """Intervals around one patient's risks: what `response_model.risks_between` gives for many. members: how many there are."""

    def __init__(self, members: int, level: float) -> None:
        self._size = members
        self._positions, shares = quantiles(members, level)
        (self._first, self._second, _, _), (_, _, self._third, self._fourth) = shares.T.tolist()

    def of(self, centre: list[float], members: Floats) -> list[float]:
        """Probability and interval of the treated arm, and of the control; the difference, its interval, and how likely it is above 0.

        With one arm the first three alone. centre: the estimate's risk in each arm. members: (arms, M) half the members' log-odds, after a row of room when there
        are two arms; all of it is overwritten.
        """
        arms = len(centre)
        if arms == 2:
            # a risk is half of 1 + tanh of half its log-odds
            benefit = members[0]
            treated, control = np.tanh(members[1:])
            np.subtract(treated, control, out=benefit)
        members.sort()
        found: list[float] = []
        for a, b, c, d in members.take(self._positions, axis=1).tolist():
            found += (self._first * a + self._second * b, self._third * c + self._fourth * d)
        ends: list[float] = []
        for risk, low, high in zip(centre, found[-2 * arms :: 2], found[1 - 2 * arms :: 2], strict=True):
            ends += (risk, min(0.5 + 0.5 * math.tanh(low), risk), max(0.5 + 0.5 * math.tanh(high), risk))
        if arms == 2:
            difference = centre[0] - centre[1]
            positive = 1.0 - float(benefit.searchsorted(0.0, "right")) / self._size
            ends += (difference, min(0.5 * found[0], difference), max(0.5 * found[1], difference), positive)
        return ends
