"""Mean losses of cross-validated risks, and gains over other risks of the same patients, with intervals that allow for shared fits."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bools, Floats
from acrcast.validation.cross_fitted import EVERYBODY
from acrcast.validation.cross_validated import CrossValidated
from acrcast.validation.performance import Estimate, log_loss
from acrcast.validation.rates import mean_with_interval, widened


@dataclass(frozen=True, slots=True)
class Loss:
    """of: (n,) losses of (n,) risks and outcomes. slope: (n,) by how much each grows with the log-odds of its risk."""

    of: Callable[[Floats, Floats], Floats]
    slope: Callable[[Floats, Floats], Floats]


def _squared(risk: Floats, y: Floats) -> Floats:
    error: Floats = (risk - y) ** 2
    return error


def _slope_of_squared(risk: Floats, y: Floats) -> Floats:
    slope: Floats = 2 * (risk - y) * risk * (1 - risk)
    return slope


def _slope_of_log_loss(risk: Floats, y: Floats) -> Floats:
    return risk - y


LOG_LOSS = Loss(log_loss, _slope_of_log_loss)
SQUARED_ERROR = Loss(_squared, _slope_of_squared)


def losses_of(found: CrossValidated, y: Floats, loss: Loss = LOG_LOSS) -> Floats:
    """(n,) loss of each patient, averaged over the repeats; NaN where a fit is missing."""
    losses: Floats = np.mean([loss.of(risk, y) for risk in found.risk], axis=0)
    return losses


def cross_validated_loss(found: CrossValidated, y: Floats, loss: Loss = LOG_LOSS, level: float = 0.95) -> Estimate:
    """Mean loss of all patients with Wald's interval; NaN where a fit is missing.

    The loss itself comes out a little low in small trials: folds balanced by outcome leave every fit the arms' rates as they are
    in all patients. In a gain over such rates that cancels.
    """
    return _mean(found, y, losses_of(found, y, loss), loss, EVERYBODY, level)


def cross_validated_gain(
    found: CrossValidated, y: Floats, other: Floats, *, among: Bools | slice = EVERYBODY, level: float = 0.95
) -> Estimate:
    """Mean of (n,) other log losses of the same patients less these, with Wald's interval; above 0 these risks are better.

    other: of risks that did not see the patient either. among: whom to average over; all are fitted. NaN where a fit is missing, the
    interval's ends also for fewer than 2 patients.
    """
    return _mean(found, y, other - losses_of(found, y), LOG_LOSS, among, level)


def _mean(found: CrossValidated, y: Floats, values: Floats, loss: Loss, among: Bools | slice, level: float) -> Estimate:
    """Of the values of some patients, each of which moves with the log-odds as the loss does, up or down.

    Of two patients each is in the fit that judges the other, and moves it by chance as much as the other does, so that their values
    go together. What all pairs add to the variance of the sum is, for each patient, K / (K - 1) times the square of the loss's slope
    times the noise in the log-odds; see `CrossFitted.noise_of_each`.
    """
    slopes = np.mean([loss.slope(risk[found.kept], y[found.kept]) ** 2 for risk in found.risk], axis=0)
    return widened(mean_with_interval(values[among], level), found.shared_variance(slopes * found.noise_of_each), level)
