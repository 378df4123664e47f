"""Figures with limits that hold at all looks together: confidence sequences. A look costs nothing, and limits only narrow on the whole.

Of shares, intercept and slope: the parameters whose likelihood is not below alpha times its mean over a prior (Robbins 1970,
Ann Math Stat 41:1397; Waudby-Smith & Ramdas 2020, NeurIPS 33:20204). Of means: the asymptotic sequence.
"""

from collections.abc import Callable

import numpy as np

from acrcast.arrays import Bools, Floats
from acrcast.estimators.normal import expit, log1p_exp
from acrcast.monitoring.shares import JEFFREYS
from acrcast.validation.calibration import calibration_intercept, calibration_slope
from acrcast.validation.performance import Estimate, log_odds_of

NAN = float("nan")
# Log-odds and slopes among which limits are looked for, and the prior's scale: what lies beyond is no longer told apart.
SHIFTS: Floats = np.linspace(-5, 5, 1001)
SHIFTS_WITH_SLOPE: Floats = np.linspace(-3, 3, 121)
SLOPES: Floats = np.linspace(-3, 5, 161)
PRIOR_SCALE = 1.0
# Log-odds are told apart to so many decimals where a plane of intercepts and slopes is looked through.
DECIMALS = 2
# The asymptotic sequence is narrowest at about so many patients, and means nothing below the second number.
NARROWEST_AT, FEWEST = 200, 30
BISECTIONS = 60


def share(hits: int, total: int, level: float) -> Estimate:
    """Share of patients hit. NaN without patients."""
    if total == 0:
        return Estimate(NAN, NAN, NAN)
    rate, misses = hits / total, total - hits
    at_least = np.log(1 - level) + _log_mean_chance(hits, misses)

    def holds(p: float) -> bool:
        chance = (hits * np.log(p) if hits else 0.0) + (misses * np.log1p(-p) if misses else 0.0)
        return bool(chance >= at_least)

    return Estimate(
        rate, 0.0 if hits == 0 else _edge(rate, 0.0, holds), 1.0 if misses == 0 else _edge(rate, 1.0, holds)
    )


def mean(values: Floats, level: float) -> Estimate:
    """Mean of one value a patient: the asymptotic confidence sequence of Waudby-Smith et al. 2024, Ann Stat 52:2613.

    NaN below 30 patients.
    """
    n = len(values)
    if n < FEWEST:
        return Estimate(NAN, NAN, NAN)
    alpha = 1 - level
    tuned = (-2 * np.log(alpha) + np.log(1 - 2 * np.log(alpha))) / NARROWEST_AT
    half = np.sqrt((n * tuned + 1) / (n**2 * tuned) * np.log((n * tuned + 1) / alpha**2))
    value, spread = float(values.mean()), float(half) * float(values.std(ddof=1))
    return Estimate(value, value - spread, value + spread)


def intercept(risk: Floats, y: Floats, level: float) -> Estimate:
    """What would have to be added to the log-odds; 0 is ideal. The limit is infinite where no shift of up to 5 is ruled out.

    risk, y: (n,). The value is NaN where all outcomes are the same; the limits then still say something.
    """
    if len(y) == 0:
        return Estimate(NAN, NAN, NAN)
    log_odds, times = np.unique(np.round(log_odds_of(risk), DECIMALS + 1), return_counts=True)
    fits = np.array([shift * y.sum() - float(times @ log1p_exp(log_odds + shift)) for shift in SHIFTS])
    held = _held(fits, -0.5 * (SHIFTS / PRIOR_SCALE) ** 2, level)
    return Estimate(calibration_intercept(risk, y).value, *_ends(SHIFTS, held))


def observed_over_expected(risk: Floats, y: Floats, shift: Estimate) -> Estimate:
    """Responders over the sum of the risks, with the limits that those of the intercept come to. shift: of `intercept`."""
    if len(y) == 0:
        return Estimate(NAN, NAN, NAN)
    expected, log_odds = float(risk.sum()), log_odds_of(risk)
    low, high = (float(expit(log_odds + end).sum()) / expected for end in (shift.low, shift.high))
    return Estimate(float(y.sum()) / expected, low, high)


def slope(risk: Floats, y: Floats, centre: Floats, level: float) -> Estimate:
    """Slope of the log-odds, whatever the intercept; 1 is ideal, below 1 the risks are too extreme.

    centre: (n,) as in `by_spread`. NaN where the outcomes or the risks are all the same.
    """
    value = calibration_slope(risk, y).value if len(y) else NAN
    if not np.isfinite(value):
        return Estimate(NAN, NAN, NAN)
    distance = np.round(log_odds_of(risk) - centre, DECIMALS)
    cells, inverse = np.unique(np.column_stack([distance, np.round(centre, DECIMALS)]), axis=0, return_inverse=True)
    times, responders = np.bincount(inverse), np.bincount(inverse, weights=y)
    fits = np.empty((len(SLOPES), len(SHIFTS_WITH_SLOPE)))
    for i, steep in enumerate(SLOPES):
        log_odds = cells[:, 1] + steep * cells[:, 0] + SHIFTS_WITH_SLOPE[:, None]
        fits[i] = log_odds @ responders - log1p_exp(log_odds) @ times
    prior = -0.5 * (SHIFTS_WITH_SLOPE / PRIOR_SCALE) ** 2 - 0.5 * ((SLOPES[:, None] - 1) / PRIOR_SCALE) ** 2
    return Estimate(value, *_ends(SLOPES, np.any(_held(fits, prior, level), axis=1)))


def _held(fits: Floats, log_prior: Floats, level: float) -> Bools:
    """Which parameters are not ruled out. fits: log-likelihoods, log_prior: up to a constant, of the same shape."""
    weights = log_prior - np.logaddexp.reduce(log_prior, axis=None)
    averaged = np.logaddexp.reduce(fits + weights, axis=None)
    return np.asarray(fits >= np.log(1 - level) + averaged)


def _ends(grid: Floats, held: Bools) -> tuple[float, float]:
    """Outermost parameters that are held, one step further out, and infinite at an end of the grid."""
    at = np.flatnonzero(held)
    if at.size == 0:
        return NAN, NAN
    low = grid[at[0] - 1] if at[0] > 0 else -np.inf
    high = grid[at[-1] + 1] if at[-1] < len(grid) - 1 else np.inf
    return float(low), float(high)


def _log_mean_chance(hits: int, misses: int) -> float:
    """Logarithm of the mean chance of just these patients over Jeffreys' prior of their share."""
    rising = (np.log(JEFFREYS + np.arange(count)).sum() for count in (hits, misses))
    return float(sum(rising) - np.log(2 * JEFFREYS + np.arange(hits + misses)).sum())


def _edge(inside: float, outside: float, holds: Callable[[float], bool]) -> float:
    """Where between the two it ceases to hold."""
    for _ in range(BISECTIONS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return outside
