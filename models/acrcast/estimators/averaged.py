"""Logistic regression of incomplete patients: what is fitted is the risk that is served, averaged over a patient's draws.

An incomplete patient stands in several rows, each with its own draw of what is missing. The patient's risk is the mean of
the rows' risks, and the likelihood is that of this mean: an integral over the missing measures by Monte Carlo (Ibrahim et
al. 2005, J Am Stat Assoc 100:332). To fit the rows as if each were a patient would draw every effect towards 0, and take
draws for measurements. The outcome takes no part in the draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Floats, Integers
from acrcast.estimators.block_design import Design
from acrcast.estimators.newton import (
    LogisticFits,
    State,
    fit_logistic,
    information_of,
    linear,
    logistic_sums,
    maximise,
    summed,
)
from acrcast.estimators.normal import expit

# Risks nearer to 0 or 1 are taken for this one, so that no likelihood is 0.
SMALLEST_RISK = 1e-12


def fit_averaged(
    X: Floats | Design,
    y: Floats,
    weights: Floats,
    first: Integers,
    precision: Floats,
    *,
    start: Floats | None = None,
) -> LogisticFits:
    """Maximise sum_i w_i (y_i log r_i + (1 - y_i) log(1 - r_i)) - 1/2 sum_j precision_j beta_j^2, for B fits together.

    r_i is patient i's mean risk over the rows that stand for the patient. X: (B, N, p). y: (n,) 0 or 1. weights: (B, n), not
    negative. first: (n,) each patient's first row. precision: (p,), positive. start: (B, p).
    The answer's information is the expected one: what a missing measure would have told is not in it.
    Where every patient has one row, this is `fit_logistic`.
    """
    design = Design.of(X)
    if len(first) == design.rows:
        return fit_logistic(design, y, weights, precision, start=start)
    B, p = len(weights), design.columns
    copies = np.diff(first, append=design.rows)
    groups = [_Group.of(design, y, weights, first, np.flatnonzero(copies == count), count) for count in set(copies)]
    problem = _Problem(groups, np.broadcast_to(precision, (B, p)))
    return maximise(problem.at, np.zeros((B, p)) if start is None else start.copy(), np.zeros(B))


@dataclass(frozen=True, slots=True)
class _Group:
    """The m patients for whom equally many rows stand. design: of their rows. y: (m,). weights: (B, m)."""

    design: Design
    y: Floats
    weights: Floats

    @classmethod
    def of(
        cls, design: Design, y: Floats, weights: Floats, first: Integers, patients: Integers, copies: int
    ) -> "_Group":
        rows = (first[patients, None] + np.arange(copies)).ravel()
        return cls(design.only(rows, copies), y[patients], weights[:, patients])


@dataclass(frozen=True, slots=True)
class _Problem:
    """B fits. precision: (B, p)."""

    groups: Sequence[_Group]
    precision: Floats

    def at(self, beta: Floats, fits: Integers) -> State:
        b, p = beta.shape
        prior, diagonal = self.precision[fits], np.arange(p)
        state = State(
            np.zeros(b),
            -0.5 * np.sum(prior * beta * beta, axis=1),
            -prior * beta,
            np.zeros((b, p, p)),
            np.zeros((b, p, p)),
        )
        for group in self.groups:
            copies = group.design.together
            for rows, X in group.design.blocks(fits):
                patients = slice(rows.start // copies, rows.stop // copies)
                y, weights = group.y[patients], group.weights[fits, patients]
                state.add(_averaged_sums(X, y, weights, beta, copies) if copies > 1 else _plain(X, y, weights, beta))
        state.curvature[:, diagonal, diagonal] += prior
        state.information[:, diagonal, diagonal] += prior
        return state


def _plain(X: Floats, y: Floats, weights: Floats, beta: Floats) -> State:
    value, gradient, information = logistic_sums(X, y, weights, beta)
    return State(value, value, gradient, information, information)


def _averaged_sums(X: Floats, y: Floats, weights: Floats, beta: Floats, copies: int) -> State:
    """What m patients add, for each of whom `copies` rows stand. X: (b, m x copies, p). y: (m,). weights: (b, m).

    Each patient has a row of its own in the information: the derivative of the mean risk.
    """
    of_patients = (len(beta), -1, copies)
    of_rows = expit(linear(X, beta))
    risk = of_rows.reshape(of_patients).mean(axis=2)
    slope = of_rows * (1 - of_rows) / copies
    own = (X * slope[:, :, None]).reshape(*of_patients, X.shape[2]).sum(axis=2)
    outcome = np.maximum(np.where(y > 0, risk, 1 - risk), SMALLEST_RISK)
    pull = weights * np.where(y > 0, 1.0, -1.0) / outcome
    bend = np.repeat(pull, copies, axis=1) * slope * (1 - 2 * of_rows)
    value = np.sum(weights * np.log(outcome), axis=1)
    return State(
        log_likelihood=value,
        objective=value,
        gradient=summed(own, pull),
        curvature=information_of(own, weights / outcome**2) - information_of(X, bend),
        information=information_of(own, weights / np.maximum(risk * (1 - risk), SMALLEST_RISK)),
    )
