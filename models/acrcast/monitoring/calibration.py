"""Evidence that risks are not what they say: too high or too low on the whole, or too extreme or too cautious."""

import numpy as np

from acrcast.arrays import Floats, Integers
from acrcast.estimators.normal import log1p_exp, normal_quantile
from acrcast.monitoring.evidence import Evidence, against_alternatives, days_of, summed
from acrcast.validation.performance import log_odds_of

# Shifts of the log-odds that are looked for beyond the tolerance: half-normal with this scale, by so many of its quantiles.
SCALE, SHIFTS = 0.6, 12
# Slopes that are looked for beyond the limits.
TOO_EXTREME, TOO_CAUTIOUS = (0.6, 0.3, 0.0), (1.6, 2.2)


def on_the_whole(day: Integers, risk: Floats, y: Floats, tolerance: float) -> Evidence:
    """Evidence that the log-odds of response are off by more than `tolerance`, up or down: calibration in the large.

    day: (n,) on which each patient counts. risk: (n,) as it was served. y: (n,) 0 or 1. tolerance: not negative.
    The hypothesis: each patient's chance, given those before, is within the tolerance of the risk. A likelihood ratio
    of a shift beyond the tolerance to one just at it rises with the outcome, so that no chance within it makes the bet better
    than fair (a test supermartingale; a martingale with a tolerance of 0). Half bets upwards, half downwards.
    """
    log_odds = log_odds_of(risk)
    beyond = _half_normal()
    pairs = [
        (log_odds + sign * tolerance, log_odds + sign * (tolerance + shift)) for sign in (1.0, -1.0) for shift in beyond
    ]
    return _against(day, y, pairs)


def by_spread(day: Integers, risk: Floats, y: Floats, centre: Floats, limits: tuple[float, float]) -> Evidence:
    """Evidence that risks are too extreme or too cautious: that their slope about `centre` is beyond the limits.

    centre: (n,) log-odds of the average patient of each one's arm, known beforehand. limits: the slopes that are tolerated,
    below and above 1. The hypothesis: each patient's log-odds, given those before, lie between centre + limits x distance. A
    patient at the centre tells nothing.
    """
    distance = log_odds_of(risk) - centre
    low, high = limits
    pairs = [(centre + low * distance, centre + slope * distance) for slope in TOO_EXTREME if slope < low]
    pairs += [(centre + high * distance, centre + slope * distance) for slope in TOO_CAUTIOUS if slope > high]
    return _against(day, y, pairs)


def _half_normal() -> Floats:
    quantiles: Floats = SCALE * normal_quantile(0.5 + 0.5 * (np.arange(SHIFTS) + 0.5) / SHIFTS)
    return quantiles


def _against(day: Integers, y: Floats, pairs: list[tuple[Floats, Floats]]) -> Evidence:
    """pairs: (n,) log-odds by the hypothesis, and by an alternative."""
    days, position = days_of(day)
    ratios = (y * (other - this) - log1p_exp(other) + log1p_exp(this) for this, other in pairs)
    return against_alternatives(days, np.column_stack([summed(position, len(days), ratio) for ratio in ratios]))
