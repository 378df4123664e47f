"""One Newton iteration for many penalised logistic fits at once: resamples, prior scales and folds are a batch."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from acrcast.arrays import Bools, Floats, Integers
from acrcast.estimators.block_design import Design
from acrcast.estimators.normal import expit, log1p_exp

MAX_ITERATIONS = 200
TOLERANCE = 1e-11
# Newton's decrement below which directions that the data leave open are all that still moves.
NEGLIGIBLE_DECREMENT = 1e-20
# Added to what is inverted, as a share of its size without a model: it moves only what the data leave open.
SMALLEST_RIDGE = 1e-10
MAX_HALVINGS = 12
ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class LogisticFits:
    """B fits. coefficients: (B, p). information: (B, p, p), the negative Hessian of the penalised log-likelihood there.

    log_likelihood: (B,), weighted, without the penalty. converged: (B,).
    """

    coefficients: Floats
    information: Floats
    log_likelihood: Floats
    converged: Bools


@dataclass(frozen=True, slots=True)
class State:
    """What b coefficient vectors make of the data. log_likelihood, objective: (b,). gradient: (b, p), of the objective.

    curvature, information: (b, p, p), the objective's negative Hessian, observed and expected; without Firth's penalty.
    """

    log_likelihood: Floats
    objective: Floats
    gradient: Floats
    curvature: Floats
    information: Floats

    def take(self, fits: Integers | Bools) -> "State":
        return State(*(getattr(self, field.name)[fits] for field in fields(self)))

    def put(self, fits: Integers, other: "State") -> None:
        for field in fields(self):
            getattr(self, field.name)[fits] = getattr(other, field.name)

    def add(self, other: "State") -> None:
        for field in fields(self):
            np.add(getattr(self, field.name), getattr(other, field.name), out=getattr(self, field.name))


def fit_logistic(
    X: Floats | Design,
    y: Floats,
    weights: Floats,
    precision: Floats,
    *,
    start: Floats | None = None,
    firth: bool = False,
) -> LogisticFits:
    """Maximise sum_i w_i (y_i eta_i - log(1 + e^eta_i)) - 1/2 sum_j precision_j beta_j^2, for B fits together.

    X: (B, n, p) or (1, n, p) for one design that all fits share. y: (n,) or (B, n), 0 to 1 (fractions are allowed).
    weights: (B, n), not negative. precision: (p,) or (B, p), 0 for a flat prior. start: (B, p).
    firth: adds half the log-determinant of the information, Jeffreys' prior (Firth 1993, Biometrika 80:27), which
        keeps coefficients finite under separation.
    """
    design = Design.of(X)
    B, p = len(weights), design.columns
    precision = np.broadcast_to(precision, (B, p))
    ridge = SMALLEST_RIDGE * _size(design, weights)
    problem = _Problem(design, np.broadcast_to(y, weights.shape), weights, precision, ridge, firth)
    return maximise(problem.at, np.zeros((B, p)) if start is None else start.copy(), ridge)


def maximise(at: Callable[[Floats, Integers], State], beta: Floats, ridge: Floats) -> LogisticFits:
    """Newton's steps from `beta` (B, p), which is overwritten, to the largest objective of each fit.

    at: from the (b, p) coefficients of b fits and their (b,) numbers to their state. ridge: (B,) is added to the diagonal of
    what is inverted. Where the observed curvature points downhill, the expected one is followed.
    """
    active = np.arange(len(beta))
    converged = np.zeros(len(beta), dtype=bool)
    state = at(beta, active)
    diagonal = np.eye(beta.shape[1])
    for _ in range(MAX_ITERATIONS):
        now = state if len(active) == len(beta) else state.take(active)
        small = ridge[active, None, None] * diagonal
        step = _solved(now.curvature + small, now.gradient)
        downhill = np.sum(now.gradient * step, axis=1) < 0
        if downhill.any():
            step[downhill] = _solved((now.information + small)[downhill], now.gradient[downhill])
        done = (np.abs(step).max(axis=1) < TOLERANCE) | (np.sum(now.gradient * step, axis=1) < NEGLIGIBLE_DECREMENT)
        beta[active], moved = _damped(at, active, beta[active], step, now.objective)
        state.put(active, moved)
        converged[active[done]] = True
        active = active[~done]
        if active.size == 0:
            break
    return LogisticFits(beta, state.information, state.log_likelihood, converged)


def log_determinant(information: Floats) -> Floats:
    """(B,) log-determinants of positive definite matrices."""
    value: Floats = np.linalg.slogdet(information)[1]
    return value


def weighted_products(X: Floats, curvature: Floats) -> Floats:
    """(G, F, p, p) sums X' diag(curvature) X. X: (G, n, p). curvature: (G, F, n), F sets of weights on each design.

    With many sets on one design, the rows' products are formed once and summed by one matrix product.
    """
    G, n, p = X.shape
    F = curvature.shape[1]
    if F <= p:
        scaled = X[:, None] * curvature[:, :, :, None]
        gram: Floats = np.swapaxes(scaled, 2, 3) @ X[:, None]
        return gram
    total = np.zeros((G, F, p * p))
    for first in range(0, n, ROWS_AT_ONCE):
        block = X[:, first : first + ROWS_AT_ONCE]
        products = (block[:, :, :, None] * block[:, :, None, :]).reshape(G, block.shape[1], p * p)
        total += np.matmul(curvature[:, :, first : first + ROWS_AT_ONCE], products)
    return total.reshape(G, F, p, p)


def logistic_sums(X: Floats, y: Floats, weights: Floats, beta: Floats) -> tuple[Floats, Floats, Floats]:
    """Log-likelihood (b,), its gradient (b, p) and its negative Hessian (b, p, p) of a block of rows.

    X: (b, m, p) or (1, m, p). y, weights: (b, m). beta: (b, p).
    """
    eta = linear(X, beta)
    mean = expit(eta)
    log_likelihood: Floats = np.sum(weights * (y * eta - log1p_exp(eta)), axis=1)
    return log_likelihood, summed(X, weights * (y - mean)), information_of(X, weights * mean * (1.0 - mean))


def linear(X: Floats, beta: Floats) -> Floats:
    """(b, m) X beta. X: (b, m, p) or (1, m, p)."""
    if X.shape[0] == 1:
        shared: Floats = beta @ X[0].T
        return shared
    eta: Floats = (X @ beta[:, :, None])[:, :, 0]
    return eta


def summed(X: Floats, residual: Floats) -> Floats:
    """(b, p) X' residual. X: (b, m, p) or (1, m, p)."""
    if X.shape[0] == 1:
        shared: Floats = residual @ X[0]
        return shared
    gradient: Floats = (residual[:, None, :] @ X)[:, 0, :]
    return gradient


def information_of(X: Floats, curvature: Floats) -> Floats:
    """(b, p, p) X' diag(curvature) X. X: (b, m, p) or (1, m, p). curvature: (b, m)."""
    products = weighted_products(X, curvature[:, None, :] if X.shape[0] > 1 else curvature[None])
    return products.reshape(len(curvature), X.shape[2], X.shape[2])


@dataclass(frozen=True, slots=True)
class _Problem:
    """B fits. y, weights: (B, n). precision: (B, p). ridge: (B,)."""

    design: Design
    y: Floats
    weights: Floats
    precision: Floats
    ridge: Floats
    firth: bool

    def at(self, beta: Floats, fits: Integers) -> State:
        b, p = beta.shape
        prior, diagonal = self.precision[fits], np.arange(p)
        log_likelihood, gradient, information = np.zeros(b), -prior * beta, np.zeros((b, p, p))
        for rows, X in self.design.blocks(fits):
            value, slope, products = logistic_sums(X, self.y[fits, rows], self.weights[fits, rows], beta)
            log_likelihood += value
            gradient += slope
            information += products
        information[:, diagonal, diagonal] += prior
        objective = log_likelihood - 0.5 * np.sum(prior * beta * beta, axis=1)
        if self.firth:
            regular = information + self.ridge[fits, None, None] * np.eye(p)
            objective = objective + 0.5 * log_determinant(regular)
            covariance: Floats = np.linalg.inv(regular).astype(np.float64, copy=False)
            gradient += self._penalty_gradient(beta, fits, covariance)
        return State(log_likelihood, objective, gradient, information, information)

    def _penalty_gradient(self, beta: Floats, fits: Integers, covariance: Floats) -> Floats:
        """(b, p) of half the log-determinant of the information: every row pulls by its leverage."""
        gradient = np.zeros(beta.shape)
        for rows, X in self.design.blocks(fits):
            mean = expit(linear(X, beta))
            leverage = np.sum((X @ covariance) * X, axis=2) * self.weights[fits, rows] * mean * (1.0 - mean)
            gradient += summed(X, leverage * (0.5 - mean))
        return gradient


def _solved(matrices: Floats, right: Floats) -> Floats:
    solution: Floats = np.linalg.solve(matrices, right[:, :, None])[:, :, 0].astype(np.float64, copy=False)
    return solution


def _size(design: Design, weights: Floats) -> Floats:
    """(B,) mean diagonal of X' diag(weights) X."""
    size = np.zeros(len(weights))
    for rows, X in design.blocks(np.arange(len(weights))):
        size += np.sum(weights[:, rows] * np.einsum("bnp,bnp->bn", X, X), axis=1)
    return size / design.columns


def _damped(
    at: Callable[[Floats, Integers], State], fits: Integers, beta: Floats, step: Floats, before: Floats
) -> tuple[Floats, State]:
    """The full step where it does not lower the objective, else halves of it; and the state there."""
    moved = beta + step
    state = at(moved, fits)
    least = before - 1e-9 * (1.0 + np.abs(before))
    worse = np.flatnonzero(~(state.objective >= least))
    for halving in range(1, MAX_HALVINGS + 1):
        if worse.size == 0:
            break
        moved[worse] = beta[worse] + 0.5**halving * step[worse]
        state.put(worse, at(moved[worse], fits[worse]))
        worse = worse[~(state.objective[worse] >= least[worse])]
    return moved, state
