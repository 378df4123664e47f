"""Figures of many sets of risks under many sets of weights at once: a resample is weights, not a copy of patients.

risk: (B, n) probabilities of all n patients from each of B fits. y: (n,) 0 or 1. weights: (B, n), not negative, whole
or real; a weight of 0 leaves the patient out. All return (B,).
"""

from collections.abc import Iterator

import numpy as np

from acrcast.arrays import Bools, Bytes, Floats, Integers
from acrcast.estimators.block_design import Design, Rows
from acrcast.estimators.newton import fit_logistic
from acrcast.estimators.normal import expit, logit
from acrcast.validation.performance import log_odds_of

# Risks that differ by less are ties: equal patients may differ by rounding when fits are multiplied out in batches.
SMALLEST_DIFFERENCE = 1e-12
# Sets are worked through in blocks of at most this many numbers, to bound memory.
LARGEST_BLOCK = 2**19
LARGEST_ITERATIONS = 200
TOLERANCE = 1e-13


def blocks(sets: int, patients: int) -> Iterator[slice]:
    """Slices of so many sets that a block of them holds at most `LARGEST_BLOCK` numbers."""
    at_once = max(1, LARGEST_BLOCK // max(1, patients))
    for first in range(0, sets, at_once):
        yield slice(first, min(first + at_once, sets))


def weighted_mean(values: Floats, weights: Floats) -> Floats:
    """(B,) weighted means of (B, n) values. NaN where all weights are 0."""
    return _ratio(np.sum(weights * values, axis=1), np.sum(weights, axis=1))


def c_statistics(risk: Floats, y: Floats, *weights: Floats) -> tuple[Floats, ...]:
    """C of each set of risks under each kind of weights; ties count half. One sort serves all the kinds.

    Each weights: (B, n) or (1, n). NaN where a set holds only responders or only non-responders.
    """
    found = [np.empty(len(risk)) for _ in weights]
    for block in blocks(*risk.shape):
        order = np.argsort(risk[block], axis=1)
        first, last = _ties(np.take_along_axis(risk[block], order, axis=1))
        responded = y[order]
        for values, kind in zip(found, weights, strict=True):
            rows = kind if len(kind) == 1 else kind[block]
            values[block] = _c_of_sorted(
                np.take_along_axis(np.broadcast_to(rows, order.shape), order, axis=1), responded, first, last
            )
    return tuple(found)


def c_statistics_within(risk: Floats, y: Floats, arm: Floats, *weights: Floats) -> tuple[Floats, ...]:
    """As `c_statistics`, among pairs of the same arm. arm: (n,) of each patient. NaN where there is no such pair."""
    concordant, pairs = (np.zeros((len(weights), len(risk))) for _ in range(2))
    for which in np.unique(arm):
        members = arm == which
        kinds = [kind[:, members] for kind in weights]
        for k, found in enumerate(c_statistics(risk[:, members], y[members], *kinds)):
            there = (kinds[k] @ y[members]) * (kinds[k] @ (1 - y[members]))
            concordant[k] += np.where(there > 0, found * there, 0.0)
            pairs[k] += there
    return tuple(_ratio(concordant, pairs))


def calibration_slopes(risk: Floats, y: Floats, weights: Floats) -> Floats:
    """Slopes of the logistic recalibration of each set; 1 is ideal, below 1 means risks too extreme. Cox 1958.

    NaN where no slope is finite: the risks or the outcomes do not vary, or the risks separate the outcomes.
    """
    return calibration_slopes_within(risk, y, np.zeros(len(y)), weights)


def calibration_slopes_within(risk: Floats, y: Floats, arm: Floats, weights: Floats) -> Floats:
    """As `calibration_slopes`, with an intercept for each arm: how far patients of the same arm differ. arm: (n,) of each patient."""
    slopes = np.full(len(risk), np.nan)
    members = arm == np.unique(arm)[:, None]
    for block in blocks(len(risk), 4 * risk.shape[1]):
        log_odds, w = log_odds_of(risk[block]), np.broadcast_to(weights, risk.shape)[block]
        two = np.stack([both_classes(y, w * some) for some in members], axis=1)
        # an arm with one outcome says nothing of the slope, and has no finite intercept
        w = w * (two @ members)
        overlap = _overlap(log_odds, y, w, members)
        for which in np.unique(two, axis=0):
            fitted = np.flatnonzero(overlap & (two == which).all(axis=1))
            if fitted.size:
                X = _recalibration(members[which], log_odds[fitted])
                calibrated = np.tile(np.append(np.zeros(X.columns - 1), 1.0), (fitted.size, 1))
                fits = fit_logistic(X, y, w[fitted], np.zeros(X.columns), start=calibrated)
                slopes[block.start + fitted] = fits.coefficients[:, -1]
    return slopes


def _recalibration(members: Bools, log_odds: Floats) -> Design:
    """An intercept for each arm and the log-odds (b, n). members: (arms, n)."""

    def make(rows: Rows) -> Floats:
        arms = np.broadcast_to(members[:, rows].T, (*log_odds[:, rows].shape, len(members)))
        return np.concatenate([arms, log_odds[:, rows, None]], axis=2)

    return Design(len(log_odds), log_odds.shape[1], len(members) + 1, make=make)


def calibration_intercepts(risk: Floats, y: Floats, weights: Floats) -> Floats:
    """Intercepts of the recalibration with the log-odds as offset; 0 is ideal, below 0 means risks too high on average.

    NaN where a set holds only responders or only non-responders.
    """
    intercepts = np.full(len(risk), np.nan)
    for block in blocks(*risk.shape):
        log_odds, w = log_odds_of(risk[block]), np.broadcast_to(weights, risk.shape)[block]
        total = w.sum(axis=1)
        rate = _ratio(w @ y, total)
        used = np.flatnonzero((rate > 0) & (rate < 1))
        if used.size:
            intercepts[block.start + used] = _offset_intercepts(
                log_odds[used], y, w[used] / total[used, None], rate[used]
            )
    return intercepts


def both_classes(y: Floats, weights: Floats | Bytes) -> Bools:
    """(B,) whether a set holds responders and non-responders."""
    responders = weights @ y
    both: Bools = (responders > 0) & (weights @ (1 - y) > 0)
    return both


def _ties(ranked: Floats) -> tuple[Integers, Integers]:
    """(B, n) positions of the first and of the last of each value's ties, in rows sorted upwards."""
    n = ranked.shape[1]
    position = np.arange(n)
    starts = np.ones(ranked.shape, dtype=bool)
    starts[:, 1:] = np.diff(ranked, axis=1) > SMALLEST_DIFFERENCE
    ends = np.ones(ranked.shape, dtype=bool)
    ends[:, :-1] = starts[:, 1:]
    first = np.maximum.accumulate(np.where(starts, position, 0), axis=1)
    last = np.minimum.accumulate(np.where(ends, position, n - 1)[:, ::-1], axis=1)[:, ::-1]
    return first, last


def _c_of_sorted(weights: Floats, responded: Floats, first: Integers, last: Integers) -> Floats:
    ones, zeros = weights * responded, weights * (1 - responded)
    up_to = np.cumsum(zeros, axis=1)
    before = np.take_along_axis(up_to - zeros, first, axis=1)
    through = np.take_along_axis(up_to, last, axis=1)
    return _ratio(np.sum(ones * (before + through), axis=1), 2 * ones.sum(axis=1) * up_to[:, -1])


def _overlap(log_odds: Floats, y: Floats, weights: Floats, strata: Bools) -> Bools:
    """(B,) whether responders' and others' risks overlap; else no slope is finite (Albert & Anderson 1984).

    strata: (s, n). They overlap when neither do responders lie above the others in every stratum nor below them in every one.
    """

    def extremes(members: Bools) -> tuple[Floats, Floats]:
        return (
            np.where(members, log_odds, np.inf).min(axis=1, initial=np.inf),
            np.where(members, log_odds, -np.inf).max(axis=1, initial=-np.inf),
        )

    above, below = np.ones((2, len(log_odds)), dtype=bool)
    for members in strata:
        taken = (weights > 0) & members
        low_1, high_1 = extremes(taken & (y == 1))
        low_0, high_0 = extremes(taken & (y == 0))
        above &= high_0 - low_1 <= SMALLEST_DIFFERENCE
        below &= high_1 - low_0 <= SMALLEST_DIFFERENCE
    overlap: Bools = ~above & ~below
    return overlap


def _offset_intercepts(log_odds: Floats, y: Floats, shares: Floats, rate: Floats) -> Floats:
    """Newton's steps, halving the bracket where one would leave it. shares: weights that sum to 1 in each set."""
    taken = shares > 0
    low = logit(rate) - np.where(taken, log_odds, -np.inf).max(axis=1)
    high = logit(rate) - np.where(taken, log_odds, np.inf).min(axis=1)
    intercept: Floats = (low + high) / 2
    for _ in range(LARGEST_ITERATIONS):
        mean = expit(log_odds + intercept[:, None])
        excess = np.sum(shares * (y - mean), axis=1)
        slope = np.sum(shares * mean * (1 - mean), axis=1)
        low, high = np.where(excess >= 0, intercept, low), np.where(excess <= 0, intercept, high)
        newton = intercept + excess / np.maximum(slope, np.finfo(np.float64).tiny)
        moved = np.where((newton >= low) & (newton <= high), newton, (low + high) / 2)
        done = bool(np.all(np.abs(moved - intercept) <= TOLERANCE * (1 + np.abs(intercept))))
        intercept = moved
        if done:
            break
    return intercept


def _ratio(top: Floats, bottom: Floats) -> Floats:
    """NaN where bottom is 0."""
    ratio: Floats = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
    return ratio
