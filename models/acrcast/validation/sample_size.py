"""How many patients a model needs to be developed: the criteria of Riley et al. 2020 (BMJ 368:m441; Stat Med 38:1276)."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

SHRINKAGE = 0.9
OPTIMISM_OF_R2 = 0.05
MARGIN_OF_RATE = 0.05
# Where nothing is known of a model beforehand: it explains this share of the explainable (Riley 2020).
USUAL_SHARE = 0.15
QUADRATURE_NODES = 64
NORMAL_QUANTILE = 1.959963984540054


@dataclass(frozen=True, slots=True)
class SampleSize:
    """The patients that each criterion asks for, and the largest of them.

    shrinkage: expected shrinkage of at least 0.9. optimism: apparent and corrected R2 within 0.05 of the maximum.
    rate: the overall response rate within 0.05.
    """

    shrinkage: int
    optimism: int
    rate: int
    parameters: int
    r2_cox_snell: float

    @property
    def patients(self) -> int:
        return max(self.shrinkage, self.optimism, self.rate)

    def verdict(self, patients: int) -> str:
        """What it means for a trial of so many patients, in words."""
        if patients >= self.patients:
            return f"{patients} patients are enough for {self.parameters} parameters by Riley's criteria ({self.patients} needed)."
        return (
            f"{patients} patients are too few for {self.parameters} parameters: Riley's criteria ask for {self.patients}, "
            f"{self.patients - patients} more."
        )


def development_size(r2_cox_snell: float, parameters: int, rate: float) -> SampleSize:
    """Patients needed to develop a model for a binary outcome.

    r2_cox_snell: anticipated, above 0 and below `largest_r2(rate)`. parameters: candidate terms without the intercept, at least 1.
    rate: anticipated share of responders, between 0 and 1. Raises ValueError outside these ranges.
    """
    if parameters < 1:
        raise ValueError("parameters: expected at least 1")
    if not 0 < r2_cox_snell < largest_r2(rate):
        raise ValueError(
            f"R2 (Cox-Snell): expected above 0 and below {largest_r2(rate):.3f}, its largest value at this response rate"
        )
    allowed = r2_cox_snell / (r2_cox_snell + OPTIMISM_OF_R2 * largest_r2(rate))
    return SampleSize(
        shrinkage=_patients_for_shrinkage(r2_cox_snell, parameters, SHRINKAGE),
        optimism=_patients_for_shrinkage(r2_cox_snell, parameters, allowed),
        rate=math.ceil((NORMAL_QUANTILE / MARGIN_OF_RATE) ** 2 * rate * (1 - rate)),
        parameters=parameters,
        r2_cox_snell=r2_cox_snell,
    )


def largest_r2(rate: float) -> float:
    """The Cox-Snell R2 of a perfect model at this response rate."""
    if not 0 < rate < 1:
        raise ValueError("response rate: expected between 0 and 1")
    return 1 - math.exp(2 * (rate * math.log(rate) + (1 - rate) * math.log1p(-rate)))


def usual_r2(rate: float) -> float:
    """The Cox-Snell R2 to assume where nothing is known beforehand: 15 % of the largest."""
    return USUAL_SHARE * largest_r2(rate)


def r2_of_c_statistic(c_statistic: float, rate: float) -> float:
    """The Cox-Snell R2 of a calibrated model with this C statistic, above 0.5 and below 1.

    The log-odds of responders and non-responders are taken as normal with the same spread (Riley, Van Calster & Collins
    2021, Stat Med 40:859), integrated by Gauss-Hermite quadrature and not simulated.
    """
    if not 0.5 < c_statistic < 1:
        raise ValueError("C statistic: expected above 0.5 and below 1")
    spread = math.sqrt(2) * NormalDist().inv_cdf(c_statistic)
    nodes, weights = np.polynomial.hermite_e.hermegauss(QUADRATURE_NODES)
    weights = weights / weights.sum()
    start = math.log(rate / (1 - rate)) - spread**2 / 2
    of_responder = np.sum(weights * -np.logaddexp(0, -(start + spread * (nodes + spread))))
    of_other = np.sum(weights * -np.logaddexp(0, start + spread * nodes))
    model = rate * of_responder + (1 - rate) * of_other
    null = rate * math.log(rate) + (1 - rate) * math.log(1 - rate)
    return float(1 - math.exp(-2 * (model - null)))


def _patients_for_shrinkage(r2: float, parameters: int, shrinkage: float) -> int:
    return math.ceil(parameters / ((shrinkage - 1) * math.log(1 - r2 / shrinkage)))
