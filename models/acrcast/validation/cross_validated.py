"""Figures of cross-validated risks, among patients of the same arm: each patient's risk is by a fit that did not see the patient.

Folds balanced by outcome within the arms leave every fit the arms' rates as they are in all patients. A difference between
the arms is then confirmed by those left out, whether it is real or not, and is no part of these figures.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bools, Floats, FoldNumbers, Integers
from acrcast.estimators.block_design import row_blocks
from acrcast.estimators.normal import expit, normal_quantile
from acrcast.validation.performance import Estimate, concordance, estimate_of_share, log_odds_of

# A fit that tells its patients apart by less than this share of what fits do on average is weighted as if by so much.
LEAST_SPREAD = 0.1
SMALLEST_SPREAD = 1e-9
# Recalibrated risks that leave less than this share of the outcome's variance as good as separate the outcomes.
LEAST_VARIANCE = 0.1
# Of at most so many patients, evenly spread over the trial, it is kept what every fit says.
MOST_KEPT = 1000
MAX_ITERATIONS = 100
LARGEST_STEP = 2.0
TOLERANCE = 1e-10
UNDEFINED = Estimate(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidated:
    """Risks by repeated cross-validation, and what each fit says of the patients that it was fitted to.

    risk: (repeats, n). fold: (repeats, n), which fit left the patient out. arm: (n,).
    centre: (repeats, folds, arms) mean, spread: (repeats, folds) mean square within the arms, of the log-odds that a fit gives
    the patients it was fitted to. distance: (repeats, folds, up to `MOST_KEPT`) of the log-odds of some patients from those means,
    whether the fit saw them or not. NaN where nothing could be fitted.
    """

    risk: Floats
    fold: FoldNumbers
    arm: Floats
    centre: Floats
    spread: Floats
    distance: Floats

    @classmethod
    def empty(cls, fold: FoldNumbers, folds: int, arm: Floats) -> "CrossValidated":
        """To be filled by `put`. fold: (repeats, n)."""
        shape = len(fold), folds
        per_arm, kept = len(np.unique(arm)), len(arm[_kept(len(arm))])
        centre, spread, distance = (np.full((*shape, *more), np.nan) for more in ((per_arm,), (), (kept,)))
        return cls(np.full(fold.shape, np.nan), fold, arm, centre, spread, distance)

    def put(self, repeat: int, fold: int, risk: Floats) -> None:
        """Keep what is needed of one fit. risk: (n,) of all patients, by the fit that left out `fold`."""
        left_out = self.fold[repeat] == fold
        self.risk[repeat, left_out] = risk[left_out]
        log_odds, stratum = log_odds_of(risk), self.stratum
        seen, arms = stratum[~left_out], self.centre.shape[2]
        with np.errstate(invalid="ignore"):
            centre = np.bincount(seen, log_odds[~left_out], minlength=arms) / np.bincount(seen, minlength=arms)
        distance = log_odds - centre[stratum]
        self.centre[repeat, fold] = centre
        self.spread[repeat, fold] = np.mean(distance[~left_out] ** 2)
        self.distance[repeat, fold] = distance[self.kept]

    @property
    def kept(self) -> slice:
        """Of whom it is kept what every fit says."""
        return _kept(len(self.arm))

    @property
    def noise_of_each(self) -> Floats:
        """(up to `MOST_KEPT`,) how much of a patient's log-odds is chance in who was fitted: the jackknife's variance, from the fits without one fold each.

        On average over patients at most the mean spread of a fit's log-odds, which it is where a fit is missing; 0 where the fits
        tell nobody apart.
        """
        folds = int(self.distance.shape[1])
        spread = self._mean_spread
        complete = np.isfinite(self.distance).all(axis=(1, 2))
        if not complete.any():
            return np.full(self.distance.shape[2], spread)
        noise: Floats = (folds - 1) * self.distance[complete].var(axis=1).mean(axis=0)
        # of fits that tell nobody apart there is only rounding
        noise[noise < SMALLEST_SPREAD] = 0
        average = float(noise.mean())
        return noise * (spread / average) if average > spread else noise

    @property
    def noise(self) -> float:
        """What share of the spread of a fit's log-odds is chance in who was fitted, 0 to 1; 1 where it cannot be told."""
        spread = self._mean_spread
        return min(1.0, float(self.noise_of_each.mean()) / spread) if spread > 0 else 1.0

    @property
    def _mean_spread(self) -> float:
        fitted = self.spread[np.isfinite(self.spread)]
        return float(fitted.mean()) if len(fitted) else 0.0

    @property
    def stratum(self) -> Integers:
        """(n,) number of each patient's arm, from 0."""
        number: Integers = np.unique(self.arm, return_inverse=True)[1]
        return number


def cross_validated_c(found: CrossValidated, y: Floats, level: float = 0.95) -> Estimate:
    """C among pairs of the same arm and fold, over all repeats.

    Risks of two fits do not compare: the one that leaves out a responder has the lower rate (Parker, Gunter & Bedo 2007, BMC
    Bioinformatics 8:326; Airola et al. 2011, Comput Stat Data Anal 55:1828). The interval is DeLong's within arms, widened because
    patients share the fits. NaN where there is no such pair.
    """
    parts = [concordance(risk, y, 2 * fold + found.arm) for risk, fold in zip(found.risk, found.fold, strict=True)]
    pairs = sum(part.pairs for part in parts)
    value = sum(part.value * part.pairs for part in parts if part.pairs) / pairs if pairs else float("nan")
    variance = float(np.mean([concordance(risk, y, found.arm).variance for risk in found.risk]))
    return estimate_of_share(value, variance * _of_shared_fits(found), level)


def cross_validated_slope(found: CrossValidated, y: Floats, level: float = 0.95) -> Estimate:
    """Slope of the logistic recalibration within arms, unbiased for the fits that were judged; 1 is ideal, below 1 risks too extreme.

    The slope of all risks together is biased downwards. Where patients contradict the other fits by chance, those that saw them
    spread their risks less; where they agree, more. The spread is what the slope is divided by, so that chance which lowers it
    counts for more. Here each fit's part is weighted by what the fit says without those it is judged on: the slope b solves
    sum of g (y - p) (l - c) / v = 0 with l the log-odds, p = expit(a + b l) with an intercept for each arm, and c and v the mean
    and the variance of l among the patients whom the fit saw. For a linear model and g = 1, b is the mean of one slope for each
    fit, each divided by something that its patients have no part in.

    All parts together are still divided by the mean of (l - c)^2 / v. Fits that saw a patient find it larger in others when the
    patient contradicts them, so that a slope is divided by more where chance makes it low than where chance makes it high. For that
    g weighs each patient's part by what fits find that did not see the patient either, see `_blind_weights`. What is left, of the
    order of 1/n because an equation in b is solved, the jackknife over patients removes (Quenouille 1956, Biometrika 43:353). Its
    variance, widened because patients share the fits, gives the interval.

    Unbiased is the mean, not the median: where the fits tell patients little apart, few estimates are far too low and most
    somewhat too high. NaN where the fits tell nobody apart, or where the risks separate the outcomes, or nearly.
    """
    equations = _equations(found, y)
    if equations is None:
        return UNDEFINED
    coefficients = _solved(equations)
    if coefficients is None:
        return UNDEFINED
    judged = equations.counted.any(axis=0)
    n = int(judged.sum())
    moved = _without_each(equations, coefficients)[judged]
    value = float(coefficients[-1]) - (n - 1) * float(moved.mean())
    variance_alone = (n - 1) / n * float(np.sum((moved - moved.mean()) ** 2))
    half = float(normal_quantile(np.array((1 + level) / 2))) * float(np.sqrt(variance_alone * _of_shared_fits(found)))
    return Estimate(value, value - half, value + half)


def _of_shared_fits(found: CrossValidated) -> float:
    """What a variance is multiplied by that takes patients for independent, although they share the fits: 1 + noise K / (K - 1).

    Each of two patients is in the fit that judges the other, and moves it by chance as much as the other does, so that their parts
    go together. Where log-odds l are sums over the fitted patients, all pairs add to the variance of the sum of (y - p) l just what
    the noise in l adds to that of its parts. If all is noise this is 1 + K n_judged / n_fitted of Nadeau & Bengio 2003 (Mach Learn
    52:239).
    """
    folds = int(found.spread.shape[1])
    return 1 + found.noise * folds / (folds - 1)


def _kept(patients: int) -> slice:
    return slice(None, None, -(-patients // MOST_KEPT))


def _both(y: Floats) -> bool:
    return bool(np.ptp(y) > 0) if len(y) else False


def _kept_apart(spread: Floats) -> Floats:
    """(repeats, folds) none of them next to 0; NaN where a fit tells nobody apart."""
    apart: Bools = spread > SMALLEST_SPREAD
    if not apart.any():
        return np.full(spread.shape, np.nan)
    floor = LEAST_SPREAD * float(np.nanmean(spread))
    return np.where(apart, np.maximum(spread, floor), np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class _Equations:
    """Z'(y - expit(X b)) = 0, for an intercept of each arm and a slope.

    members: (arms, n). counted: (repeats, n) which risks take part. log_odds, instrument: (repeats, n), 0 where not counted.
    """

    members: Bools
    counted: Bools
    log_odds: Floats
    instrument: Floats
    y: Floats

    def blocks(self) -> Iterator[tuple[slice, Floats, Floats, Floats]]:
        """Patients some at a time: who, X and Z (repeats, m, k), all 0 for who is not counted, and y (m,)."""
        repeats, arms = len(self.counted), len(self.members)
        for rows in row_blocks(len(self.y), repeats * (arms + 1) ** 2):
            of_arms = (self.members[:, rows].T * self.counted[:, rows, None]).astype(np.float64)
            X, Z = (
                np.concatenate([of_arms, column[:, rows, None]], axis=2) for column in (self.log_odds, self.instrument)
            )
            yield rows, X, Z, self.y[rows]


def _equations(found: CrossValidated, y: Floats) -> _Equations | None:
    """The equations of the slope; None where the fits tell nobody apart, or no arm has responders and others."""
    log_odds, stratum = log_odds_of(found.risk), found.stratum
    members = np.stack([(stratum == s) & _both(y[stratum == s]) for s in range(found.centre.shape[2])])
    members = members[members.any(axis=1)]
    distance, variance = _from_centre(found, log_odds, stratum)
    counted = np.isfinite(variance) & np.isfinite(log_odds) & members.any(axis=0)
    for column in (log_odds, distance):
        column[~counted] = 0
    if not distance.any():
        return None
    variance[~counted] = 1
    instrument = np.divide(distance, variance, out=variance)
    distance *= instrument
    instrument *= _blind_weights(found, distance, counted)
    return _Equations(members, counted, log_odds, instrument, y)


def _from_centre(found: CrossValidated, log_odds: Floats, stratum: Integers) -> tuple[Floats, Floats]:
    """(repeats, n) distance of the log-odds from the fit's mean in the arm, and the fit's variance; of the fit that left the patient out."""
    repeat = np.arange(len(log_odds))[:, None]
    variance: Floats = _kept_apart(found.spread)[repeat, found.fold]
    distance = found.centre[repeat, found.fold, stratum]
    return np.subtract(log_odds, distance, out=distance), variance


def _blind_weights(found: CrossValidated, ratio: Floats, counted: Bools) -> Floats:
    """(n,) exp(1 - r_i / r): r the mean ratio of all patients, r_i that of the others in the folds in which patient i is.

    To the first order r / r_i, so that parts are each divided by r_i instead of all by r; but bounded, because few patients make an
    r_i. ratio: (repeats, n) squared distance of the log-odds from the fit's mean, over the fit's variance.
    """
    others, patients = np.zeros(len(found.arm)), np.zeros(len(found.arm))
    for fold, of_repeat, here in zip(found.fold, ratio, counted, strict=True):
        others[here] += (np.bincount(fold, of_repeat)[fold] - of_repeat)[here]
        patients[here] += np.bincount(fold, here)[fold[here]] - 1
    mean = float(ratio.sum() / counted.sum())
    of_others = np.divide(others, patients, out=np.full(len(patients), mean), where=patients > 0)
    weights: Floats = np.exp(1 - of_others / mean)
    return weights


def _solved(equations: _Equations) -> Floats | None:
    """(k,) coefficients that solve the equations, by Newton's steps of bounded size; None where there are none."""
    coefficients = np.append(np.zeros(len(equations.members)), 1.0)
    for _ in range(MAX_ITERATIONS):
        score, slope = np.zeros(len(coefficients)), np.zeros((len(coefficients), len(coefficients)))
        for _, X, Z, y in equations.blocks():
            p = expit(X @ coefficients)
            score += np.einsum("rnk,rn->k", Z, y - p)
            slope += np.einsum("rnj,rnk->jk", Z, X * (p * (1 - p))[:, :, None])
        step = _step(slope, score)
        largest = float(np.max(np.abs(step)))
        if not np.isfinite(largest):
            return None
        reached, coefficients = coefficients, coefficients + step * min(1.0, LARGEST_STEP / max(largest, TOLERANCE))
        if largest < TOLERANCE:
            return coefficients if _variance_left(equations, reached) > LEAST_VARIANCE else None
    return None


def _variance_left(equations: _Equations, coefficients: Floats) -> float:
    """The mean variance of an outcome given the recalibrated risks, as a share of the outcomes' own."""
    left = [np.empty(0)]
    for rows, X, _, _ in equations.blocks():
        p = expit(X @ coefficients)
        left.append((p * (1 - p))[equations.counted[:, rows]])
    outcomes = np.broadcast_to(equations.y, equations.counted.shape)[equations.counted]
    return float(np.mean(np.concatenate(left)) / np.var(outcomes))


def _without_each(equations: _Equations, coefficients: Floats) -> Floats:
    """(n,) what leaving out each patient adds to the slope, to the second order: no further fits.

    The equations without a patient, in powers of the change d: -g - (H - h) d - T(d, d) / 2 = 0, where g and h are the patient's
    part of the equations and of their slope H, and T their curvature.
    """
    k = len(coefficients)
    H, T = np.zeros((k, k)), np.zeros((k, k, k))
    for _, X, Z, _ in equations.blocks():
        p = expit(X @ coefficients)
        w = p * (1 - p)
        H += np.einsum("rnj,rn,rnk->njk", Z, w, X).sum(axis=0)
        T += np.einsum("rnj,rnk,rnl->jkl", Z, X * (w * (1 - 2 * p))[:, :, None], X)
    moved = np.empty(len(equations.y))
    for rows, X, Z, y in equations.blocks():
        p = expit(X @ coefficients)
        g = np.einsum("rnk,rn->nk", Z, y - p)
        h = np.einsum("rnj,rn,rnk->njk", Z, p * (1 - p), X)
        first = _step(H, -g)
        curved = np.einsum("njk,nk->nj", h, first) - np.einsum("jkl,nk,nl->nj", T, first, first) / 2
        moved[rows] = (first + _step(H, curved))[:, -1]
    return moved


def _step(slope: Floats, score: Floats) -> Floats:
    """The solution of linear equations; NaN where there is none."""
    try:
        return np.asarray(np.linalg.solve(slope, score[..., None])[..., 0], dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.full(score.shape, np.nan)
