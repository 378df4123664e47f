"""Evidence that a measure's mean is another than in the training data, and by how much it differs."""

from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Floats, Integers
from acrcast.monitoring.evidence import Evidence, days_of, starts, summed, together
from acrcast.validation.performance import Estimate

# Variance of the differences looked for, in standard deviations: half of them are beyond a third of one.
DIFFERENCES = 0.25
FEWEST_BEFORE = 3


@dataclass(frozen=True, slots=True)
class Before:
    """A measure in the training data, on its scale. sd: with the divisor `count`."""

    count: float
    mean: float
    sd: float

    @property
    def can_be_compared(self) -> bool:
        return self.count >= FEWEST_BEFORE and np.isfinite(self.sd) and self.sd > 0


def another_mean(day: Integers, values: Floats, before: Before) -> Evidence:
    """Evidence that values come from a distribution with another mean, or that the mean changed since.

    day, values: (n,), on the measure's scale. Exact for normal values of one variance, whatever that is: the Bayes factor of
    the two-sample t test with a normal prior of the standardised difference (Gonen et al. 2005, Am Stat 59:252) is a test
    martingale (Perez-Ortiz et al. 2024, Ann Stat 52:1410). Both samples' uncertainty is in it. Whoever begins to bet holds
    those before together with the training data. `before` must allow comparison.
    """
    days, position = days_of(day)
    # about the mean and in units of the training data: sums of squares lose no digits
    scaled = (values - before.mean) / before.sd
    sums = np.stack([summed(position, len(days), scaled**power) for power in range(3)])
    start = np.array([before.count, 0.0, before.count])
    padded = np.column_stack([np.zeros(3), sums])
    first = starts(days)
    owned = np.zeros((len(first), len(days)))
    for k, at in enumerate(first):
        earlier = start + padded[:, at]
        owned[k, at:] = _log_bayes_factor(earlier[:, None], sums[:, at:] - padded[:, at, None])
    return Evidence(days, together(owned))


def standardised_difference(values: Floats, before: Before, alpha: float) -> Estimate:
    """New mean less the training data's, in standard deviations of the training data, with limits that hold at all looks.

    values: (n,). The limits are those differences against which the evidence never reached 1 / alpha. NaN without a value.
    """
    n = len(values)
    if n == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    scaled = (values - before.mean) / before.sd
    mean = float(scaled.mean())
    degrees = before.count + n - 2
    pooled = np.sqrt((before.count + float(np.sum((scaled - mean) ** 2))) / degrees)
    size = before.count * n / (before.count + n)
    half = _largest_t(degrees, 1 + size * DIFFERENCES, alpha) * float(pooled) / float(np.sqrt(size))
    return Estimate(mean, mean - half, mean + half)


def _log_bayes_factor(first: Floats, second: Floats) -> Floats:
    """first, second: counts, sums and sums of squares of two samples, (3, ...)."""
    n, m = first[0], second[0]
    degrees = n + m - 2
    size = n * m / (n + m)
    means = first[1] / n, second[1] / m
    squares = first[2] - n * means[0] ** 2 + second[2] - m * means[1] ** 2
    t_squared = size * (means[1] - means[0]) ** 2 * degrees / np.maximum(squares, np.finfo(float).tiny)
    spread = 1 + size * DIFFERENCES
    half = (degrees + 1) / 2
    found: Floats = -0.5 * np.log(spread) + half * (
        np.log1p(t_squared / degrees) - np.log1p(t_squared / (degrees * spread))
    )
    return found


def _largest_t(degrees: float, spread: float, alpha: float) -> float:
    """The largest t whose Bayes factor stays below 1 / alpha; infinite where every t's does."""
    needed = (np.sqrt(spread) / alpha) ** (2 / (degrees + 1))
    if needed >= spread:
        return float("inf")
    return float(np.sqrt(degrees * (needed - 1) / (1 - needed / spread)))
