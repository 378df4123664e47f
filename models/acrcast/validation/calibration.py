"""Whether risks mean what they say: intercept and slope of the logistic recalibration."""

import numpy as np

from acrcast.arrays import Floats
from acrcast.estimators.newton import fit_logistic
from acrcast.estimators.normal import normal_quantile
from acrcast.validation.performance import Estimate, log_odds_of

SMALLEST_SPREAD = 1e-9


def calibration_slope(risk: Floats, y: Floats, level: float = 0.95) -> Estimate:
    """Slope of the logistic recalibration; 1 is ideal, below 1 means risks too extreme. Cox 1958, Biometrika 45:562.

    risk: (n,) probabilities, not log-odds. NaN when the risks or the outcomes do not vary.
    """
    log_odds = log_odds_of(risk)
    if np.ptp(log_odds) < SMALLEST_SPREAD or np.ptp(y) == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    X = np.column_stack([np.ones(len(y)), log_odds])[None]
    fit = fit_logistic(X, y, np.ones((1, len(y))), np.zeros(2))
    return _wald(float(fit.coefficients[0, 1]), float(np.linalg.inv(fit.information[0])[1, 1]), level)


def calibration_intercept(risk: Floats, y: Floats, level: float = 0.95) -> Estimate:
    """Intercept of the recalibration with the log-odds as offset; 0 is ideal, below 0 means risks too high on average.

    The offset form (calibration-in-the-large), not the intercept of the joint fit. NaN when the outcomes do not vary.
    """
    if np.ptp(y) == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    log_odds = log_odds_of(risk)
    intercept = 0.0
    for _ in range(100):
        mean = 1 / (1 + np.exp(-(log_odds + intercept)))
        step = float(np.sum(y - mean) / np.sum(mean * (1 - mean)))
        intercept += np.clip(step, -2, 2)
        if abs(step) < 1e-13:
            break
    return _wald(intercept, 1 / float(np.sum(mean * (1 - mean))), level)


def _wald(value: float, variance: float, level: float) -> Estimate:
    half = float(normal_quantile(np.array((1 + level) / 2))) * float(np.sqrt(variance))
    return Estimate(float(value), float(value - half), float(value + half))
