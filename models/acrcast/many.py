"""Risks of many patients at once: the numbers of `ResponseModel.risks_of`, in steps that stay in the processor's cache."""

from collections.abc import Iterator

import numpy as np

from acrcast.arrays import Bools, Floats, Integers, alike
from acrcast.estimators.ensemble import BoostedEnsemble
from acrcast.estimators.normal import expit
from acrcast.estimators.patterns import Pattern
from acrcast.response_model import ResponseModel, Risks, ends_of, members_for, risks_between, risks_of

# So many rows have 200 members in two arms in about 400 kB.
ROWS_AT_ONCE = 128


def risks_of_many(model: ResponseModel, Z: Floats, below: Bools, level: float) -> Risks:
    """Risks from standardised columns (n, q). level: of the intervals."""
    found = Risks.empty(len(Z), model.terms.two_arms)
    for pattern, rows in _patterns(model, Z, below):
        if pattern.is_complete:
            found.put(rows, _of_complete(model, pattern, Z[rows], level))
            continue
        for first in range(0, len(rows), ROWS_AT_ONCE):
            these = rows[first : first + ROWS_AT_ONCE]
            log_odds = model.ensemble.log_odds(pattern, Z[these], pattern.draws(Z[these]), model.terms.arms)
            found.put(these, risks_of(log_odds, level))
    return found


def estimates_of_many(model: ResponseModel, Z: Floats, below: Bools) -> Floats:
    """(n, arms) the estimate's risks alone, from standardised columns (n, q)."""
    found = np.empty((len(Z), model.terms.arms))
    for pattern, rows in _patterns(model, Z, below):
        if pattern.is_complete:
            found[rows] = expit(_estimates(model, pattern, Z[rows]))
            continue
        for first in range(0, len(rows), ROWS_AT_ONCE):
            these = rows[first : first + ROWS_AT_ONCE]
            log_odds = model.ensemble.estimates(pattern, Z[these], pattern.draws(Z[these]), model.terms.arms)
            found[these] = expit(log_odds).mean(axis=-1)
    return found


def _patterns(model: ResponseModel, Z: Floats, below: Bools) -> Iterator[tuple[Pattern, Integers]]:
    """The patterns of what is known, each with the positions of its rows."""
    known = ~(np.isnan(Z) | below)
    for rows in [np.arange(len(Z))] if known.all() else alike(np.hstack([known, below])):
        if len(rows):
            yield model.patterns.of(known[rows[0]], below[rows[0]]), rows


def _estimates(model: ResponseModel, pattern: Pattern, Z: Floats) -> Floats:
    """(n, arms) log-odds of complete rows."""
    estimates: Floats = model.ensemble.estimates(pattern, Z, {}, model.terms.arms)[..., 0]
    return estimates


def _of_complete(model: ResponseModel, pattern: Pattern, Z: Floats, level: float) -> Risks:
    """Of complete rows, in which the members are linear: they are one product for each arm."""
    linear, ensemble = pattern.linear, model.ensemble
    arms, _, size, q = linear.slope.shape
    log_odds = _estimates(model, pattern, Z)
    # the intercept as one more column
    weights, columns = np.empty((arms, q + 1, size)), np.ones((len(Z), q + 1))
    np.multiply(linear.slope[:, 0].swapaxes(1, 2), 0.5, out=weights[:, :q])
    np.multiply(linear.intercept[:, 0], 0.5, out=weights[:, q])
    columns[:, :q] = Z
    if isinstance(ensemble, BoostedEnsemble):
        point = Z @ linear.slope[:, 1, 0].T + linear.intercept[:, 1, 0]
        moved_by = 0.5 * (log_odds - point).T
    ends, positive = np.empty((len(Z), 2 * arms - 1, 2)), np.empty(len(Z)) if arms == 2 else None
    room = members_for(min(len(Z), ROWS_AT_ONCE), arms, size)
    for first in range(0, len(Z), ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        some = columns[rows]
        members = room[:, : len(some)]
        for a in range(arms):
            np.matmul(some, weights[a], out=members[a])
        if isinstance(ensemble, BoostedEnsemble):
            ensemble.move(members[:arms], moved_by[:, rows])
        ends[rows], above = ends_of(members, level)
        if positive is not None:
            positive[rows] = above
    return risks_between(expit(log_odds), ends, positive)
