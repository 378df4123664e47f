"""How one measure is distributed over patients: from a normal score to a value, rounded as it is recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from scipy import special, stats

from acrcast.arrays import Floats
from acrcast_training.data.simulator.published import MeanSd


class Margin(Protocol):
    """The distribution of one measure.

    centre, spread: `standardised` counts from the one in steps of the other.
    """

    @property
    def centre(self) -> float: ...

    @property
    def spread(self) -> float: ...

    def values(self, scores: Floats) -> Floats:
        """The value at each standard normal score: the same share of patients lies below both."""
        ...

    def standardised(self, values: Floats) -> Floats:
        """SDs from the mean, on the logarithmic scale where the measure is log-normal; 0 or 1 for yes or no."""
        ...


@dataclass(frozen=True, eq=False)
class Levels:
    """A measure with few possible values. levels: (k,) ascending; thresholds: (k - 1,) normal scores between them."""

    levels: Floats
    thresholds: Floats
    centre: float
    spread: float

    @classmethod
    def of_shares(cls, levels: Sequence[float], shares: Sequence[float]) -> Self:
        """Each level with its share of patients; the shares add up to 1."""
        at, share = np.asarray(levels, dtype=np.float64), np.asarray(shares, dtype=np.float64)
        mean = float(at @ share)
        return cls(at, special.ndtri(np.cumsum(share)[:-1]), mean, float(np.sqrt((at - mean) ** 2 @ share)))

    @classmethod
    def yes_no(cls, share: float) -> Self:
        """1 in this share of patients, else 0. Standardised it stays 0 or 1: effects are of yes against no."""
        return cls(np.array([0.0, 1.0]), special.ndtri(np.array([1 - share])), centre=0, spread=1)

    @classmethod
    def score(cls, moments: MeanSd, low: float, high: float, step: float = 1) -> Self:
        """Beta-binomial from `low` to `high` in steps, with this mean and SD.

        Suits joint counts, visual analogue scales and HAQ, which pile up at an end. Raises ValueError when the SD is
        not larger than a binomial's or too large for the range.
        """
        steps = round((high - low) / step)
        share, variance = (moments.mean - low) / (high - low), (moments.sd / step) ** 2
        overlap = (variance / (steps * share * (1 - share)) - 1) / (steps - 1)
        if not 0 < overlap < 1:
            raise ValueError(f"no beta-binomial from {low:g} to {high:g} has the given mean and SD")
        total = 1 / overlap - 1
        below = stats.betabinom.cdf(np.arange(steps), steps, share * total, (1 - share) * total)
        levels = np.linspace(low, high, steps + 1, dtype=np.float64)
        return cls(levels, special.ndtri(below), moments.mean, moments.sd)

    def values(self, scores: Floats) -> Floats:
        return np.asarray(self.levels[np.searchsorted(self.thresholds, scores)])

    def standardised(self, values: Floats) -> Floats:
        return (values - self.centre) / self.spread


@dataclass(frozen=True)
class LogNormal:
    """A right-skewed measure. centre, spread: mean and SD of its natural logarithm; low, high: values are kept inside."""

    centre: float
    spread: float
    decimals: int
    low: float
    high: float

    @classmethod
    def of_moments(cls, moments: MeanSd, decimals: int, low: float, high: float) -> Self:
        """With this mean and SD of the measure itself."""
        variance = np.log1p((moments.sd / moments.mean) ** 2)
        return cls(float(np.log(moments.mean) - variance / 2), float(np.sqrt(variance)), decimals, low, high)

    def values(self, scores: Floats) -> Floats:
        return np.clip(np.round(np.exp(self.centre + self.spread * scores), self.decimals), self.low, self.high)

    def standardised(self, values: Floats) -> Floats:
        return np.asarray((np.log(values) - self.centre) / self.spread)
