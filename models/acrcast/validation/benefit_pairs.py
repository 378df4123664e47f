"""Calibration for benefit and c-for-benefit in pairs of a treated and a control patient of similar predicted benefit.

Shown because others show it, never headlined: c-for-benefit is not a proper score and depends on how the pairs are made
(Xia, Gustafson & Sadatsafavi 2023, Diagn Progn Res, s41512-023-00147-z).
"""

from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bools, Floats, Integers
from acrcast.validation.performance import Estimate
from acrcast.validation.randomised import Randomised
from acrcast.validation.rates import UNDEFINED, mean_with_interval
from acrcast.validation.smoothing import loess
from acrcast.validation.weighted import blocks, c_statistics

RESAMPLES = 200
SMOOTHER = "loess, span 0.75, degree 2"
# Fewer pairs than this say nothing of the spread of a curve through them.
FEWEST_FOR_INTERVAL = 8


@dataclass(frozen=True, slots=True)
class PairedBenefit:
    """Figures of k pairs.

    pairs: k. unmatched: patients of the larger arm that are in no pair.
    in_the_large: mean observed less mean predicted benefit. e_average, e50, e90: mean, median and 90th percentile of
    the distance of the smooth curve from the predicted benefit; 0 is ideal and chance alone keeps them above it.
    c_for_benefit: of two pairs with unequal observed benefit, how often the one with the greater also has the greater
    predicted benefit, ties half; 0.5 is chance. predicted, smooth: (k,) the curve, in the order of the pairs.
    smoother: its name.
    reason: why something is NaN; empty when nothing is.
    """

    pairs: int
    unmatched: int
    in_the_large: Estimate
    e_average: Estimate
    e50: Estimate
    e90: Estimate
    c_for_benefit: Estimate
    predicted: Floats
    smooth: Floats
    smoother: str
    reason: str


def paired_benefit(
    patients: Randomised, rng: np.random.Generator, resamples: int = RESAMPLES, level: float = 0.95
) -> PairedBenefit:
    """Figures of pairs by rank of predicted benefit; a pair's prediction is the mean of its two.

    van Klaveren et al. 2018, J Clin Epidemiol 94:59. rng: parts ties, and draws the resamples of pairs.
    """
    pairs = match_by_rank(patients.benefit, patients.treated, rng)
    predicted = patients.benefit[pairs].mean(axis=1)
    observed = patients.y[pairs[:, 0]] - patients.y[pairs[:, 1]]
    return benefit_of_pairs(predicted, observed, rng, resamples, level, unmatched=len(patients) - 2 * len(pairs))


def match_by_rank(score: Floats, treated: Bools, rng: np.random.Generator) -> Integers:
    """(k, 2) positions of a treated and a control patient at the same quantile of the score in either arm.

    Everybody of the smaller arm is in a pair; of the larger arm, patients at even distances in rank.
    """
    shuffled = rng.permutation(len(score))
    ranked = shuffled[np.argsort(score[shuffled], kind="stable")]
    arms = ranked[treated[ranked]], ranked[~treated[ranked]]
    k = min(map(len, arms))
    return np.column_stack([arm[((np.arange(k) + 0.5) * len(arm) / k).astype(np.int64)] for arm in arms])


def benefit_of_pairs(
    predicted: Floats,
    observed: Floats,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    *,
    unmatched: int = 0,
) -> PairedBenefit:
    """E-statistics (Maas et al. 2023, BMC Med Res Methodol 23:165) and c-for-benefit of pairs, however they were made.

    predicted: (k,) benefits. observed: (k,) outcome of the treated less that of the control patient: -1, 0 or 1. k at
    least 1. Percentile intervals over resampled pairs (at least 1 resample), the curve fitted anew in each.
    """
    k = len(predicted)
    smooth = loess(predicted, observed)
    c = concordance(predicted, observed, np.ones((1, k)))[0]
    curves, c_drawn = np.empty((resamples, 3)), np.empty(resamples)
    for block in blocks(resamples, k):
        drawn = rng.integers(0, k, (block.stop - block.start, k))
        curves[block] = [_distances(predicted[row], loess(predicted[row], observed[row])) for row in drawn]
        counts = np.stack([np.bincount(row, minlength=k) for row in drawn]).astype(np.float64)
        c_drawn[block] = concordance(predicted, observed, counts)
    reasons = []
    if k < FEWEST_FOR_INTERVAL:
        reasons.append(f"no intervals from fewer than {FEWEST_FOR_INTERVAL} pairs")
    if np.isnan(c):
        reasons.append("no c-for-benefit: the observed benefit of all pairs is the same")
    figures = [
        _with_percentiles(value, curves[:, j], level, k) for j, value in enumerate(_distances(predicted, smooth))
    ]
    return PairedBenefit(
        pairs=k,
        unmatched=unmatched,
        in_the_large=mean_with_interval(observed - predicted, level),
        e_average=figures[0],
        e50=figures[1],
        e90=figures[2],
        c_for_benefit=_with_percentiles(float(c), c_drawn, level, k),
        predicted=predicted,
        smooth=smooth,
        smoother=SMOOTHER,
        reason="; ".join(reasons),
    )


def concordance(predicted: Floats, observed: Floats, weights: Floats) -> Floats:
    """(B,) c-for-benefit under B sets of weights (B, k). NaN where all observed benefits of a set are the same."""
    agreeing, comparable = np.zeros((2, len(weights)))
    values = np.unique(observed)
    rows = np.broadcast_to(predicted, weights.shape)
    for i, low in enumerate(values):
        for high in values[i + 1 :]:
            compared = weights * ((observed == low) | (observed == high))
            comparisons = (weights @ (observed == low)) * (weights @ (observed == high))
            c = c_statistics(rows, (observed == high).astype(np.float64), compared)[0]
            agreeing += np.where(comparisons > 0, c, 0.0) * comparisons
            comparable += comparisons
    c_for_benefit: Floats = np.divide(agreeing, comparable, out=np.full(len(weights), np.nan), where=comparable > 0)
    return c_for_benefit


def _distances(predicted: Floats, smooth: Floats) -> tuple[float, float, float]:
    distance = np.abs(smooth - predicted)
    return float(distance.mean()), float(np.median(distance)), float(np.quantile(distance, 0.9))


def _with_percentiles(value: float, drawn: Floats, level: float, pairs: int) -> Estimate:
    known = drawn[np.isfinite(drawn)]
    if np.isnan(value):
        return UNDEFINED
    if pairs < FEWEST_FOR_INTERVAL or known.size == 0:
        return Estimate(value, float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value, float(low), float(high))
