"""Everything that two arms allow to be asked of predicted benefits, in one answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from acrcast.validation.average_effect import AverageEffect, average_effect
from acrcast.validation.benefit_calibration import GROUPS, BenefitCalibration, benefit_calibration
from acrcast.validation.benefit_decisions import THRESHOLDS, TreatmentPolicy, treatment_policies
from acrcast.validation.benefit_pairs import RESAMPLES, PairedBenefit, paired_benefit
from acrcast.validation.benefit_ranking import BenefitRanking, benefit_ranking
from acrcast.validation.randomised import NotApplicable, Randomised


@dataclass(frozen=True, slots=True)
class BenefitPerformance:
    """pairs holds c-for-benefit, which is shown and not headlined."""

    average: AverageEffect
    calibration: BenefitCalibration
    policies: tuple[TreatmentPolicy, ...]
    ranking: BenefitRanking
    pairs: PairedBenefit


def benefit_performance(
    patients: Randomised | NotApplicable,
    rng: np.random.Generator,
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    groups: int = GROUPS,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> BenefitPerformance | NotApplicable:
    """All figures of benefit, or why there are none.

    patients: from `two_arms`. thresholds: predicted benefits above which to treat. rng: for resamples and ties.
    """
    if isinstance(patients, NotApplicable):
        return patients
    return BenefitPerformance(
        average=average_effect(patients, level),
        calibration=benefit_calibration(patients, groups, level),
        policies=treatment_policies(patients, thresholds, level),
        ranking=benefit_ranking(patients, rng, resamples, level),
        pairs=paired_benefit(patients, rng, resamples, level),
    )
