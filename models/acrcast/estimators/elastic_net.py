"""Elastic-net logistic regression, all resamples, folds and penalties in one batch (Friedman, Hastie & Tibshirani 2010)."""

from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Floats, Integers
from acrcast.estimators.newton import weighted_products
from acrcast.estimators.normal import expit, log1p_exp
from acrcast.estimators.rows import PreparedRows

MIXING = 0.5
PENALTIES = np.geomspace(0.5, 0.002, 16)
FOLDS = 5
OUTER_ITERATIONS = 30
SWEEPS = 25
TOLERANCE = 1e-6
SMALLEST_CURVATURE = 1e-5


def elastic_net(prepared: PreparedRows, rng: np.random.Generator) -> Floats:
    """(B, p) coefficients, the penalty chosen in each resample by cross-validated log loss; arm and intercept are not penalised."""
    X, y, weights = prepared.matrix, prepared.y, prepared.weights
    factor = _penalty_factor(prepared)
    fold = stratified_folds(prepared.rows.arm, prepared.rows.y, FOLDS, rng)[prepared.patient]
    loss = np.zeros((len(weights), len(PENALTIES)))
    for k in range(FOLDS):
        inside = weights * (fold != k)
        path = _fit(X, y, np.repeat(inside[:, None], len(PENALTIES), axis=1), PENALTIES, factor)
        eta = np.matmul(path, np.swapaxes(X, 1, 2))
        held_out = (weights * (fold == k))[:, None, :]
        loss += np.sum(held_out * (log1p_exp(eta) - y * eta), axis=2)
    # the strongest penalty among the best: ties go to the simpler model
    chosen = PENALTIES[np.argmin(loss, axis=1)]
    return _fit(X, y, weights[:, None], chosen[:, None], factor)[:, 0]


def stratified_folds(arm: Floats, y: Floats, folds: int, rng: np.random.Generator) -> Integers:
    """(n,) fold numbers, balanced within arm and outcome."""
    order = rng.permutation(len(y))
    order = order[np.lexsort((y[order], arm[order]))]
    fold = np.empty(len(y), dtype=np.int64)
    fold[order] = (np.arange(len(y)) + int(rng.integers(folds))) % folds
    return fold


def _penalty_factor(prepared: PreparedRows) -> Floats:
    """(p,) standard deviation of each penalised column: one, a half for a measure times the arm's half; 0 for none."""
    factor = np.zeros(prepared.terms.size)
    factor[prepared.terms.measures] = 1.0
    factor[prepared.terms.interactions] = 0.5
    return factor


@dataclass(slots=True)
class _Quadratic:
    """The log-likelihood's quadratic approximation at the current coefficients, each (G, F, ...)."""

    curvature: Floats
    gradient: Floats


def _fit(X: Floats, y: Floats, weights: Floats, penalties: Floats, factor: Floats) -> Floats:
    """(G, F, p). X: (G, n, p). weights: (G, F, n). penalties: (F,) or (G, F). Proximal Newton by coordinate descent."""
    G, F, _ = weights.shape
    total = np.maximum(weights.sum(axis=2, keepdims=True), 1e-300)
    w = weights / total
    strength = np.broadcast_to(penalties, (G, F))[:, :, None] * factor
    beta = np.zeros((G, F, X.shape[2]))
    for _ in range(OUTER_ITERATIONS):
        mean = expit(np.matmul(beta, np.swapaxes(X, 1, 2)))
        curvature = w * np.maximum(mean * (1 - mean), SMALLEST_CURVATURE)
        quadratic = _Quadratic(weighted_products(X, curvature), np.matmul(w * (y - mean), X))
        updated = _descend(quadratic, beta, MIXING * strength, (1 - MIXING) * strength * factor)
        moved = np.abs(updated - beta).max()
        beta = updated
        if moved < TOLERANCE:
            break
    return beta


def _descend(quadratic: _Quadratic, beta: Floats, lasso: Floats, ridge: Floats) -> Floats:
    """Coordinate descent on the quadratic with its penalty."""
    updated = beta.copy()
    change = np.zeros_like(beta)
    diagonal = np.einsum("gfpp->gfp", quadratic.curvature) + ridge + 1e-12
    for _ in range(SWEEPS):
        largest = 0.0
        for j in range(beta.shape[2]):
            target = (
                quadratic.gradient[:, :, j] - change[:, :, j] + (diagonal[:, :, j] - ridge[:, :, j]) * updated[:, :, j]
            )
            value = np.sign(target) * np.maximum(np.abs(target) - lasso[:, :, j], 0.0) / diagonal[:, :, j]
            step = value - updated[:, :, j]
            change += quadratic.curvature[:, :, :, j] * step[:, :, None]
            updated[:, :, j] = value
            largest = max(largest, float(np.abs(step).max()))
        if largest < TOLERANCE:
            break
    return updated
