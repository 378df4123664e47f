"""Whether predicted benefits mean what they say, without matching patients to each other."""

from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bools, Floats
from acrcast.validation.cross_validated_benefits import CrossValidatedBenefits, cross_validated_benefit_slope
from acrcast.validation.performance import Estimate
from acrcast.validation.randomised import Randomised
from acrcast.validation.rates import UNDEFINED, difference_of_rates, half_width, mean_with_interval, response_rate

GROUPS = 4
SMALLEST_SPREAD = 1e-9
# A patient who alone fixes the slope has a leverage of 1, and a residual of 0.
LARGEST_LEVERAGE = 1 - 1e-8


@dataclass(frozen=True, slots=True)
class BenefitGroup:
    """Patients of similar predicted benefit.

    predicted: their mean. observed: difference of the arms' response rates, Newcombe's interval.
    reason: why observed is NaN; empty when it is not.
    """

    treated: int
    control: int
    predicted: float
    observed: Estimate
    reason: str


@dataclass(frozen=True, slots=True)
class BenefitCalibration:
    """Calibration of predicted benefits on the scale of risks.

    in_the_large: average benefit seen less predicted; 0 is ideal, below 0 means that too much is promised.
    slope: of the benefit seen on the benefit predicted; 1 is ideal, 0 means that who benefits more is not foreseen,
    below 1 that differences between patients are exaggerated.
    groups: by quantiles of predicted benefit, to look at, not to test. reason: why the slope is NaN; empty when it is
    not.
    """

    in_the_large: Estimate
    slope: Estimate
    groups: tuple[BenefitGroup, ...]
    reason: str


def benefit_calibration(
    patients: Randomised, groups: int = GROUPS, level: float = 0.95, *, fits: CrossValidatedBenefits | None = None
) -> BenefitCalibration:
    """Calibration of benefits by the best linear prediction of the benefit seen (Chernozhukov et al. 2018, NBER 24678).

    Least squares of scores whose mean is the benefit, with standard errors that allow for unequal spread (HC3; Long &
    Ervin 2000, Am Stat 54:217), and Wald's intervals.
    groups: how many at most; patients of equal predicted benefit stay together. fits: of the same patients, where their risks are
    means over a cross-validation; the slope is then `cross_validated_benefit_slope`.
    """
    control, treated = patients.arm_scores()
    score, benefit = (treated - control)[0], patients.benefit
    slope, reason = _slope(score, benefit, level) if fits is None else cross_validated_benefit_slope(fits, score, level)
    return BenefitCalibration(
        in_the_large=mean_with_interval(score - benefit, level),
        slope=slope,
        groups=_groups(patients, groups, level),
        reason=reason,
    )


def _slope(score: Floats, benefit: Floats, level: float) -> tuple[Estimate, str]:
    if np.ptp(benefit) < SMALLEST_SPREAD:
        return UNDEFINED, "the predicted benefit does not vary"
    if len(score) < 3:
        return UNDEFINED, "fewer than three patients"
    centred = benefit - benefit.mean()
    spread = float(centred @ centred)
    slope = float(centred @ score) / spread
    residual = score - score.mean() - slope * centred
    leverage = np.minimum(1 / len(score) + centred**2 / spread, LARGEST_LEVERAGE)
    half = half_width(level) * float(np.sqrt(np.sum((centred * residual / (1 - leverage)) ** 2))) / spread
    return Estimate(slope, slope - half, slope + half), ""


def _groups(patients: Randomised, count: int, level: float) -> tuple[BenefitGroup, ...]:
    benefit = patients.benefit
    edges = np.unique(np.quantile(benefit, np.arange(1, count) / count))
    group = np.searchsorted(edges, benefit, side="left")
    return tuple(_group(patients, group == g, level) for g in np.unique(group))


def _group(patients: Randomised, members: Bools, level: float) -> BenefitGroup:
    treated, control = members & patients.treated, members & ~patients.treated
    rates = [response_rate(float(patients.y[arm].sum()), int(arm.sum()), level) for arm in (treated, control)]
    empty = not (treated.any() and control.any())
    return BenefitGroup(
        treated=int(treated.sum()),
        control=int(control.sum()),
        predicted=float(patients.benefit[members].mean()),
        observed=difference_of_rates(*rates),
        reason="one of the arms has nobody in this group" if empty else "",
    )
