"""How many patients a model needs: the criteria of Riley et al. to develop it and to validate it in new patients.

Development: BMJ 2020, 368:m441; Stat Med 2019, 38:1276. External validation: Stat Med 2021, 40:4230.
"""

import math
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from statistics import NormalDist
from typing import Self

import numpy as np

from acrcast.arrays import Floats
from acrcast.estimators.normal import expit

SHRINKAGE = 0.9
OPTIMISM_OF_R2 = 0.05
MARGIN_OF_RATE = 0.05
# Where nothing is known of a model beforehand: it explains this share of the explainable (Riley 2020).
USUAL_SHARE = 0.15
QUADRATURE_NODES = 64
BISECTIONS = 40
NORMAL_QUANTILE = 1.959963984540054
# The log-odds are integrated to this many standard deviations from their means.
REACH = 10
NODES_OF_A_PANEL = 100


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


def c_statistic_of_r2(r2_cox_snell: float, rate: float) -> float:
    """The C statistic of a calibrated model with this Cox-Snell R2: `r2_of_c_statistic` solved for it.

    r2_cox_snell: above 0 and below the largest that the rate allows, else ValueError.
    """
    if not 0 < r2_cox_snell < largest_r2(rate):
        raise ValueError(f"Cox-Snell R2: expected above 0 and below {largest_r2(rate):.3f}, the largest at this rate")
    low, high = 0.5, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if r2_of_c_statistic(middle, rate) > r2_cox_snell else (middle, high)
    return (low + high) / 2


@dataclass(frozen=True, slots=True)
class TargetWidths:
    """How wide the 95 % intervals of an external validation may be; by default those of the R package pmvalsampsize.

    net_benefit is standardised: as a share of the response rate.
    """

    observed_over_expected: float = 0.2
    slope: float = 0.2
    c_statistic: float = 0.1
    net_benefit: float = 0.2


@dataclass(frozen=True, slots=True)
class LogOddsSpread:
    """Anticipated distribution of a calibrated model's log-odds in the new patients: normals of one standard deviation.

    means, shares: of each normal; the shares sum to 1. ValueError unless the standard deviation is above 0.
    """

    means: tuple[float, ...]
    shares: tuple[float, ...]
    standard_deviation: float

    def __post_init__(self) -> None:
        if self.standard_deviation <= 0:
            raise ValueError("spread of the log-odds: expected a standard deviation above 0")

    @classmethod
    def normal(cls, mean: float, standard_deviation: float) -> Self:
        """From the published mean and standard deviation of the linear predictor."""
        return cls((mean,), (1.0,), standard_deviation)

    @classmethod
    def of_c_statistic(cls, c_statistic: float, rate: float) -> Self:
        """Responders and others apart by as much as gives the C statistic (Riley 2021, 4.6.3), in closed form.

        With means `spread**2` apart and this start the model is calibrated and its mean risk is the rate.
        """
        spread = math.sqrt(2) * NormalDist().inv_cdf(c_statistic)
        start = math.log(rate / (1 - rate)) - spread**2 / 2
        return cls((start, start + spread**2), (1 - rate, rate), spread)

    def nodes(self, threshold: float | None = None) -> tuple[Floats, Floats]:
        """(k,) log-odds and (k,) weights that sum to 1, none of whose panels crosses the log-odds of the threshold."""
        low = min(self.means) - REACH * self.standard_deviation
        high = max(self.means) + REACH * self.standard_deviation
        middle = (low + high) / 2 if threshold is None else math.log(threshold / (1 - threshold))
        ends = [low, min(max(middle, low), high), high]
        points, lengths = _gauss_legendre()
        log_odds = np.concatenate([(a + b + (b - a) * points) / 2 for a, b in pairwise(ends)])
        length = np.concatenate([(b - a) / 2 * lengths for a, b in pairwise(ends)])
        z = (log_odds[:, None] - np.array(self.means)) / self.standard_deviation
        weights = length * (np.exp(-(z**2) / 2) @ np.array(self.shares))
        return log_odds, weights / weights.sum()


@dataclass(frozen=True, slots=True)
class ExternalSize:
    """The patients that each criterion of an external validation asks for, and the largest of them.

    net_benefit: None where no threshold was named.
    """

    observed_over_expected: int
    slope: int
    c_statistic: int
    net_benefit: int | None
    rate: float

    @property
    def patients(self) -> int:
        return max(self.observed_over_expected, self.slope, self.c_statistic, self.net_benefit or 0)

    @property
    def responders(self) -> int:
        """Responders to expect among so many patients."""
        return math.ceil(self.patients * self.rate)

    def verdict(self, patients: int) -> str:
        """What it means for a cohort of so many patients, in words."""
        if patients >= self.patients:
            return f"{patients} patients are enough to validate the model by Riley's criteria ({self.patients} needed)."
        return (
            f"{patients} patients are too few to validate the model: Riley's criteria ask for {self.patients}, "
            f"{self.patients - patients} more."
        )


def external_size(
    c_statistic: float,
    rate: float,
    *,
    log_odds: LogOddsSpread | None = None,
    threshold: float | None = None,
    widths: TargetWidths | None = None,
) -> ExternalSize:
    """Patients needed to validate a model in new patients, where it is anticipated to be calibrated.

    c_statistic: anticipated, above 0.5 and below 1. rate: anticipated share of responders, between 0 and 1. log_odds: of
    the model in the new patients; by default as the C statistic implies. threshold: a risk between 0 and 1 at which net
    benefit matters. widths: of the intervals aimed at. Raises ValueError outside these ranges.
    """
    if not 0.5 < c_statistic < 1:
        raise ValueError("C statistic: expected above 0.5 and below 1")
    if not 0 < rate < 1:
        raise ValueError("response rate: expected between 0 and 1")
    widths = widths or TargetWidths()
    log_odds = log_odds or LogOddsSpread.of_c_statistic(c_statistic, rate)
    net_benefit = None
    if threshold is not None:
        sensitivity, specificity = sensitivity_and_specificity(log_odds, threshold)
        net_benefit = patients_for_net_benefit(sensitivity, specificity, rate, threshold, widths.net_benefit)
    return ExternalSize(
        observed_over_expected=patients_for_observed_over_expected(rate, widths.observed_over_expected),
        slope=patients_for_slope(log_odds, widths.slope),
        c_statistic=patients_for_c_statistic(c_statistic, rate, widths.c_statistic),
        net_benefit=net_benefit,
        rate=rate,
    )


def patients_for_observed_over_expected(rate: float, width: float) -> int:
    """(1 - rate) / (rate SE^2), where the interval exp(+-1.96 SE) round 1 has the width (Riley 2021, 3.1)."""
    standard_error = math.asinh(width / 2) / NORMAL_QUANTILE
    return math.ceil((1 - rate) / (rate * standard_error**2))


def patients_for_slope(log_odds: LogOddsSpread, width: float) -> int:
    """I0 / (SE^2 (I0 I2 - I1^2)), where Ik is the mean of risk (1 - risk) log-odds^k (Riley 2021, 3.2)."""
    standard_error = width / (2 * NORMAL_QUANTILE)
    x, weights = log_odds.nodes()
    curvature = weights * expit(x) * expit(-x)
    level, cross, square = (float(np.sum(curvature * x**power)) for power in range(3))
    return math.ceil(level / (standard_error**2 * (level * square - cross**2)))


def patients_for_c_statistic(c_statistic: float, rate: float, width: float) -> int:
    """The least n with Newcombe's standard error (2006, Stat Med 25:559), here solved for n (Riley 2021, 3.3).

    SE^2 = C (1 - C) (1 + (n/2 - 1) ((1 - C)/(2 - C) + C/(1 + C))) / (n^2 rate (1 - rate)).
    """
    variance = (width / (2 * NORMAL_QUANTILE)) ** 2 * rate * (1 - rate)
    spread = c_statistic * (1 - c_statistic)
    share = (1 - c_statistic) / (2 - c_statistic) + c_statistic / (1 + c_statistic)
    half = spread * share / 2
    return math.ceil((half + math.sqrt(half**2 + 4 * variance * spread * (1 - share))) / (2 * variance))


def patients_for_net_benefit(
    sensitivity: float, specificity: float, rate: float, threshold: float, width: float
) -> int:
    """For the net benefit at the threshold as a share of the response rate (Riley 2021, 3.4; Marsh et al. 2020).

    SE^2 n = sens (1 - sens)/rate + w^2 spec (1 - spec)/(1 - rate) + w^2 (1 - spec)^2/(rate (1 - rate)), with
    w = (1 - rate)/rate threshold/(1 - threshold).
    """
    standard_error = width / (2 * NORMAL_QUANTILE)
    w = (1 - rate) / rate * threshold / (1 - threshold)
    variance = (
        sensitivity * (1 - sensitivity) / rate
        + w**2 * specificity * (1 - specificity) / (1 - rate)
        + w**2 * (1 - specificity) ** 2 / (rate * (1 - rate))
    )
    return math.ceil(variance / standard_error**2)


def sensitivity_and_specificity(log_odds: LogOddsSpread, threshold: float) -> tuple[float, float]:
    """Of treating at or above the threshold, when the model is calibrated. threshold: a risk between 0 and 1."""
    if not 0 < threshold < 1:
        raise ValueError("threshold: expected between 0 and 1")
    x, weights = log_odds.nodes(threshold)
    treated = x >= math.log(threshold / (1 - threshold))
    responders, others = weights * expit(x), weights * expit(-x)
    return float(responders[treated].sum() / responders.sum()), float(others[~treated].sum() / others.sum())


@cache
def _gauss_legendre() -> tuple[Floats, Floats]:
    points, lengths = np.polynomial.legendre.leggauss(NODES_OF_A_PANEL)
    return points, lengths


def _patients_for_shrinkage(r2: float, parameters: int, shrinkage: float) -> int:
    return math.ceil(parameters / ((shrinkage - 1) * math.log(1 - r2 / shrinkage)))
