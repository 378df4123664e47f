"""The numbers of one complete patient and a logistic model, by one matrix product.

NumPy takes longer to be called than to work through the few hundred numbers of one patient: everything that is linear in
the measures is one product, and what little is left is plain arithmetic.
"""

import math
from typing import NamedTuple

import numpy as np

from acrcast.arrays import Floats
from acrcast.estimators.design import Standardisation
from acrcast.estimators.patterns import Linear
from acrcast.response_model import quantiles
from acrcast.support import Precision


class Products(NamedTuple):
    """Of one patient.

    half: (arms, M) half the members' log-odds. estimate: half the estimate's, of each arm. added: (arms, q) what each column
    adds to the estimate's log-odds. distance: squared joint distance from the training data.
    """

    half: Floats
    estimate: list[float]
    added: Floats
    distance: float


class OneProduct:
    """Takes a complete patient's columns on their scales, not yet standardised. precision: of all columns."""

    def __init__(self, linear: Linear, standardisation: Standardisation, precision: Precision) -> None:
        arms, _, size, q = linear.slope.shape
        # whose squares add up to the squared distance
        values, vectors = np.linalg.eigh(precision.matrix)
        whitening = np.zeros((q, len(precision.columns)))
        whitening[precision.columns] = vectors * np.sqrt(np.maximum(values, 0.0))
        slopes = [
            *(0.5 * linear.slope[:, 0]).reshape(-1, q),
            *(0.5 * linear.slope[:, 1, 0]),
            *(row for arm in linear.slope[:, 1, 0] for row in np.diag(arm)),
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
        self._members, self._parts = arms * size, arms * (size + 1)
        self._whitened = self._parts + arms * q
        self._arms = arms

    def of(self, scaled: list[float]) -> Products:
        """scaled: (q,) a column's value each, none missing."""
        found: Floats = np.dot([*scaled, 1.0], self._weights)
        whitened = found[self._whitened :]
        return Products(
            half=found[: self._members].reshape(self._arms, -1),
            estimate=found[self._members : self._parts].tolist(),
            added=found[self._parts : self._whitened].reshape(self._arms, -1),
            distance=float(np.dot(whitened, whitened)),
        )


Ends = tuple[float, float, float]
"""Probability, or difference, and the interval around it."""


def around(centre: list[float], half: Floats, level: float) -> tuple[list[Ends], float | None]:
    """What `response_model.risks_around` gives for many patients, for one: treated, control, benefit, and the share above 0.

    centre: the estimate's risk in each arm. half: (arms, M) half the members' log-odds, which are left sorted.
    """
    arms, size = half.shape
    positions, shares = quantiles(size, level)
    (first, second, _, _), (_, _, third, fourth) = shares.T.tolist()
    ends, positive = [], None
    if arms == 2:
        # a risk is half of 1 + tanh of half its log-odds
        risk = np.tanh(half)
        benefit = risk[0] - risk[1]
        benefit.sort()
        positive = 1.0 - float(benefit.searchsorted(0.0, "right")) / size
    half.sort()
    for probability, (a, b, c, d) in zip(centre, half.take(positions, axis=1).tolist(), strict=True):
        low, high = math.tanh(first * a + second * b), math.tanh(third * c + fourth * d)
        ends.append((probability, min(0.5 + 0.5 * low, probability), max(0.5 + 0.5 * high, probability)))
    if arms == 2:
        difference = centre[0] - centre[1]
        a, b, c, d = benefit.take(positions).tolist()
        low, high = 0.5 * (first * a + second * b), 0.5 * (third * c + fourth * d)
        ends.append((difference, min(low, difference), max(high, difference)))
    return ends, positive
