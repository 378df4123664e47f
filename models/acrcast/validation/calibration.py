"""Whether risks mean what they say: intercept, slope, observed over expected, and the distance from a smooth curve."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from acrcast.arrays import Floats, Integers
from acrcast.estimators.normal import normal_quantile
from acrcast.validation.performance import Estimate, log_odds_of
from acrcast.validation.smoothing import loess, lowess, restricted_cubic_spline, weighted_splines
from acrcast.validation.updating import recalibrate, update_intercept

Smoother = Literal["loess", "lowess", "rcs"]

# Slopes that a model may have and be used (GATE002, MON002). A slope acts as a factor on log-odds: 0.8 and its reciprocal are
# equally far from 1. Convention; docs/gates.md says why.
SLOPE_LIMITS = (0.8, 1.25)
SMALLEST_SPREAD = 1e-9
# Below this a smooth curve follows single patients.
FEWEST_PATIENTS = 10
# Where no smoother is named: loess up to here, the spline beyond.
LARGEST_FOR_LOESS = 5000
GRID_POINTS = 101
# The band is given where at least this share of the refitted curves reaches.
REACHED = 0.9
# Resampled patients are held in blocks of at most this many numbers.
LARGEST_BLOCK = 2**19


@dataclass(frozen=True, slots=True)
class CalibrationErrors:
    """Absolute distances of the risks from the smooth curve: mean (ICI), median (E50), 90th percentile (E90), largest.

    smoother: the one used. reason: why there is nothing to judge by (then all are NaN), else None.
    """

    ici: float
    e50: float
    e90: float
    emax: float
    smoother: Smoother
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class CalibrationCurve:
    """Share of responders at each risk, with a pointwise band.

    risk, observed, low, high: (g,), shares. observed is NaN beyond the range of the risks, low and high also where fewer
    than 90 % of the refitted curves reach. resamples: those that the band is made of. failed: those in which there was
    nothing to judge by. reason: why there is no curve at all (then it is NaN), else None.
    """

    risk: Floats
    observed: Floats
    low: Floats
    high: Floats
    smoother: Smoother
    resamples: int
    failed: int
    reason: str | None = None


def calibration_slope(risk: Floats, y: Floats, level: float = 0.95) -> Estimate:
    """Slope of the logistic recalibration; 1 is ideal, below 1 means risks too extreme. Cox 1958, Biometrika 45:562.

    risk: (n,) probabilities, not log-odds. NaN when the risks or the outcomes do not vary, or the risks separate the
    outcomes perfectly.
    """
    return _joint(risk, y, 1, level)


def calibration_intercept(risk: Floats, y: Floats, level: float = 0.95) -> Estimate:
    """Intercept of the recalibration with the log-odds as offset; 0 is ideal, below 0 means risks too high on average.

    The offset form (calibration-in-the-large), not the intercept of the joint fit. NaN when the outcomes do not vary.
    """
    if np.ptp(y) == 0:
        return _nothing()
    update = update_intercept(y, log_odds_of(risk))
    return _wald(float(update.coefficients[0]), 1 / float(update.information[0, 0]), level)


def joint_calibration_intercept(risk: Floats, y: Floats, level: float = 0.95) -> Estimate:
    """Intercept of the logistic recalibration with intercept and slope: the log-odds of response at a risk of one half.

    Not calibration-in-the-large, which is `calibration_intercept`; with a slope of 1 they agree. NaN where the slope is.
    """
    return _joint(risk, y, 0, level)


def observed_over_expected(risk: Floats, y: Floats, level: float = 0.95) -> Estimate:
    """Responders over the sum of the risks; 1 is ideal, below 1 means risks too high on average.

    Interval: Wilson's for the response rate (Wilson 1927, J Am Stat Assoc 22:209) over the mean risk, which is taken as
    known; unlike that of the logarithm it exists with no responder. NaN when all risks are 0.
    """
    n, rate, expected = len(y), float(y.mean()), float(risk.mean())
    if expected <= 0:
        return _nothing()
    z = float(normal_quantile(np.array((1 + level) / 2)))
    centre = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * float(np.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2)))
    return Estimate(rate / expected, max(0.0, centre - half) / expected, min(1.0, centre + half) / expected)


def calibration_errors(risk: Floats, y: Floats, smoother: Smoother | None = None) -> CalibrationErrors:
    """Distance of the risks from the smooth share of responders. Austin & Steyerberg 2019, Stat Med 38:4051.

    risk: (n,) probabilities, NaN raises ValueError. y: (n,) 0 or 1. smoother: by default loess up to 5000 patients, the
    spline beyond. The percentile is R's type 7. NaN with a reason: fewer than 10 patients, or risks or outcomes that are
    all the same.
    """
    smoother = smoother or _default_smoother(len(y))
    reason = _cannot_judge(risk, y)
    if reason is not None:
        return CalibrationErrors(np.nan, np.nan, np.nan, np.nan, smoother, reason)
    distance = np.abs(smooth(risk, y, smoother) - risk)
    return CalibrationErrors(
        ici=float(distance.mean()),
        e50=float(np.median(distance)),
        e90=float(np.quantile(distance, 0.9)),
        emax=float(distance.max()),
        smoother=smoother,
    )


def calibration_curve(
    risk: Floats,
    y: Floats,
    smoother: Smoother | None = None,
    grid: Floats | None = None,
    *,
    resamples: int = 200,
    rng: np.random.Generator,
    level: float = 0.95,
) -> CalibrationCurve:
    """Smooth share of responders over the risk, its band from smoothers refitted to resampled patients.

    risk, y: (n,), as in `calibration_errors`. grid: (g,) risks, by default 101 from the smallest to the largest. Each
    resample draws patients with replacement, fits the smoother to them and reads the grid from that fit; the band is the
    percentiles of these curves. The spline's knots stay where all patients put them. All is kept within 0 and 1.
    """
    smoother = smoother or _default_smoother(len(y))
    reason = _cannot_judge(risk, y)
    if grid is None:
        grid = np.linspace(risk.min(), risk.max(), GRID_POINTS) if len(risk) > 0 else np.empty(0)
    nothing = np.full(len(grid), np.nan)
    if reason is not None:
        return CalibrationCurve(grid, nothing, nothing, nothing, smoother, resamples=0, failed=0, reason=reason)
    curves = [np.empty((0, len(grid)))]
    block = max(1, LARGEST_BLOCK // len(y))
    for first in range(0, resamples, block):
        draws = (rng.integers(len(y), size=len(y)) for _ in range(min(block, resamples - first)))
        usable = [drawn for drawn in draws if _constant(risk[drawn], y[drawn]) is None]
        curves.append(_refitted(risk, y, smoother, grid, usable))
    refitted = np.clip(np.concatenate(curves), 0, 1)
    low, high = _band(refitted, level)
    observed = np.clip(smooth(risk, y, smoother, at=grid), 0, 1)
    return CalibrationCurve(grid, observed, low, high, smoother, len(refitted), resamples - len(refitted))


def smooth(risk: Floats, y: Floats, smoother: Smoother, *, at: Floats | None = None) -> Floats:
    """Share of responders at the risks, or at the risks `at`, by the smoother of that name.

    loess and lowess work on the risks and may leave 0 to 1, and are NaN beyond their range; the spline has 5 knots on the
    log-odds.
    """
    if smoother == "loess":
        return loess(risk, y, at=at)
    if smoother == "lowess":
        return lowess(risk, y, at=at)
    return restricted_cubic_spline(log_odds_of(risk), y, at=None if at is None else log_odds_of(at))


def _default_smoother(patients: int) -> Smoother:
    return "loess" if patients <= LARGEST_FOR_LOESS else "rcs"


def _cannot_judge(risk: Floats, y: Floats) -> str | None:
    if not (np.isfinite(risk).all() and np.isfinite(y).all()):
        raise ValueError("calibration: expected finite risks and outcomes")
    if len(y) < FEWEST_PATIENTS:
        return f"fewer than {FEWEST_PATIENTS} patients"
    return _constant(risk, y)


def _constant(risk: Floats, y: Floats) -> str | None:
    if np.ptp(y) == 0:
        return "all outcomes are the same"
    if np.ptp(risk) < SMALLEST_SPREAD:
        return "all risks are the same"
    return None


def _refitted(risk: Floats, y: Floats, smoother: Smoother, grid: Floats, draws: list[Integers]) -> Floats:
    """(b, g) curves at the grid, each from the smoother fitted to the patients drawn. draws: indices of patients."""
    if smoother == "rcs" and draws:
        weights = np.stack([np.bincount(drawn, minlength=len(y)) for drawn in draws]).astype(np.float64)
        return weighted_splines(log_odds_of(risk), y, weights, at=log_odds_of(grid))
    curves = [smooth(risk[drawn], y[drawn], smoother, at=grid) for drawn in draws]
    return np.array(curves).reshape(len(draws), len(grid))


def _band(curves: Floats, level: float) -> tuple[Floats, Floats]:
    """(g,) percentiles of (b, g) curves that are NaN where they do not reach."""
    low, high = np.full((2, curves.shape[1]), np.nan)
    reached = np.isfinite(curves).sum(axis=0) >= max(1.0, REACHED * len(curves))
    if reached.any():
        tails = [(1 - level) / 2, (1 + level) / 2]
        low[reached], high[reached] = np.nanquantile(curves[:, reached], tails, axis=0)
    return low, high


def _joint(risk: Floats, y: Floats, which: int, level: float) -> Estimate:
    update = recalibrate(y, log_odds_of(risk))
    if not update.finite:
        return _nothing()
    variance = np.linalg.inv(update.information)[which, which]
    return _wald(float(update.coefficients[which]), float(variance), level)


def _nothing() -> Estimate:
    return Estimate(float("nan"), float("nan"), float("nan"))


def _wald(value: float, variance: float, level: float) -> Estimate:
    half = float(normal_quantile(np.array((1 + level) / 2))) * float(np.sqrt(variance))
    return Estimate(value, value - half, value + half)
