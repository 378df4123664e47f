"""What the treated arm gained on average: seen, adjusted by the model's risks, and as the model predicts it."""

from dataclasses import dataclass

import numpy as np

from acrcast.validation.performance import Estimate
from acrcast.validation.randomised import Randomised
from acrcast.validation.rates import difference_of_rates, mean_with_interval, response_rate


@dataclass(frozen=True, slots=True)
class AverageEffect:
    """Differences are treated less control, in responders per patient.

    treated_rate, control_rate: seen in either arm, Wilson's intervals. observed: their difference, Newcombe's
    interval.
    adjusted: the same with the arms' chance differences in risk taken off, by inverse-probability weighting augmented
    by the model's risks (Tsiatis et al. 2008, Stat Med 27:4658); right whatever the model, sharper if it is good;
    Wald's interval.
    control_risk, treated_risk: mean predicted risks of all patients, standardised to their mix in either arm.
    predicted: mean predicted benefit; its interval is of the mix of patients, the model taken as it is.
    """

    treated: int
    control: int
    treated_rate: Estimate
    control_rate: Estimate
    observed: Estimate
    adjusted: Estimate
    control_risk: float
    treated_risk: float
    predicted: Estimate


def average_effect(patients: Randomised, level: float = 0.95) -> AverageEffect:
    y, treated = patients.y, patients.treated
    treated_rate = response_rate(float(y[treated].sum()), int(treated.sum()), level)
    control_rate = response_rate(float(y[~treated].sum()), int((~treated).sum()), level)
    chance = np.broadcast_to(patients.allocation, y.shape)
    scores = (
        patients.benefit
        + treated / chance * (y - patients.treated_risk)
        - ~treated / (1 - chance) * (y - patients.control_risk)
    )
    return AverageEffect(
        treated=int(treated.sum()),
        control=int((~treated).sum()),
        treated_rate=treated_rate,
        control_rate=control_rate,
        observed=difference_of_rates(treated_rate, control_rate),
        adjusted=mean_with_interval(scores, level),
        control_risk=float(patients.control_risk.mean()),
        treated_risk=float(patients.treated_risk.mean()),
        predicted=mean_with_interval(patients.benefit, level),
    )
