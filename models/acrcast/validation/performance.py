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


def c_statistic(risk: Floats, y: Floats, level: float = 0.95, *, arm: Floats | None = None) -> Estimate:
    """Probability that a responder has a higher risk than a non-responder, ties count half; with DeLong's interval.

    arm: (n,) of each patient; with it both are of the same arm, so that a difference between the arms does not count as
    telling patients apart. Works by sorting. Risks equal to 12 decimals are ties: sums in another order leave equal
    patients a rounding apart. NaN where there is no such pair. DeLong, DeLong & Clarke-Pearson 1988; Sun & Xu 2014.
    """
    found = concordance(risk, y, np.zeros(len(y)) if arm is None else arm)
    return estimate_of_share(found.value, found.variance, level)


def log_odds_of(risk: Floats) -> Floats:
    """(n,) log-odds, with risks of 0 and 1 kept finite."""
    return logit(np.minimum(np.maximum(risk, SMALLEST_RISK), 1 - SMALLEST_RISK))


def _midranks(values: Floats) -> Floats:
    """Ranks from 1, ties share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2)[inverse]
    return ranks


@dataclass(frozen=True, slots=True)
class Concordance:
    """C over so many pairs of a responder and another patient, and DeLong's variance; NaN where there is no pair."""

    value: float
    variance: float
    pairs: int


def concordance(risk: Floats, y: Floats, stratum: Floats) -> Concordance:
    """Over all pairs of the same stratum (n,), each pair alike."""
    risk = np.round(risk, TIE_DECIMALS)
    parts = [_of_one_stratum(risk[stratum == which], y[stratum == which]) for which in np.unique(stratum)]
    parts = [part for part in parts if part.pairs]
    pairs = sum(part.pairs for part in parts)
    if pairs == 0:
        return Concordance(float("nan"), float("nan"), 0)
    return Concordance(
        sum(part.value * part.pairs for part in parts) / pairs,
        sum(part.variance * (part.pairs / pairs) ** 2 for part in parts),
        pairs,
    )


def _of_one_stratum(risk: Floats, y: Floats) -> Concordance:
    responders, others = risk[y == 1], risk[y == 0]
    m, n = len(responders), len(others)
    if m == 0 or n == 0:
        return Concordance(float("nan"), float("nan"), 0)
    together = _midranks(np.concatenate([responders, others]))
    above = (together[:m] - _midranks(responders)) / n
    below = 1 - (together[m:] - _midranks(others)) / m
    variance = (np.var(above, ddof=1) / m if m > 1 else 0.0) + (np.var(below, ddof=1) / n if n > 1 else 0.0)
    return Concordance(float(above.mean()), float(variance), m * n)


def estimate_of_share(value: float, variance: float, level: float) -> Estimate:
    """An estimate of a share, with its interval within 0 and 1."""
    if not np.isfinite(value):
        return Estimate(float("nan"), float("nan"), float("nan"))
    half = float(normal_quantile(np.array((1 + level) / 2))) * float(np.sqrt(variance))
    return Estimate(value, max(0.0, value - half), min(1.0, value + half))
