"""Whether patients with a higher predicted benefit benefit more: Qini curve, Qini coefficient and AUTOC."""

from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bools, Floats, Integers
from acrcast.validation.cross_validated_benefits import CrossValidatedBenefits
from acrcast.validation.performance import Estimate
from acrcast.validation.randomised import Randomised
from acrcast.validation.rates import half_width
from acrcast.validation.weighted import SMALLEST_DIFFERENCE, blocks

RESAMPLES = 200
FEWEST_IN_ARM = 2
CURVE_POINTS = 101


@dataclass(frozen=True, slots=True)
class QiniCurve:
    """What treating those with the highest predicted benefit gains, in responders per patient of the whole population.

    share: (101,) from 0 to 1. gain: (101,), with low and high. at_random: (101,) if the same share were picked by
    lot.
    """

    share: Floats
    gain: Floats
    low: Floats
    high: Floats
    at_random: Floats


@dataclass(frozen=True, slots=True)
class BenefitRanking:
    """Rank-weighted average treatment effects: 0 where the ranking is no better than chance, above 0 where it is.

    qini: area between the curve and its chord. autoc: mean over shares treated of how much more those treated benefit
    than the average patient; it looks at the top of the ranking, qini at the whole. Both in responders per patient.
    reason: why something is NaN; empty when nothing is.
    """

    qini: Estimate
    autoc: Estimate
    curve: QiniCurve
    reason: str


def benefit_ranking(
    patients: Randomised,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    *,
    fits: CrossValidatedBenefits | None = None,
) -> BenefitRanking:
    """Rank-weighted average treatment effects (Yadlowsky et al. 2021, arXiv 2111.07966) by the known allocation.

    Patients of equal predicted benefit share their mean score. Wald's intervals with standard errors from halves of
    either arm drawn without replacement, as in that paper; they redraw the patients and not the model. Nominal 95 %
    held the truth in 93 to 98 % (Qini) and 90 to 96 % (AUTOC) of simulated trials of 47 to 240 patients.
    resamples: at least 2. fits: of the same patients, where their risks are means over a cross-validation. Patients are then ranked by
    where they stand among those of the same fit, and the intervals allow for the fits that they share.
    """
    by = patients.benefit if fits is None else fits.standing
    order = np.argsort(-by, kind="stable")
    ranked = _reordered(patients, order)
    falls = -np.diff(by[order]) > SMALLEST_DIFFERENCE
    starts = np.flatnonzero(np.concatenate([[True], falls]))
    qini, autoc, gain = (part[0] for part in _ranked_figures(ranked, starts, np.ones((1, len(ranked)))))
    share = np.linspace(0, 1, CURVE_POINTS)
    arms = int(patients.treated.sum()), int((~patients.treated).sum())
    if min(arms) < FEWEST_IN_ARM:
        nothing = np.full(CURVE_POINTS, np.nan)
        reason = f"no intervals: fewer than {FEWEST_IN_ARM} patients in an arm"
        return BenefitRanking(
            qini=Estimate(float(qini), float("nan"), float("nan")),
            autoc=Estimate(float(autoc), float("nan"), float("nan")),
            curve=QiniCurve(share, gain, nothing, nothing, share * gain[-1]),
            reason=reason,
        )
    drawn: list[tuple[Floats, Floats, Floats]] = []
    for block in blocks(resamples, len(ranked)):
        halves = _halves(ranked.treated, block.stop - block.start, rng)
        drawn.append(_ranked_figures(ranked, starts, halves))
    variances = [np.concatenate(part).var(axis=0, ddof=1) for part in zip(*drawn, strict=True)]
    if fits is not None:
        variances = [
            variances[0] * fits.widening(),
            variances[1] * fits.widening(),
            variances[2] + _shared(patients, fits),
        ]
    half = [half_width(level) * np.sqrt(variance) for variance in variances]
    return BenefitRanking(
        qini=Estimate(float(qini), float(qini - half[0]), float(qini + half[0])),
        autoc=Estimate(float(autoc), float(autoc - half[1]), float(autoc + half[1])),
        curve=QiniCurve(share, gain, gain - half[2], gain + half[2], share * gain[-1]),
        reason="",
    )


def _shared(patients: Randomised, fits: CrossValidatedBenefits) -> Floats:
    """(101,) what the fits that patients share add to the variance along the curve: nothing where nobody or everybody is treated."""
    control, treated = patients.arm_scores()
    at_stake, standing = (treated - control)[0, fits.kept] ** 2, fits.standing
    added = np.zeros(CURVE_POINTS)
    for point, share in enumerate(np.linspace(0, 1, CURVE_POINTS)[1:-1], start=1):
        above = (standing[fits.kept] - np.quantile(standing, 1 - share)) * np.sqrt(fits.mean_spread)
        added[point] = fits.shared_variance(at_stake * fits.doubt(above))
    return added


def _reordered(patients: Randomised, order: Integers) -> Randomised:
    allocation = patients.allocation
    return Randomised(
        patients.y[order],
        patients.treated[order],
        patients.control_risk[order],
        patients.treated_risk[order],
        allocation[order] if isinstance(allocation, np.ndarray) else allocation,
    )


def _halves(treated: Bools, count: int, rng: np.random.Generator) -> Floats:
    """(count, n) weights of 0 and 1: half of either arm; of an odd number, the half to be rounded up or down by lot."""
    weights = np.zeros((count, len(treated)))
    for arm in (treated, ~treated):
        n = int(arm.sum())
        lot = rng.random((count, n))
        ends = np.partition(lot, [n // 2 - 1, (n + 1) // 2 - 1], axis=1)
        last = np.where(rng.random(count) < 0.5, ends[:, n // 2 - 1], ends[:, (n + 1) // 2 - 1])
        weights[:, arm] = lot <= last[:, None]
    return weights


def _ranked_figures(ranked: Randomised, starts: Integers, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Qini (B,), AUTOC (B,) and gains along the curve (B, 101). starts: where in the ranking a new benefit begins."""
    control, score = ranked.arm_scores(weights)
    score -= control
    del control
    shares = weights / weights.sum(axis=1, keepdims=True)
    if len(starts) < len(ranked):
        tied = _ratio(np.add.reduceat(shares * score, starts, axis=1), np.add.reduceat(shares, starts, axis=1))
        score = np.repeat(tied, np.diff(starts, append=len(ranked)), axis=1)
    gain, share = np.cumsum(shares * score, axis=1), np.cumsum(shares, axis=1)
    average = gain[:, -1:]
    qini = np.sum(shares * (gain - share * average), axis=1)
    autoc = np.sum(shares * (_ratio(gain, share) - average), axis=1)
    grid = np.linspace(0, 1, CURVE_POINTS)
    curves = [
        np.interp(grid, np.concatenate([[0.0], x]), np.concatenate([[0.0], y]))
        for x, y in zip(share, gain, strict=True)
    ]
    return qini, autoc, np.array(curves)


def _ratio(top: Floats, bottom: Floats) -> Floats:
    """0 where bottom is 0: there nobody was drawn, who weighs nothing."""
    ratio: Floats = np.divide(top, bottom, out=np.zeros(top.shape), where=bottom > 0)
    return ratio
