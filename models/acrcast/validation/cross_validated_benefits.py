"""Predicted benefits by repeated cross-validation: each patient's is by a fit that did not see the patient."""

from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Floats, FoldNumbers
from acrcast.validation.cross_fitted import CrossFitted, nothing_yet
from acrcast.validation.performance import Estimate
from acrcast.validation.rates import UNDEFINED, half_width

FEWEST = 3


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidatedBenefits(CrossFitted):
    """Risks in both arms; what each fit says is in benefits, of all patients together. risk: (2, repeats, n) under control and treated."""

    risk: Floats

    @classmethod
    def empty(cls, fold: FoldNumbers, folds: int) -> "CrossValidatedBenefits":
        """To be filled by `put`. fold: (repeats, n)."""
        return cls(*nothing_yet(fold, folds, np.zeros(fold.shape[1])), np.full((2, *fold.shape), np.nan))

    def put(self, repeat: int, fold: int, control: Floats, treated: Floats) -> None:
        """Keep what is needed of one fit. control, treated: (n,) risks of all patients, by the fit that left out `fold`."""
        left_out = self.fold[repeat] == fold
        for kept, risk in zip(self.risk, (control, treated), strict=True):
            kept[repeat, left_out] = risk[left_out]
        self.describe(repeat, fold, treated - control)

    @property
    def benefit(self) -> Floats:
        """(repeats, n)."""
        benefit: Floats = self.risk[1] - self.risk[0]
        return benefit

    @property
    def standing(self) -> Floats:
        """(n,) where the patient's benefit lies among those that the same fit gives the patients it saw, in SD; mean over repeats.

        Benefits of two fits do not compare: a patient who contradicts the others makes the fit without the patient say more of
        everybody, and spread them more. 0 where a fit tells nobody apart.
        """
        distance, spread = self.from_centre(self.benefit)
        in_sd = np.divide(distance, np.sqrt(spread), out=np.zeros(distance.shape), where=np.isfinite(spread))
        standing: Floats = in_sd.mean(axis=0)
        return standing


def cross_validated_benefit_slope(
    found: CrossValidatedBenefits, score: Floats, level: float = 0.95
) -> tuple[Estimate, str]:
    """Slope of the benefit seen on the benefit predicted, and why it is NaN; 1 is ideal.

    Each fit's part is weighted by what the fit says without those it is judged on, as in `cross_validated_slope`: least squares
    divides by the spread of the predictions, which chance that lowers the slope makes larger. The equations are
    sum of (s - a - b d) = 0 and sum of (s - a - b d) d / v = 0, with d a patient's distance from the mean and v the variance of the
    benefits that the fit gives those it saw. The jackknife over patients removes what is left of the order of 1/n, and its variance,
    widened because patients share the fits, gives the interval.
    score: (n,) whose mean is the benefit seen.
    """
    distance, spread = found.from_centre(found.benefit)
    known = np.isfinite(distance) & np.isfinite(spread)
    if not known.any():
        return UNDEFINED, "the predicted benefit does not vary"
    if len(score) < FEWEST:
        return UNDEFINED, "fewer than three patients"
    distance[~known] = 0
    instrument = np.divide(distance, spread, out=np.zeros(distance.shape), where=known)
    # each patient's part of the equations, summed over repeats: left (n, 2, 2) by (a, b), right (n, 2)
    left = np.empty((len(score), 2, 2))
    left[:, 0, 0], left[:, 0, 1] = known.sum(axis=0), distance.sum(axis=0)
    left[:, 1, 0], left[:, 1, 1] = instrument.sum(axis=0), (instrument * distance).sum(axis=0)
    right = score[:, None] * left[:, :, 0]
    of_all = left.sum(axis=0), right.sum(axis=0)
    try:
        slope = float(np.linalg.solve(*of_all)[1])
        without = np.linalg.solve(of_all[0] - left, (of_all[1] - right)[..., None])[:, 1, 0]
    except np.linalg.LinAlgError:
        return UNDEFINED, "a single patient fixes the slope"
    n = len(score)
    value = n * slope - (n - 1) * float(without.mean())
    variance = (n - 1) / n * float(np.sum((without - without.mean()) ** 2))
    half = half_width(level) * float(np.sqrt(variance * found.widening()))
    return Estimate(value, value - half, value + half), ""
