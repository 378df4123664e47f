"""One Newton iteration for many penalised logistic fits at once: resamples, prior scales and folds are a batch."""

from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bools, Floats
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


def fit_logistic(
    X: Floats,
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
    B, p = weights.shape[0], X.shape[2]
    precision = np.broadcast_to(precision, (B, p))
    y = np.broadcast_to(y, weights.shape)
    beta = np.zeros((B, p)) if start is None else start.copy()
    regular = precision + SMALLEST_RIDGE * _size(X, weights)[:, None]
    converged = np.zeros(B, dtype=bool)
    active = np.arange(B)
    for _ in range(MAX_ITERATIONS):
        design = X if X.shape[0] == 1 else X[active]
        w, target, prior = weights[active], y[active], precision[active]
        mean = expit(_linear(design, beta[active]))
        curvature = w * mean * (1.0 - mean)
        information = _information(design, curvature, regular[active])
        residual = w * (target - mean)
        if firth:
            residual = residual + _leverage(design, curvature, information) * (0.5 - mean)
        gradient = _gradient(design, residual) - prior * beta[active]
        step: Floats = np.linalg.solve(information, gradient[:, :, None])[:, :, 0].astype(np.float64, copy=False)
        beta[active] = _damped(
            design, target, w, prior, beta[active], step, jeffreys=regular[active] if firth else None
        )
        done = (np.abs(step).max(axis=1) < TOLERANCE) | (np.sum(gradient * step, axis=1) < NEGLIGIBLE_DECREMENT)
        converged[active[done]] = True
        active = active[~done]
        if active.size == 0:
            break
    eta = _linear(X, beta)
    mean = expit(eta)
    return LogisticFits(
        coefficients=beta,
        information=_information(X, weights * mean * (1.0 - mean), precision),
        log_likelihood=np.sum(weights * (y * eta - log1p_exp(eta)), axis=1),
        converged=converged,
    )


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


def _linear(X: Floats, beta: Floats) -> Floats:
    if X.shape[0] == 1:
        shared: Floats = beta @ X[0].T
        return shared
    eta: Floats = (X @ beta[:, :, None])[:, :, 0]
    return eta


def _gradient(X: Floats, residual: Floats) -> Floats:
    if X.shape[0] == 1:
        shared: Floats = residual @ X[0]
        return shared
    gradient: Floats = (residual[:, None, :] @ X)[:, 0, :]
    return gradient


def _information(X: Floats, curvature: Floats, precision: Floats) -> Floats:
    information = weighted_products(X, curvature[:, None, :] if X.shape[0] > 1 else curvature[None])
    information = information.reshape(len(curvature), X.shape[2], X.shape[2])
    diagonal = np.arange(X.shape[2])
    information[:, diagonal, diagonal] += precision
    return information


def _leverage(X: Floats, curvature: Floats, information: Floats) -> Floats:
    spread = np.matmul(X, np.linalg.inv(information))
    leverage: Floats = np.sum(spread * X, axis=2) * curvature
    return leverage


def _size(X: Floats, weights: Floats) -> Floats:
    """(B,) mean diagonal of X' diag(weights) X."""
    squared = np.einsum("bnp,bnp->bn", X, X) / X.shape[2]
    size: Floats = np.sum(weights * squared, axis=1)
    return size


def _damped(
    X: Floats, y: Floats, w: Floats, prior: Floats, beta: Floats, step: Floats, *, jeffreys: Floats | None
) -> Floats:
    """The full step where it does not lower the objective, else halves of it."""
    size = np.ones(len(beta))
    before = _objective(X, y, w, prior, beta, jeffreys)
    slack = 1e-9 * (1.0 + np.abs(before))
    for _ in range(MAX_HALVINGS):
        after = _objective(X, y, w, prior, beta + size[:, None] * step, jeffreys)
        worse = ~(after >= before - slack)
        if not worse.any():
            break
        size[worse] *= 0.5
    return beta + size[:, None] * step


def _objective(X: Floats, y: Floats, w: Floats, prior: Floats, beta: Floats, jeffreys: Floats | None) -> Floats:
    """jeffreys: (B, p) what is added to the information in Firth's penalty; None without the penalty."""
    eta = _linear(X, beta)
    value: Floats = np.sum(w * (y * eta - log1p_exp(eta)), axis=1) - 0.5 * np.sum(prior * beta * beta, axis=1)
    if jeffreys is not None:
        mean = expit(eta)
        value = value + 0.5 * log_determinant(_information(X, w * mean * (1.0 - mean), jeffreys))
    return value
