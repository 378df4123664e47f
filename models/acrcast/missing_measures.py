"""What was not taken of a patient, and how much narrower the interval is expected to get once it is."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from acrcast.arrays import Bools, Floats, Integers
from acrcast.estimators.normal import expit
from acrcast.estimators.patterns import Draws, Pattern
from acrcast.response_model import ResponseModel

# At how many values of a missing measure the interval that taking it would give is worked out.
VALUES_TRIED = 7
SMALLEST_SPREAD = 1e-12


def expected_shares(
    model: ResponseModel, Z: Floats, below: Bools, pattern: Pattern, draws: Draws, members: Floats
) -> dict[str, float]:
    """For each measure not taken, the treated arm's width once it is, as a share of the width now.

    Z: (1, q) of one patient. below: (q,). members: (M,) the treated arm's log-odds now. The width is taken to shrink as the standard
    deviation does, which a few hundred members tell far more exactly; a value to be found is as likely as any of those drawn.
    """
    fields: dict[str, list[int]] = {}
    for j in np.flatnonzero(np.isnan(Z[0])):
        fields.setdefault(model.terms.columns[j].field, []).append(int(j))
    if not fields:
        return {}
    tried = [members[None], *_tried(model, Z, below, pattern, draws, list(fields.values()))]
    spread = _spread(expit(np.concatenate(tried)))
    left = spread[1:].reshape(-1, VALUES_TRIED).mean(axis=1) / max(float(spread[0]), SMALLEST_SPREAD)
    return dict(zip(fields, np.minimum(left, 1.0).tolist(), strict=True))


def _tried(
    model: ResponseModel, Z: Floats, below: Bools, pattern: Pattern, draws: Draws, fields: list[list[int]]
) -> Iterator[Floats]:
    """For each measure, (VALUES_TRIED, M) log-odds of the treated arm once it has one of the values."""
    known = ~(np.isnan(Z[0]) | below)
    for columns in fields:
        drawn = [pattern.column(j, Z, draws)[0] for j in columns]
        chosen = _spread_out(drawn[0])
        rows, taken = np.repeat(Z, VALUES_TRIED, axis=0), known.copy()
        for j, values in zip(columns, drawn, strict=True):
            rows[:, j], taken[j] = values[chosen], True
        then = model.patterns.of(taken, below)
        yield model.ensemble.members_of_treated(then, rows, then.draws(rows))


def _spread(risk: Floats) -> Floats:
    """(n,) standard deviation of n rows of members' risks."""
    size = risk.shape[1]
    from_mean = risk - np.add.reduce(risk, axis=1, keepdims=True) / size
    deviation: Floats = np.sqrt(np.einsum("nm,nm->n", from_mean, from_mean) / size)
    return deviation


def _spread_out(values: Floats) -> Integers:
    """Positions of `VALUES_TRIED` values, evenly spread over the ordered draws."""
    return values.argsort(kind="stable")[_evenly(len(values))]


@lru_cache(maxsize=8)
def _evenly(count: int) -> Integers:
    """Positions of `VALUES_TRIED` among so many, evenly spread."""
    return ((np.arange(VALUES_TRIED) + 0.5) / VALUES_TRIED * count).astype(np.int64)
