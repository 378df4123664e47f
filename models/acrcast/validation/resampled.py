"""The figures of every resample's fit, on the resample itself, on all patients and on the patients left out of it."""

from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bytes, Floats
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


class FiguresOfResamples:
    """Collects the figures of resamples that come some at a time, so that not all of their risks are held together."""

    def __init__(self, y: Floats, arm: Floats) -> None:
        """y: (n,) 0 or 1. arm: (n,), C and the slope are within it."""
        self._y, self._arm = y, arm
        self._found: list[tuple[Floats, Floats, Floats]] = []
        self._lost, self._times = np.zeros((2, len(y))), np.zeros(len(y))
        self._given = self._failed = self._one_class = 0

    def add(self, weights: Floats | Bytes, risk: Floats) -> None:
        """weights: (b, n) of the resamples, 0 for a patient left out. risk: (b, n) of all patients by the fit of each."""
        finite = np.isfinite(risk).all(axis=1)
        two = both_classes(self._y, weights)
        self._given += len(risk)
        self._failed += int(np.sum(~finite))
        self._one_class += int(np.sum(finite & ~two))
        usable = np.flatnonzero(finite & two)
        for block in blocks(len(usable), len(self._y)):
            self._found.append(
                self._figures(weights[usable[block]].astype(np.float64, copy=False), risk[usable[block]])
            )

    def _figures(self, w: Floats, r: Floats) -> tuple[Floats, Floats, Floats]:
        """(5, b) within and on all patients, and (b,) C of those left out; adds to the losses of these."""
        y, arm, once = self._y, self._arm, np.ones((1, len(self._y)))
        out = (w == 0).astype(np.float64)
        within, original = np.empty((2, len(FIGURES), len(r)))
        within[0], original[0], left_out_c = c_statistics_within(r, y, arm, w, once, out)
        for k, loss in enumerate(((r - y) ** 2, log_loss(r, y))):
            within[1 + k], original[1 + k] = weighted_mean(loss, w), loss.mean(axis=1)
            self._lost[k] += np.sum(out * loss, axis=0)
        within[3], original[3] = (calibration_slopes_within(r, y, arm, kind) for kind in (w, once))
        within[4], original[4] = calibration_intercepts(r, y, w), calibration_intercepts(r, y, once)
        self._times += out.sum(axis=0)
        return within, original, left_out_c

    def all(self) -> Resampled:
        """Of all resamples that were added."""
        nothing = np.empty((len(FIGURES), 0)), np.empty((len(FIGURES), 0)), np.empty(0)
        within, original, left_out_c = (
            np.concatenate(part, axis=-1) for part in zip(nothing, *self._found, strict=True)
        )
        left_out = np.full(self._lost.shape, np.nan)
        return Resampled(
            within=within,
            original=original,
            left_out_c=left_out_c,
            left_out_loss=np.divide(self._lost, self._times, out=left_out, where=self._times > 0),
            given=self._given,
            failed=self._failed,
            one_class=self._one_class,
        )


def resampled_figures(y: Floats, weights: Floats | Bytes, risk: Floats, arm: Floats) -> Resampled:
    """Of resamples that are there together: `FiguresOfResamples` with weights and risk (B, n)."""
    figures = FiguresOfResamples(y, arm)
    figures.add(weights, risk)
    return figures.all()


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
