"""Logistic regression of incomplete patients: what is fitted is the risk that is served, averaged over a patient's draws.

An incomplete patient stands in several rows, each with its own draw of what is missing. The patient's risk is the mean of
the rows' risks, and the likelihood is that of this mean: an integral over the missing measures by Monte Carlo (Ibrahim et
al. 2005, J Am Stat Assoc 100:332). To fit the rows as if each were a patient would draw every effect towards 0, and take
draws for measurements. The outcome takes no part in the draws.
"""

from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Floats, Integers
from acrcast.estimators.newton import LogisticFits, fit_logistic, weighted_products
from acrcast.estimators.normal import expit

MAX_ITERATIONS = 200
TOLERANCE = 1e-10
MAX_HALVINGS = 12
# Risks nearer to 0 or 1 are taken for this one, so that no likelihood is 0.
SMALLEST_RISK = 1e-12


@dataclass(frozen=True, slots=True)
class _State:
    """What follows from the coefficients of b fits. objective: (b,). risk: (b, n). slope: (b, N) of each row's risk."""

    objective: Floats
    risk: Floats
    slope: Floats


@dataclass(frozen=True, slots=True)
class _Problem:
    """b of the fits. X: (b, N, p). y: (n,). weights: (b, n). share: (N,). first: (n,). precision: (b, p)."""

    X: Floats
    y: Floats
    weights: Floats
    share: Floats
    first: Integers
    precision: Floats

    def only(self, fits: Integers) -> "_Problem":
        if len(fits) == len(self.X):
            return self
        return _Problem(self.X[fits], self.y, self.weights[fits], self.share, self.first, self.precision[fits])

    def at(self, beta: Floats) -> _State:
        rows = expit((self.X @ beta[:, :, None])[:, :, 0])
        risk = np.add.reduceat(rows * self.share, self.first, axis=1)
        objective = self.log_likelihood(risk) - 0.5 * np.sum(self.precision * beta * beta, axis=1)
        return _State(objective, risk, rows * (1 - rows) * self.share)

    def log_likelihood(self, risk: Floats) -> Floats:
        of_outcome = np.where(self.y > 0, risk, 1 - risk)
        value: Floats = np.sum(self.weights * np.log(np.maximum(of_outcome, SMALLEST_RISK)), axis=1)
        return value

    def scoring(self, beta: Floats, state: _State) -> tuple[Floats, Floats]:
        """Fisher's step (b, p) and the expected information (b, p, p).

        Each patient has a row of its own in it: the derivative of the mean risk, which for a complete patient is the row there was.
        """
        variance = np.maximum(state.risk * (1 - state.risk), SMALLEST_RISK)
        own = np.add.reduceat(self.X * state.slope[:, :, None], self.first, axis=1) / variance[:, :, None]
        information = weighted_products(own, (self.weights * variance)[:, None, :])[:, 0]
        diagonal = np.arange(own.shape[2])
        information[:, diagonal, diagonal] += self.precision
        residual = self.weights * (self.y - state.risk)
        gradient = (residual[:, None, :] @ own)[:, 0] - self.precision * beta
        step: Floats = np.linalg.solve(information, gradient[:, :, None])[:, :, 0].astype(np.float64, copy=False)
        return step, information


def fit_averaged(
    X: Floats,
    y: Floats,
    weights: Floats,
    share: Floats,
    first: Integers,
    precision: Floats,
    *,
    start: Floats | None = None,
) -> LogisticFits:
    """Maximise sum_i w_i (y_i log r_i + (1 - y_i) log(1 - r_i)) - 1/2 sum_j precision_j beta_j^2, for B fits together.

    r_i is patient i's mean risk over the rows that stand for the patient. X: (B, N, p). y: (n,) 0 or 1. weights: (B, n), not
    negative. share: (N,) what each row is of its patient. first: (n,) each patient's first row. precision: (p,), positive.
    start: (B, p). The answer's information is the expected one: what a missing measure would have told is not in it.
    Where every patient has one row, this is `fit_logistic`.
    """
    if len(first) == len(share):
        return fit_logistic(X, y, weights, precision, start=start)
    B, _, p = X.shape
    problem = _Problem(X, y, weights, share, first, np.broadcast_to(precision, (B, p)))
    beta = np.zeros((B, p)) if start is None else start.copy()
    information: Floats = np.empty((B, p, p))
    log_likelihood: Floats = np.empty(B)
    converged = np.zeros(B, dtype=bool)
    active, state = np.arange(B), problem.at(beta)
    for _ in range(MAX_ITERATIONS):
        now = problem.only(active)
        step, information[active] = now.scoring(beta[active], state)
        log_likelihood[active] = now.log_likelihood(state.risk)
        moving = np.abs(step).max(axis=1) >= TOLERANCE
        converged[active[~moving]] = True
        before, step, active = state.objective[moving], step[moving], active[moving]
        if active.size == 0:
            break
        beta[active], state = _damped(problem.only(active), beta[active], step, before)
    return LogisticFits(beta, information, log_likelihood, converged)


def _damped(problem: _Problem, beta: Floats, step: Floats, before: Floats) -> tuple[Floats, _State]:
    """The full step where it does not lower the objective, else halves of it; and what follows from it."""
    size = np.ones(len(beta))
    slack = 1e-9 * (1.0 + np.abs(before))
    state = problem.at(beta + step)
    for _ in range(MAX_HALVINGS):
        worse = ~(state.objective >= before - slack)
        if not worse.any():
            break
        size[worse] *= 0.5
        state = problem.at(beta + size[:, None] * step)
    return beta + size[:, None] * step, state
