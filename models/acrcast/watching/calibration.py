"""What the served risks turned out to be worth: calibration, gain and net benefit in those whose outcome counts."""

from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Floats
from acrcast.estimators.normal import logit
from acrcast.monitoring import sequences
from acrcast.monitoring.calibration import by_spread, on_the_whole
from acrcast.response_model import ResponseModel
from acrcast.validation.net_benefit import net_benefit_of_each
from acrcast.validation.performance import Estimate, c_statistic, log_loss
from acrcast.watching.patients import Outcomes
from acrcast.watching.signals import Rules, Signal, signal

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)


@dataclass(frozen=True, slots=True)
class NetBenefitSeen:
    """At one threshold, per patient: what the model gains over treating everyone, and over treating no one."""

    threshold: float
    over_all: Estimate
    over_none: Estimate


@dataclass(frozen=True, slots=True)
class Reading:
    """Figures of n patients by one reading of what is missing. All limits hold at all looks, but those of `c_statistic`.

    expected: responders, the sum of the risks. intercept: in the offset form, with a slope of 1. gain: of log loss over quoting the response rates of the training data's
    arms. c_statistic: among patients of the same arm, with DeLong's interval of this look alone.
    """

    patients: int
    responders: int
    expected: float
    arm_unknown: int
    observed_over_expected: Estimate
    intercept: Estimate
    slope: Estimate
    gain: Estimate
    c_statistic: Estimate
    net_benefit: tuple[NetBenefitSeen, ...]


def reading(model: ResponseModel, outcomes: Outcomes, level: float) -> Reading:
    """NaN where there is too little to say anything."""
    risk, y = outcomes.risk, outcomes.y
    average = _average(model, outcomes.treated)
    shift = sequences.intercept(risk, y, level)
    return Reading(
        patients=len(y),
        responders=int(y.sum()),
        expected=float(risk.sum()),
        arm_unknown=outcomes.arm_unknown,
        observed_over_expected=sequences.observed_over_expected(risk, y, shift),
        intercept=shift,
        slope=sequences.slope(risk, y, logit(average), level),
        gain=sequences.mean(log_loss(average, y) - log_loss(risk, y), level),
        c_statistic=c_statistic(risk, y, level, arm=outcomes.treated),
        net_benefit=tuple(_net_benefit(risk, y, threshold, level) for threshold in THRESHOLDS),
    )


def signals(model: ResponseModel, outcomes: Outcomes, rules: Rules) -> list[Signal]:
    """The evidence against the risks, from outcomes that arrived."""
    day, risk, y = outcomes.day, outcomes.risk, outcomes.y
    centre = logit(_average(model, outcomes.treated))
    return [
        signal("MON001", on_the_whole(day, risk, y, rules.tolerance), rules),
        signal("MON002", by_spread(day, risk, y, centre, rules.slopes), rules),
    ]


def _average(model: ResponseModel, treated: Floats) -> Floats:
    """(n,) response rate of the own arm in the training data, mixed where the arm is not known."""
    study = model.study
    in_treated = float(model.averages[study.treated.key].mean())
    in_control = in_treated if study.control is None else float(model.averages[study.control].mean())
    return treated * in_treated + (1 - treated) * in_control


def _net_benefit(risk: Floats, y: Floats, threshold: float, level: float) -> NetBenefitSeen:
    by_model = net_benefit_of_each(risk, y, threshold)
    everyone = net_benefit_of_each(np.ones(len(y)), y, threshold)
    return NetBenefitSeen(threshold, sequences.mean(by_model - everyone, level), sequences.mean(by_model, level))
