"""Elastic-net logistic regression, all resamples, folds and penalties in one batch (Friedman, Hastie & Tibshirani 2010)."""

import numpy as np

from acrcast.arrays import Floats
from acrcast.estimators.folds import inner_folds
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
# Folds are fitted together while all their weights are at most this many numbers: it saves time, and costs memory.
LARGEST_BATCH = 4_000_000


def elastic_net(prepared: PreparedRows, rng: np.random.Generator) -> Floats:
    """(B, p) coefficients, the penalty chosen in each resample by cross-validated log loss; arm and intercept are not penalised."""
    X, y, weights = prepared.matrix, prepared.y, prepared.weights
    factor = _penalty_factor(prepared)
    fold = np.stack([inner_folds(prepared, b, FOLDS, rng) for b in range(len(weights))])
    loss = np.zeros((len(weights), len(PENALTIES)))
    at_once = max(1, LARGEST_BATCH // (weights.size * len(PENALTIES)))
    for first in range(0, FOLDS, at_once):
        held_out = fold[:, None, :] == np.arange(first, min(first + at_once, FOLDS))[:, None]
        inside = np.repeat(weights[:, None] * ~held_out, len(PENALTIES), axis=1)
        path = _fit(X, y, inside, np.tile(PENALTIES, held_out.shape[1]), factor)
        eta = np.matmul(path, np.swapaxes(X, 1, 2)).reshape(*held_out.shape[:2], len(PENALTIES), -1)
        loss += np.einsum("bkn,bkfn->bf", weights[:, None] * held_out, log1p_exp(eta) - y * eta)
    # the strongest penalty among the best: ties go to the simpler model
    chosen = PENALTIES[np.argmin(loss, axis=1)]
    return _fit(X, y, weights[:, None], chosen[:, None], factor)[:, 0]


def _penalty_factor(prepared: PreparedRows) -> Floats:
    """(p,) standard deviation of each penalised column: one, a half for a measure times the arm's half; 0 for none."""
    factor = np.zeros(prepared.terms.size)
    factor[prepared.terms.measures] = 1.0
    factor[prepared.terms.interactions] = 0.5
    return factor


def _fit(X: Floats, y: Floats, weights: Floats, penalties: Floats, factor: Floats) -> Floats:
    """(G, F, p). X: (G, n, p). weights: (G, F, n). penalties: (F,) or (G, F). Proximal Newton by coordinate descent."""
    G, F, _ = weights.shape
    total = np.maximum(weights.sum(axis=2, keepdims=True), 1e-300)
    w = weights / total
    strength = np.broadcast_to(penalties, (G, F))[:, :, None] * factor
    beta = np.zeros((G, F, X.shape[2]))
    moving = np.arange(F)
    for _ in range(OUTER_ITERATIONS):
        current, share, penalty = beta[:, moving], w[:, moving], strength[:, moving]
        mean = expit(np.matmul(current, np.swapaxes(X, 1, 2)))
        curvature = weighted_products(X, share * np.maximum(mean * (1 - mean), SMALLEST_CURVATURE))
        gradient = np.matmul(share * (y - mean), X)
        updated = _descend(curvature, gradient, current, MIXING * penalty, (1 - MIXING) * penalty * factor)
        beta[:, moving] = updated
        moving = moving[np.abs(updated - current).max(axis=(0, 2)) >= TOLERANCE]
        if moving.size == 0:
            break
    return beta


def _descend(curvature: Floats, gradient: Floats, beta: Floats, lasso: Floats, ridge: Floats) -> Floats:
    """Coordinate descent on the log-likelihood's quadratic approximation at `beta`, with its penalty.

    curvature: (G, F, p, p). All others: (G, F, p). Inside, a coordinate's values of all fits lie side by side.
    """
    p = beta.shape[2]
    C = np.ascontiguousarray(curvature.reshape(-1, p, p).transpose(1, 2, 0))
    left, updated, threshold = (part.reshape(-1, p).T.copy() for part in (gradient, beta, lasso))
    own = C[np.arange(p), np.arange(p)]
    divisor = own + ridge.reshape(-1, p).T + 1e-12
    for _ in range(SWEEPS):
        before = updated.copy()
        for j in range(p):
            target = left[j] + own[j] * updated[j]
            value = (target - np.clip(target, -threshold[j], threshold[j])) / divisor[j]
            left -= C[j] * (value - updated[j])
            updated[j] = value
        if np.abs(updated - before).max() < TOLERANCE:
            break
    return updated.T.reshape(beta.shape)
