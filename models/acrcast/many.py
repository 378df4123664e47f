"""Risks of many patients at once: the numbers of `ResponseModel.risks_of`, in steps that stay in the processor's cache."""

import numpy as np

from acrcast.arrays import Bools, Floats, alike
from acrcast.estimators.ensemble import LogisticEnsemble
from acrcast.estimators.normal import expit
from acrcast.estimators.patterns import Linear, Pattern
from acrcast.response_model import ArmRisks, ResponseModel, Risks, quantiles, risks_of

# So many rows have 200 members in two arms in about 400 kB.
ROWS_AT_ONCE = 128


def risks_of_many(model: ResponseModel, Z: Floats, below: Bools, level: float) -> Risks:
    """Risks from standardised columns (n, q). level: of the intervals."""
    known = ~(np.isnan(Z) | below)
    found = Risks.empty(len(Z), model.terms.two_arms)
    for rows in alike(np.hstack([known, below])):
        pattern = model.patterns.of(known[rows[0]], below[rows[0]])
        for first in range(0, len(rows), ROWS_AT_ONCE):
            these = rows[first : first + ROWS_AT_ONCE]
            found.put(these, _risks(model, pattern, Z[these], level))
    return found


def _risks(model: ResponseModel, pattern: Pattern, Z: Floats, level: float) -> Risks:
    if pattern.is_complete and isinstance(model.ensemble, LogisticEnsemble):
        return _of_linear(pattern.linear, Z, level)
    return risks_of(model.ensemble.log_odds(pattern, Z, pattern.draws(Z), model.terms.arms), level)


def _of_linear(linear: Linear, Z: Floats, level: float) -> Risks:
    """Of complete rows and members that are linear in them: one product, and one array that is worked on in place."""
    arms, _, size, q = linear.slope.shape
    positions, shares = quantiles(size, level)
    estimate = expit(Z @ linear.slope[:, 1, 0].T + linear.intercept[:, 1, 0])
    members = Z @ linear.slope[:, 0].reshape(-1, q).T
    members += linear.intercept[:, 0].ravel()
    members = members.reshape(-1, arms, size)
    ends = expit(np.sort(members, axis=-1)[..., positions] @ shares)
    treated, *control = (_arm(estimate[:, a], ends[:, a]) for a in range(arms))
    if not control:
        return Risks(treated, None, None, None)
    members *= 0.5
    np.tanh(members, out=members)
    # twice the members' benefit: a risk is half of 1 + tanh of half its log-odds
    doubled = np.subtract(members[:, 0], members[:, 1])
    positive = np.count_nonzero(doubled > 0, axis=1) / size
    doubled.sort(axis=-1)
    return Risks(
        treated,
        control[0],
        _arm(estimate[:, 0] - estimate[:, 1], 0.5 * (doubled[:, positions] @ shares)),
        positive,
    )


def _arm(estimate: Floats, ends: Floats) -> ArmRisks:
    """The interval is widened to hold the estimate, as in `risks_of`."""
    return ArmRisks(estimate, np.minimum(ends[:, 0], estimate), np.maximum(ends[:, 1], estimate))
