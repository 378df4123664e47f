"""Overall accuracy and discrimination of risks against outcomes."""

from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Floats
from acrcast.estimators.normal import logit, normal_quantile

# Risks are kept this far from 0 and 1 where a logarithm is taken.
SMALLEST_RISK = 1e-12
TIE_DECIMALS = 12


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval."""

    value: float
    low: float
    high: float


def log_loss(risk: Floats, y: Floats) -> Floats:
    """(n,) minus log-likelihood of each outcome; its mean is the log loss, lower is better. risk: (n,) probabilities."""
    kept = np.clip(risk, SMALLEST_RISK, 1 - SMALLEST_RISK)
    loss: Floats = -(y * np.log(kept) + (1 - y) * np.log1p(-kept))
    return loss


def brier_score(risk: Floats, y: Floats) -> float:
    """Mean squared difference between risk and outcome; 0 is perfect. Brier 1950."""
    return float(np.mean((risk - y) ** 2))


def scaled_brier_score(risk: Floats, y: Floats) -> float:
    """Share of the Brier score of quoting the response rate that the risks remove; 0 is no better, 1 is perfect.

    NaN when all outcomes are the same.
    """
    reference = float(np.mean((y.mean() - y) ** 2))
    return 1 - brier_score(risk, y) / reference if reference > 0 else float("nan")


def c_statistic(risk: Floats, y: Floats, level: float = 0.95) -> Estimate:
    """Probability that a responder has a higher risk than a non-responder, ties count half; with DeLong's interval.

    Works by sorting. Risks equal to 12 decimals are ties: sums in another order leave equal patients a rounding apart.
    NaN when all outcomes are the same. DeLong, DeLong & Clarke-Pearson 1988; Sun & Xu 2014.
    """
    risk = np.round(risk, TIE_DECIMALS)
    responders, others = risk[y == 1], risk[y == 0]
    m, n = len(responders), len(others)
    if m == 0 or n == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    together = _midranks(np.concatenate([responders, others]))
    above = (together[:m] - _midranks(responders)) / n
    below = 1 - (together[m:] - _midranks(others)) / m
    value = float(above.mean())
    variance = (np.var(above, ddof=1) / m if m > 1 else 0.0) + (np.var(below, ddof=1) / n if n > 1 else 0.0)
    half = float(normal_quantile(np.array((1 + level) / 2))) * float(np.sqrt(variance))
    return Estimate(value, max(0.0, value - half), min(1.0, value + half))


def log_odds_of(risk: Floats) -> Floats:
    """(n,) log-odds, with risks of 0 and 1 kept finite."""
    return logit(np.clip(risk, SMALLEST_RISK, 1 - SMALLEST_RISK))


def _midranks(values: Floats) -> Floats:
    """Ranks from 1, ties share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2)[inverse]
    return ranks
