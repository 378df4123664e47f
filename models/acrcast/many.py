"""Risks of many patients at once: the numbers of `ResponseModel.risks_of`, in steps that stay in the processor's cache."""

import numpy as np

from acrcast.arrays import Bools, Floats, alike
from acrcast.estimators.ensemble import LogisticEnsemble
from acrcast.estimators.normal import expit
from acrcast.estimators.patterns import Linear, Pattern
from acrcast.response_model import ResponseModel, Risks, members_for, risks_around, risks_of

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


def estimates_of_many(model: ResponseModel, Z: Floats, below: Bools) -> Floats:
    """(n, arms) the estimate's risks alone, from standardised columns (n, q)."""
    known = ~(np.isnan(Z) | below)
    found = np.empty((len(Z), model.terms.arms))
    for rows in alike(np.hstack([known, below])):
        pattern = model.patterns.of(known[rows[0]], below[rows[0]])
        at_once = len(rows) if pattern.is_complete else ROWS_AT_ONCE
        for first in range(0, len(rows), at_once):
            these = rows[first : first + at_once]
            log_odds = model.ensemble.estimates(pattern, Z[these], pattern.draws(Z[these]), model.terms.arms)
            found[these] = expit(log_odds).mean(axis=-1)
    return found


def _risks(model: ResponseModel, pattern: Pattern, Z: Floats, level: float) -> Risks:
    if pattern.is_complete and isinstance(model.ensemble, LogisticEnsemble):
        return _of_linear(pattern.linear, Z, level)
    return risks_of(model.ensemble.log_odds(pattern, Z, pattern.draws(Z), model.terms.arms), level)


def _of_linear(linear: Linear, Z: Floats, level: float) -> Risks:
    """Of complete rows and members that are linear in them: the members are one product for each arm."""
    arms, _, size, _ = linear.slope.shape
    estimate = expit(Z @ linear.slope[:, 1, 0].T + linear.intercept[:, 1, 0])
    members = members_for(len(Z), arms, size)
    for a in range(arms):
        np.matmul(Z, linear.slope[a, 0].T, out=members[a])
        members[a] += linear.intercept[a, 0]
    return risks_around(estimate, members, level)
