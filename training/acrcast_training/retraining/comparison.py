"""The champion and the retrained model on the same patients: differences paired by patient."""

from dataclasses import dataclass

from acrcast.arrays import Floats
from acrcast.validation.calibration import calibration_slope, observed_over_expected
from acrcast.validation.net_benefit import net_benefit_of_each
from acrcast.validation.performance import Estimate, c_statistic, log_loss
from acrcast.validation.rates import mean_with_interval

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one model in some patients. c_statistic: among patients of the same arm."""

    log_loss: Estimate
    c_statistic: Estimate
    calibration_slope: Estimate
    observed_over_expected: Estimate


@dataclass(frozen=True, slots=True)
class Paired:
    """Retrained model and champion on the same patients. gain: log loss of the champion less the retrained model's.

    brier: the same of the Brier score. net_benefit: at each threshold the retrained model's less the champion's, per patient.
    Above 0 the retrained model does better.
    """

    patients: int
    responders: int
    gain: Estimate
    brier: Estimate
    net_benefit: tuple[tuple[float, Estimate], ...]
    champion: Figures
    retrained: Figures


def paired(champion: Floats, retrained: Floats, y: Floats, arm: Floats, level: float = 0.95) -> Paired:
    """champion, retrained: (n,) risks. arm: (n,) of each patient."""
    return Paired(
        patients=len(y),
        responders=int(y.sum()),
        gain=mean_with_interval(log_loss(champion, y) - log_loss(retrained, y), level),
        brier=mean_with_interval((champion - y) ** 2 - (retrained - y) ** 2, level),
        net_benefit=tuple((at, _net_benefit(champion, retrained, y, at, level)) for at in THRESHOLDS),
        champion=_figures(champion, y, arm, level),
        retrained=_figures(retrained, y, arm, level),
    )


def _net_benefit(champion: Floats, retrained: Floats, y: Floats, threshold: float, level: float) -> Estimate:
    gained = net_benefit_of_each(retrained, y, threshold) - net_benefit_of_each(champion, y, threshold)
    return mean_with_interval(gained, level)


def _figures(risk: Floats, y: Floats, arm: Floats, level: float) -> Figures:
    return Figures(
        log_loss=mean_with_interval(log_loss(risk, y), level),
        c_statistic=c_statistic(risk, y, level, arm=arm),
        calibration_slope=calibration_slope(risk, y, level),
        observed_over_expected=observed_over_expected(risk, y, level),
    )
