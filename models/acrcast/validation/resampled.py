"""The figures of every resample's fit, on the resample itself, on all patients and on the patients left out of it."""

from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Floats
from acrcast.validation.performance import log_loss
from acrcast.validation.weighted import (
    blocks,
    both_classes,
    c_statistics_within,
    calibration_intercepts,
    calibration_slopes_within,
    weighted_mean,
)

FIGURES = ("c_statistic", "brier", "log_loss", "slope", "intercept")
"""In the order of the rows of `Resampled`."""


@dataclass(frozen=True, slots=True)
class Resampled:
    """Figures of the U usable resamples; a figure that one of them does not define is NaN there.

    within: (5, U) on the resample itself. original: (5, U) on all patients, each once. left_out_c: (U,) on the patients
    of weight 0. left_out_loss: (2, n) each patient's mean Brier and log loss over the resamples without the patient,
    NaN where there are none.
    given: resamples before any was set aside. failed: fits with a risk that is not a number.
    one_class: resamples, of those that did not fail, with only responders or only non-responders.
    """

    within: Floats
    original: Floats
    left_out_c: Floats
    left_out_loss: Floats
    given: int
    failed: int
    one_class: int

    @property
    def nothing_usable(self) -> str:
        """Why no resample could be used, in words."""
        if self.given == 0:
            return "no resamples"
        return f"of {self.given} resamples {self.failed} failed and {self.one_class} hold one class of outcome"


def resampled_figures(y: Floats, weights: Floats, risk: Floats, arm: Floats) -> Resampled:
    """y: (n,) 0 or 1. arm: (n,), C and the slope are within it. weights: (B, n) of the resamples, 0 for a patient left out. risk: (B, n) of all patients."""
    finite = np.isfinite(risk).all(axis=1)
    two = both_classes(y, weights)
    usable = np.flatnonzero(finite & two)
    within, original = np.empty((2, len(FIGURES), len(usable)))
    left_out_c = np.empty(len(usable))
    lost, times = np.zeros((2, len(y))), np.zeros(len(y))
    once = np.ones((1, len(y)))
    for block in blocks(len(usable), len(y)):
        r, w = risk[usable[block]], weights[usable[block]]
        out = (w == 0).astype(np.float64)
        within[0, block], original[0, block], left_out_c[block] = c_statistics_within(r, y, arm, w, once, out)
        for k, loss in enumerate(((r - y) ** 2, log_loss(r, y))):
            within[1 + k, block], original[1 + k, block] = weighted_mean(loss, w), loss.mean(axis=1)
            lost[k] += np.sum(out * loss, axis=0)
        within[3, block], original[3, block] = (calibration_slopes_within(r, y, arm, kind) for kind in (w, once))
        within[4, block], original[4, block] = calibration_intercepts(r, y, w), calibration_intercepts(r, y, once)
        times += out.sum(axis=0)
    return Resampled(
        within=within,
        original=original,
        left_out_c=left_out_c,
        left_out_loss=np.divide(lost, times, out=np.full(lost.shape, np.nan), where=times > 0),
        given=len(risk),
        failed=int(np.sum(~finite)),
        one_class=int(np.sum(finite & ~two)),
    )


def apparent_figures(y: Floats, risk: Floats, arm: Floats) -> Floats:
    """(5,) figures of one set of risks (n,) on the patients that it was fitted to; C and the slope within arms (n,)."""
    r, once = risk[None], np.ones((1, len(y)))
    return np.array(
        [
            c_statistics_within(r, y, arm, once)[0][0],
            np.mean((risk - y) ** 2),
            np.mean(log_loss(risk, y)),
            calibration_slopes_within(r, y, arm, once)[0],
            calibration_intercepts(r, y, once)[0],
        ]
    )
