"""What would come of treating only those whose predicted benefit is large enough, judged by a randomised trial.

Decision accuracy in the sense of Efthimiou et al. 2023 (Stat Med 42:1188).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Floats
from acrcast.validation.cross_validated_benefits import CrossValidatedBenefits
from acrcast.validation.performance import Estimate
from acrcast.validation.randomised import Randomised
from acrcast.validation.rates import difference_of_rates, mean_with_interval, response_rate, widened

THRESHOLDS = (0.0,)


@dataclass(frozen=True, slots=True)
class TreatmentPolicy:
    """Treat patients whose predicted benefit is above the threshold, and nobody else. Rates are responders per patient.

    share: of patients that it treats, 0 to 1. response: rate if everybody were treated so.
    over_none, over_all: its gain over treating nobody and everybody. net: the gain over treating nobody less the
    threshold for each patient treated, where the threshold is the least benefit worth the treatment (Vickers et al.
    2007, Trials 8:14).
    agreeing, disagreeing: patients whose arm by chance was, or was not, the recommended one. difference: of their
    response rates, Newcombe's interval; a plain reading of the same data, and NaN where one of them is 0. reason:
    why; empty when it is not.
    """

    threshold: float
    share: float
    response: Estimate
    over_none: Estimate
    over_all: Estimate
    net: Estimate
    agreeing: int
    disagreeing: int
    difference: Estimate
    reason: str


def treatment_policies(
    patients: Randomised,
    thresholds: Sequence[float] = THRESHOLDS,
    level: float = 0.95,
    *,
    fits: CrossValidatedBenefits | None = None,
) -> tuple[TreatmentPolicy, ...]:
    """One policy a threshold, by inverse-probability weighting with the known allocation, augmented by the arms' rates.

    Wald's intervals, too narrow where an arm has no responders or nobody else. A policy that treats nobody, or
    everybody, is that comparator itself: its gain over it is 0 without any uncertainty.
    fits: of the same patients, where their risks are means over a cross-validation. Patients then share the fits, and of two each
    has a part in whether the other is treated; the intervals allow for that, except Newcombe's.
    """
    return tuple(_policy(patients, threshold, level, fits) for threshold in thresholds)


def _policy(
    patients: Randomised, threshold: float, level: float, fits: CrossValidatedBenefits | None
) -> TreatmentPolicy:
    treat = patients.benefit > threshold
    control, treated = (scores[0] for scores in patients.arm_scores())
    gain = treated - control

    def of_mean(values: Floats, at_stake: Floats) -> Estimate:
        """at_stake: (n,) what the value changes by when the patient is treated and not untreated."""
        alone = mean_with_interval(values, level)
        if fits is None or not values.any():
            return alone
        doubt = fits.doubt(patients.benefit[fits.kept] - threshold)
        return widened(alone, fits.shared_variance(at_stake[fits.kept] ** 2 * doubt), level)

    response = of_mean(np.where(treat, treated, control), gain)
    agrees = treat == patients.treated
    rates = [response_rate(float(patients.y[group].sum()), int(group.sum()), level) for group in (agrees, ~agrees)]
    one_sided = bool(agrees.all() or not agrees.any())
    return TreatmentPolicy(
        threshold=float(threshold),
        share=float(treat.mean()),
        response=Estimate(response.value, max(0.0, response.low), min(1.0, response.high)),
        over_none=of_mean(np.where(treat, gain, 0.0), gain),
        over_all=of_mean(np.where(treat, 0.0, -gain), gain),
        net=of_mean(np.where(treat, gain - threshold, 0.0), gain - threshold),
        agreeing=int(agrees.sum()),
        disagreeing=int((~agrees).sum()),
        difference=difference_of_rates(*rates),
        reason="no difference: by chance every patient had, or had not, the recommended arm" if one_sided else "",
    )
