"""Elastic-net logistic regression, all resamples, folds and penalties in one batch (Friedman, Hastie & Tibshirani 2010)."""

from collections.abc import Iterator

import numpy as np

from acrcast.arrays import Floats, FoldNumbers, Integers
from acrcast.estimators.folds import inner_folds
from acrcast.estimators.newton import weighted_products
from acrcast.estimators.normal import expit, log1p_exp
from acrcast.estimators.posterior import ARM_SD, INTERCEPT_SD
from acrcast.estimators.rows import PreparedRows

MIXING = 0.5
PENALTIES = np.geomspace(0.5, 0.002, 16)
FOLDS = 5
# Of the penalties every so many, the first and the last among them, are fitted before the others.
EVERY = 5
# (all, few) shares by which the few make up what lies between them.
BETWEEN = np.maximum(
    0.0, 1.0 - np.abs(np.arange(len(PENALTIES))[:, None] - np.arange(0, len(PENALTIES), EVERY)) / EVERY
)
OUTER_ITERATIONS = 30
# Of coordinate descent before each Newton step: they find which coefficients are zero.
SWEEPS = 3
TOLERANCE = 1e-6
SMALLEST_CURVATURE = 1e-5
SMALLEST_RIDGE = 1e-12
# Rows of the design that are made and used at a time: so many stay in the processor's cache.
ROWS_AT_ONCE = 1024


def elastic_net(prepared: PreparedRows, rng: np.random.Generator) -> Floats:
    """(B, p) coefficients, the penalty chosen in each resample by cross-validated log loss.

    Arm and intercept are not penalised but have their prior of the Bayesian models: an arm without an event has a finite risk.
    """
    B = len(prepared.weights)
    fold = np.stack([inner_folds(prepared, b, FOLDS, rng) for b in range(B)])
    factor, precision = _penalty_factor(prepared), _weak_precision(prepared)
    path = _paths(prepared, fold, factor, precision)
    loss = np.stack([_held_out_loss(prepared, b, fold[b], path[b]) for b in range(B)])
    # the strongest penalty among the best: ties go to the simpler model
    chosen = PENALTIES[np.argmin(loss, axis=1)]
    return _fit(prepared, fold, np.array([FOLDS]), chosen[:, None], factor, precision)[:, 0]


def _paths(prepared: PreparedRows, fold: FoldNumbers, factor: Floats, precision: Floats) -> Floats:
    """(B, FOLDS, penalties, p) coefficients at every penalty without each fold.

    A few penalties are fitted first; where a path's coefficients lie between them is where the search for the others starts.
    """
    B, p = len(prepared.weights), len(factor)

    def paths(penalties: Floats, start: Floats | None = None) -> Floats:
        outside = np.repeat(np.arange(FOLDS), len(penalties))
        found = _fit(prepared, fold, outside, np.tile(penalties, (B, FOLDS)), factor, precision, start)
        return found.reshape(B, FOLDS, len(penalties), p)

    return paths(PENALTIES, BETWEEN @ paths(PENALTIES[::EVERY]))


def _penalty_factor(prepared: PreparedRows) -> Floats:
    """(p,) standard deviation of each penalised column: one, a half for a measure times the arm's half; 0 for none."""
    factor = np.zeros(prepared.terms.size)
    factor[prepared.terms.measures] = 1.0
    factor[prepared.terms.interactions] = 0.5
    return factor


def _weak_precision(prepared: PreparedRows) -> Floats:
    """(p,) prior precision of intercept and arm; 0 for what is penalised."""
    precision = np.zeros(prepared.terms.size)
    precision[0] = 1 / INTERCEPT_SD**2
    if prepared.terms.two_arms:
        precision[1] = 1 / ARM_SD**2
    return precision


def _fit(
    prepared: PreparedRows,
    fold: FoldNumbers,
    outside: Integers,
    penalties: Floats,
    factor: Floats,
    precision: Floats,
    start: Floats | None = None,
) -> Floats:
    """(B, F, p) coefficients of F problems in each resample, by proximal Newton steps (Lee, Sun & Saunders 2014).

    fold: (B, N), -1 where a row takes no part. outside: (F,) the fold that a problem leaves out; one that does not exist
    leaves out none. penalties: (B, F). factor: (p,) by which each column is multiplied in the penalty on the mean loss.
    precision: (p,) of priors beside the summed loss. start: of B x F x p numbers.
    """
    B, F = penalties.shape
    strength = penalties.reshape(-1, 1) * factor
    beta = np.zeros((B * F, len(factor))) if start is None else start.reshape(B * F, -1)
    moving, diagonal = np.arange(B * F), np.arange(len(factor))
    for _ in range(OUTER_ITERATIONS):
        curvature = np.empty((len(moving), len(factor), len(factor)))
        gradient = np.empty((len(moving), len(factor)))
        patients = np.empty((len(moving), 1))
        for b in range(B):
            here = slice(*np.searchsorted(moving, (b * F, (b + 1) * F)))
            if here.start < here.stop:
                curvature[here], gradient[here], patients[here] = _quadratic(
                    prepared, b, fold[b], outside[moving[here] % F], beta[moving[here]]
                )
        penalty = strength[moving]
        linear = gradient + (curvature @ beta[moving][:, :, None])[:, :, 0]
        curvature[:, diagonal, diagonal] += (1 - MIXING) * penalty * factor + precision / patients + SMALLEST_RIDGE
        updated = _improved(curvature, linear, beta[moving], MIXING * penalty)
        step = np.abs(updated - beta[moving]).max(axis=1)
        beta[moving] = updated
        moving = moving[step >= TOLERANCE]
        if moving.size == 0:
            break
    return beta.reshape(B, F, -1)


def _quadratic(
    prepared: PreparedRows, resample: int, fold: FoldNumbers, outside: Integers, beta: Floats
) -> tuple[Floats, Floats, Floats]:
    """(F, p, p) curvature and (F, p) gradient of the mean log-likelihood of F problems of a resample at `beta` (F, p).

    Also (F, 1) over how many patients the mean is.
    """
    F, p = beta.shape
    total, curvature, gradient = np.zeros((F, 1)), np.zeros((F, p, p)), np.zeros((F, p))
    for X, y, weights, rows in _blocks(prepared, resample, np.flatnonzero(fold >= 0)):
        share = weights * (fold[rows] != outside[:, None])
        mean = expit(beta @ X.T)
        total += share.sum(axis=1, keepdims=True)
        gradient += (share * (y - mean)) @ X
        curvature += weighted_products(X[None], (share * np.maximum(mean * (1 - mean), SMALLEST_CURVATURE))[None])[0]
    return curvature / total[:, :, None], gradient / total, total


def _held_out_loss(prepared: PreparedRows, resample: int, fold: FoldNumbers, path: Floats) -> Floats:
    """(F,) log loss of every penalty, summed over the patients, each by the fit without the patient's fold. path: (K, F, p)."""
    loss = np.zeros(path.shape[1])
    for k, coefficients in enumerate(path):
        for X, y, weights, _ in _blocks(prepared, resample, np.flatnonzero(fold == k)):
            eta = coefficients @ X.T
            loss += (log1p_exp(eta) - y * eta) @ weights
    return loss


def _blocks(prepared: PreparedRows, resample: int, rows: Integers) -> Iterator[tuple[Floats, Floats, Floats, Integers]]:
    """Design (m, p), outcomes (m,), weights (m,) and positions (m,) of these rows, `ROWS_AT_ONCE` at a time."""
    trial = prepared.rows
    for first in range(0, len(rows), ROWS_AT_ONCE):
        these = rows[first : first + ROWS_AT_ONCE]
        patient = prepared.patient[these]
        X = prepared.terms.matrix(trial.arm[patient], prepared.Z[resample, these])
        yield X, trial.y[patient], prepared.weights[resample, these], these


def _improved(hessian: Floats, linear: Floats, beta: Floats, lasso: Floats) -> Floats:
    """Nearer to the minimum of b'Hb / 2 - linear'b + lasso'|b| than `beta`; there already when the signs of `beta` are right.

    Sweeps of coordinate descent find which are zero, one Newton step then solves for the others, kept where no sign turns.
    hessian: (M, p, p). All others: (M, p).
    """
    swept = _swept(hessian, linear, beta, lasso)
    support = swept != 0
    inside = np.where(support[:, :, None] & support[:, None, :], hessian, np.eye(beta.shape[1]))
    solved = np.linalg.solve(inside, np.where(support, linear - lasso * np.sign(swept), 0.0)[:, :, None])[:, :, 0]
    turned = ((np.sign(solved) != np.sign(swept)) & (lasso > 0)).any(axis=1)
    return np.where(turned[:, None], swept, solved)


def _swept(hessian: Floats, linear: Floats, beta: Floats, lasso: Floats) -> Floats:
    """A few sweeps of coordinate descent. Inside, a coordinate's values of all problems lie side by side."""
    p = beta.shape[1]
    H = np.ascontiguousarray(hessian.transpose(1, 2, 0))
    left, updated, threshold = (linear - (hessian @ beta[:, :, None])[:, :, 0]).T.copy(), beta.T.copy(), lasso.T.copy()
    for _ in range(SWEEPS):
        for j in range(p):
            target = left[j] + H[j, j] * updated[j]
            # np.clip takes longer to be called than to compute
            value = (target - np.minimum(np.maximum(target, -threshold[j]), threshold[j])) / H[j, j]
            left -= H[j] * (value - updated[j])
            updated[j] = value
    return updated.T
