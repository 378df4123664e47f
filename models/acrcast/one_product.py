"""The numbers of one complete patient and a logistic model, by one matrix product.

NumPy takes longer to be called than to work through the few hundred numbers of one patient: everything that is linear in
the measures is one product, and what little is left is plain arithmetic.
"""

import math
from typing import NamedTuple

import numpy as np

from acrcast.arrays import Floats, Integers
from acrcast.estimators.design import Standardisation
from acrcast.estimators.patterns import Linear
from acrcast.response_model import quantiles
from acrcast.support import Precision


class Products(NamedTuple):
    """Of one patient.

    members: see `around`. estimate: half the estimate's log-odds, of each arm. added: (arms, parts) what the columns of
    each part add to the estimate's log-odds. distance: squared joint distance from the training data.
    """

    members: Floats
    estimate: list[float]
    added: Floats
    distance: float


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

    def of(self, scaled: list[float]) -> Products:
        """scaled: (q,) a column's value each, none missing."""
        found: Floats = np.empty(self._length)
        np.dot(np.array([*scaled, 1.0]), self._weights, out=found[self._room :])
        whitened = found[self._whitened :]
        return Products(
            members=found[: self._members].reshape(self._kinds, -1),
            estimate=found[self._members : self._parts].tolist(),
            added=found[self._parts : self._whitened].reshape(self._arms, -1),
            distance=float(np.dot(whitened, whitened)),
        )


Ends = tuple[float, float, float]
"""Probability, or difference, and the interval around it."""


def around(centre: list[float], members: Floats, level: float) -> tuple[list[Ends], float | None]:
    """What `response_model.risks_between` gives for many patients, for one: treated, control, benefit, and the share above 0.

    centre: the estimate's risk in each arm. members: (arms, M) half the members' log-odds, after a row of room when there are
    two arms; all of it is overwritten.
    """
    arms, positive = len(centre), None
    positions, shares = quantiles(members.shape[1], level)
    (first, second, _, _), (_, _, third, fourth) = shares.T.tolist()
    if arms == 2:
        # a risk is half of 1 + tanh of half its log-odds
        benefit = members[0]
        risk = np.tanh(members[1:])
        np.subtract(risk[0], risk[1], out=benefit)
    members.sort()
    found = [
        (first * a + second * b, third * c + fourth * d) for a, b, c, d in members.take(positions, axis=1).tolist()
    ]
    ends = [
        (risk, min(0.5 + 0.5 * math.tanh(low), risk), max(0.5 + 0.5 * math.tanh(high), risk))
        for risk, (low, high) in zip(centre, found[arms - 1 :], strict=True)
    ]
    if arms == 2:
        positive = 1.0 - float(benefit.searchsorted(0.0, "right")) / len(benefit)
        difference, (low, high) = centre[0] - centre[1], found[0]
        ends.append((difference, min(0.5 * low, difference), max(0.5 * high, difference)))
    return ends, positive
