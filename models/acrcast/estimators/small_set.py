"""The candidates that use no more than arm and prespecified measures without a prior on them: prevalence, and Firth with FLIC."""

import numpy as np

from acrcast.arrays import Floats
from acrcast.estimators.newton import fit_logistic, linear
from acrcast.estimators.normal import expit, logit
from acrcast.estimators.rows import PreparedRows

# The candidate that quotes the arm's response rate to everybody, which every other one has to beat.
RESPONSE_RATE = "prevalence"


def arm_rates(arm: Floats, y: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Responders and patients by arm, each (B, 2), control first; weighted. arm: (n,). y: (n,). weights: (B, n)."""
    membership = np.stack([arm < 0, arm > 0], axis=1).astype(np.float64)
    return (weights * y) @ membership, weights @ membership


def prevalence(prepared: PreparedRows) -> Floats:
    """(B, p) coefficients whose risk is each arm's response rate, as the mean of its Jeffreys posterior Beta(r + 1/2, n - r + 1/2)."""
    responders, patients = arm_rates(prepared.arm, prepared.y, prepared.weights)
    log_odds = logit((responders + 0.5) / (patients + 1.0))
    coefficients = np.zeros((len(log_odds), prepared.terms.size))
    if prepared.terms.two_arms:
        coefficients[:, 0] = log_odds.mean(axis=1)
        coefficients[:, 1] = log_odds[:, 1] - log_odds[:, 0]
    else:
        coefficients[:, 0] = log_odds[:, 1]
    return coefficients


def firth(prepared: PreparedRows) -> Floats:
    """(B, p) coefficients by Firth's penalty on the prespecified set, the intercept re-estimated so that the mean prediction is
    the observed rate (FLIC; Puhr et al. 2017, Stat Med 36:2302)."""  # noqa: D205, D209  one sentence
    terms = list(prepared.terms.small_terms())
    X = prepared.design(terms)
    fits = fit_logistic(X, prepared.y, prepared.weights, np.zeros(len(terms)), firth=True)
    coefficients = np.zeros((len(prepared.weights), prepared.terms.size))
    coefficients[:, terms] = fits.coefficients
    coefficients[:, 0] = 0.0
    offset = np.empty(prepared.weights.shape)
    for rows, block in X.blocks(np.arange(len(offset))):
        offset[:, rows] = linear(block, coefficients[:, terms])
    coefficients[:, 0] = calibrated_intercept(offset, prepared.y, prepared.weights)
    return coefficients


def calibrated_intercept(offset: Floats, y: Floats, weights: Floats) -> Floats:
    """(B,) intercept at which the weighted mean risk equals the observed rate. offset: (B, n) log-odds without it.

    A rate of 0 or 1, which no finite intercept reaches, is taken half a patient away from the end.
    """
    total = weights.sum(axis=1)
    rate = np.clip((weights * y).sum(axis=1) / total, 0.5 / total, 1 - 0.5 / total)
    low = logit(rate) - offset.max(axis=1)
    high = logit(rate) - offset.min(axis=1)
    for _ in range(200):
        middle = 0.5 * (low + high)
        above = np.sum(weights * expit(offset + middle[:, None]), axis=1) / total > rate
        low, high = np.where(above, low, middle), np.where(above, middle, high)
        if np.max(high - low) < 1e-13:
            break
    intercept: Floats = 0.5 * (low + high)
    return intercept
