"""Response rates and their differences with intervals that hold in small arms and at 0 and 1."""

import numpy as np

from acrcast.arrays import Floats
from acrcast.estimators.normal import normal_quantile
from acrcast.validation.performance import Estimate

UNDEFINED = Estimate(float("nan"), float("nan"), float("nan"))


def response_rate(responders: float, patients: float, level: float = 0.95) -> Estimate:
    """Share of responders with the score interval of Wilson 1927 (JASA 22:209). NaN without patients."""
    if patients <= 0:
        return UNDEFINED
    z2 = half_width(level) ** 2
    rate = responders / patients
    centre = (rate + z2 / (2 * patients)) / (1 + z2 / patients)
    half = float(np.sqrt(z2 * (rate * (1 - rate) + z2 / (4 * patients)) / patients)) / (1 + z2 / patients)
    return Estimate(rate, max(0.0, min(rate, centre - half)), min(1.0, max(rate, centre + half)))


def difference_of_rates(first: Estimate, second: Estimate) -> Estimate:
    """First rate less the second, with the hybrid score interval of Newcombe 1998 (Stat Med 17:873).

    Both from `response_rate`. NaN where one of the rates is.
    """
    value = first.value - second.value
    below = np.hypot(first.value - first.low, second.high - second.value)
    above = np.hypot(first.high - first.value, second.value - second.low)
    return Estimate(value, float(value - below), float(value + above))


def mean_with_interval(values: Floats, level: float = 0.95) -> Estimate:
    """Mean of (n,) independent values with Wald's interval; n of at least 2, else the interval is NaN."""
    value = float(np.mean(values))
    if len(values) < 2:
        return Estimate(value, float("nan"), float("nan"))
    half = half_width(level) * float(np.std(values, ddof=1)) / float(np.sqrt(len(values)))
    return Estimate(value, value - half, value + half)


def widened(found: Estimate, variance: float, level: float = 0.95) -> Estimate:
    """The same value with Wald's interval of a variance that is larger by so much."""
    half = float(np.hypot(found.high - found.value, half_width(level) * np.sqrt(variance)))
    return Estimate(found.value, found.value - half, found.value + half)


def half_width(level: float) -> float:
    """How many standard errors an interval of this level reaches to each side: 1.96 for 0.95."""
    return float(normal_quantile(np.array((1 + level) / 2)))
