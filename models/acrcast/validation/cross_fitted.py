"""What each fit of a repeated cross-validation says of the patients: how far it tells them apart, and how much of that is chance."""

from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bools, Floats, FoldNumbers, Integers
from acrcast.estimators.normal import normal_cdf

# A fit that tells its patients apart by less than this share of what fits do on average is weighted as if by so much.
LEAST_SPREAD = 0.1
SMALLEST_SPREAD = 1e-9
# Of at most so many patients, evenly spread over the trial, it is kept what every fit says.
MOST_KEPT = 1000
EVERYBODY = slice(None)


@dataclass(frozen=True, slots=True, eq=False)
class CrossFitted:
    """What is kept of the scores that every fit gives the patients.

    fold: (repeats, n), which fit left the patient out. group: (n,) within which the score is looked at, such as the arm.
    centre: (repeats, folds, groups) mean, spread: (repeats, folds) mean square within the groups, of the score that a fit gives
    the patients it was fitted to. distance: (repeats, folds, up to `MOST_KEPT`) of the score of some patients from those means,
    whether the fit saw them or not. NaN where nothing could be fitted.
    """

    fold: FoldNumbers
    group: Floats
    centre: Floats
    spread: Floats
    distance: Floats

    def describe(self, repeat: int, fold: int, score: Floats) -> None:
        """Keep what is needed of one fit. score: (n,) of all patients, by the fit that left out `fold`."""
        seen, number = self.fold[repeat] != fold, self.number
        with np.errstate(invalid="ignore"):
            groups = self.centre.shape[2]
            centre = np.bincount(number[seen], score[seen], minlength=groups) / np.bincount(
                number[seen], minlength=groups
            )
        distance = score - centre[number]
        self.centre[repeat, fold] = centre
        self.spread[repeat, fold] = np.mean(distance[seen] ** 2)
        self.distance[repeat, fold] = distance[self.kept]

    @property
    def folds(self) -> int:
        return int(self.spread.shape[1])

    @property
    def number(self) -> Integers:
        """(n,) number of each patient's group, from 0."""
        number: Integers = np.unique(self.group, return_inverse=True)[1]
        return number

    @property
    def kept(self) -> slice:
        """Of whom it is kept what every fit says."""
        return _kept(len(self.group))

    def from_centre(self, score: Floats, among: Bools | slice = EVERYBODY) -> tuple[Floats, Floats]:
        """(repeats, m) distance of the score from the mean of the fit that left the patient out, and that fit's spread.

        score: (repeats, m) by that fit. among: whose scores these are. None of the spreads is next to 0; NaN where a fit tells
        nobody apart.
        """
        repeat, fold = np.arange(len(score))[:, None], self.fold[:, among]
        apart: Bools = self.spread > SMALLEST_SPREAD
        floor = LEAST_SPREAD * float(np.nanmean(self.spread)) if apart.any() else np.nan
        spread: Floats = np.where(apart, np.maximum(self.spread, floor), np.nan)[repeat, fold]
        distance = self.centre[repeat, fold, self.number[among]]
        return np.subtract(score, distance, out=distance), spread

    @property
    def noise_of_each(self) -> Floats:
        """(up to `MOST_KEPT`,) how much of a patient's score is chance in who was fitted: the jackknife's variance, from the fits without one fold each.

        On average over patients at most the mean spread of a fit, which it is where a fit is missing; 0 where the fits tell nobody
        apart.
        """
        spread = self.mean_spread
        complete = np.isfinite(self.distance).all(axis=(1, 2))
        if not complete.any():
            return np.full(self.distance.shape[2], spread)
        noise: Floats = (self.folds - 1) * self.distance[complete].var(axis=1).mean(axis=0)
        # of fits that tell nobody apart there is only rounding
        noise[noise < SMALLEST_SPREAD] = 0
        average = float(noise.mean())
        return noise * (spread / average) if average > spread else noise

    @property
    def noise(self) -> float:
        """What share of the spread of a fit's scores is chance in who was fitted, 0 to 1; 1 where it cannot be told."""
        spread = self.mean_spread
        return min(1.0, float(self.noise_of_each.mean()) / spread) if spread > 0 else 1.0

    def widening(self, share: float = 1.0) -> float:
        """What a variance is multiplied by that takes patients for independent, although they share the fits: 1 + noise K / (K - 1).

        Each of two patients is in the fit that judges the other, and moves it by chance as much as the other does, so that their
        parts go together. Where a score l is a sum over the fitted patients, all pairs add to the variance of the sum of (y - p) l
        just what the noise in l adds to that of its parts. If all is noise this is 1 + K n_judged / n_fitted of Nadeau & Bengio 2003
        (Mach Learn 52:239). share: of all patients, those that are judged, who meet as much more seldom.
        """
        return 1 + share * self.noise * self.folds / (self.folds - 1)

    def shared_variance(self, of_parts: Floats) -> float:
        """What all pairs add to the variance of a mean over patients.

        of_parts: (kept,) by how much the noise in a patient's score makes the patient's own part vary; of those judged.
        """
        return self.folds / (self.folds - 1) * float(np.mean(of_parts)) / len(self.group)

    def doubt(self, score: Floats) -> Floats:
        """(kept,) variance of whether a patient's score is above 0, by chance in who was fitted: 0 to 1/4. score: (kept,)."""
        noise = np.sqrt(self.noise_of_each * self.folds / (self.folds - 1))
        in_sd = np.divide(score, noise, out=np.full(len(score), np.inf), where=noise > 0)
        above = normal_cdf(in_sd)
        doubt: Floats = above * (1 - above)
        return doubt

    @property
    def mean_spread(self) -> float:
        """Mean square of a fit's scores within the groups, over the fits; 0 without any."""
        fitted = self.spread[np.isfinite(self.spread)]
        return float(fitted.mean()) if len(fitted) else 0.0


def nothing_yet(fold: FoldNumbers, folds: int, group: Floats) -> tuple[FoldNumbers, Floats, Floats, Floats, Floats]:
    """The fields of a `CrossFitted` before a fit is described."""
    shape, groups, kept = (len(fold), folds), len(np.unique(group)), len(group[_kept(len(group))])
    return (
        fold,
        group,
        np.full((*shape, groups), np.nan),
        np.full(shape, np.nan),
        np.full((*shape, kept), np.nan),
    )


def _kept(patients: int) -> slice:
    return slice(None, None, -(-patients // MOST_KEPT))
