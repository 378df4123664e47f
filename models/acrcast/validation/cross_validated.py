"""Figures of cross-validated risks, among patients of the same arm: each patient's risk is by a fit that did not see the patient.

Folds balanced by outcome within the arms leave every fit the arms' rates as they are in all patients. A difference between
the arms is then confirmed by those left out, whether it is real or not, and is no part of these figures.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bools, Floats, FoldNumbers
from acrcast.estimators.block_design import row_blocks
from acrcast.estimators.normal import expit, normal_quantile
from acrcast.validation.cross_fitted import EVERYBODY, CrossFitted, nothing_yet
from acrcast.validation.performance import Estimate, concordance, estimate_of_share, log_odds_of

# Recalibrated risks that leave less than this share of the outcome's variance as good as separate the outcomes.
LEAST_VARIANCE = 0.1
MAX_ITERATIONS = 100
LARGEST_STEP = 2.0
TOLERANCE = 1e-10
UNDEFINED = Estimate(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidated(CrossFitted):
    """Risks by repeated cross-validation; what each fit says is in log-odds, within the arms. risk: (repeats, n)."""

    risk: Floats

    @classmethod
    def empty(cls, fold: FoldNumbers, folds: int, arm: Floats) -> "CrossValidated":
        """To be filled by `put`. fold: (repeats, n). arm: (n,)."""
        return cls(*nothing_yet(fold, folds, arm), np.full(fold.shape, np.nan))

    def put(self, repeat: int, fold: int, risk: Floats) -> None:
        """Keep what is needed of one fit. risk: (n,) of all patients, by the fit that left out `fold`."""
        left_out = self.fold[repeat] == fold
        self.risk[repeat, left_out] = risk[left_out]
        self.describe(repeat, fold, log_odds_of(risk))

    @property
    def arm(self) -> Floats:
        """(n,)."""
        return self.group


def cross_validated_c(
    found: CrossValidated, y: Floats, level: float = 0.95, *, among: Bools | slice = EVERYBODY
) -> Estimate:
    """C among pairs of the same arm and fold, over all repeats.

    Risks of two fits do not compare: the one that leaves out a responder has the lower rate (Parker, Gunter & Bedo 2007, BMC
    Bioinformatics 8:326; Airola et al. 2011, Comput Stat Data Anal 55:1828). The interval is DeLong's within arms, widened because
    patients share the fits. among: whom to judge; all are fitted. NaN where there is no such pair.
    """
    risk, fold, arm, y = found.risk[:, among], found.fold[:, among], found.arm[among], y[among]
    parts = [concordance(of_repeat, y, 2 * number + arm) for of_repeat, number in zip(risk, fold, strict=True)]
    pairs = sum(part.pairs for part in parts)
    value = sum(part.value * part.pairs for part in parts if part.pairs) / pairs if pairs else float("nan")
    variance = float(np.mean([concordance(of_repeat, y, arm).variance for of_repeat in risk]))
    return estimate_of_share(value, variance * found.widening(len(y) / len(found.arm)), level)


def cross_validated_slope(
    found: CrossValidated, y: Floats, level: float = 0.95, *, among: Bools | slice = EVERYBODY
) -> Estimate:
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
    somewhat too high. among: whom to judge; all are fitted. NaN where the fits tell nobody apart, or where the risks separate the
    outcomes, or nearly.
    """
    equations = _equations(found, y, among)
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
    half = float(normal_quantile(np.array((1 + level) / 2))) * float(
        np.sqrt(variance_alone * found.widening(len(equations.y) / len(found.arm)))
    )
    return Estimate(value, value - half, value + half)


def _both(y: Floats) -> bool:
    return bool(np.ptp(y) > 0) if len(y) else False


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


def _equations(found: CrossValidated, y: Floats, among: Bools | slice) -> _Equations | None:
    """The equations of the slope; None where the fits tell nobody apart, or no arm has responders and others."""
    log_odds, number, y = log_odds_of(found.risk[:, among]), found.number[among], y[among]
    members = number == np.arange(found.centre.shape[2])[:, None]
    members = members[[_both(y[of_arm]) for of_arm in members]]
    distance, variance = found.from_centre(log_odds, among)
    counted = np.isfinite(variance) & np.isfinite(log_odds) & members.any(axis=0)
    for column in (log_odds, distance):
        column[~counted] = 0
    if not distance.any():
        return None
    variance[~counted] = 1
    instrument = np.divide(distance, variance, out=variance)
    distance *= instrument
    instrument *= _blind_weights(found.fold[:, among], distance, counted)
    return _Equations(members, counted, log_odds, instrument, y)


def _blind_weights(folds: FoldNumbers, ratio: Floats, counted: Bools) -> Floats:
    """(n,) exp(1 - r_i / r): r the mean ratio of all patients, r_i that of the others in the folds in which patient i is.

    To the first order r / r_i, so that parts are each divided by r_i instead of all by r; but bounded, because few patients make an
    r_i. ratio: (repeats, n) squared distance of the log-odds from the fit's mean, over the fit's variance.
    """
    others, patients = np.zeros((2, folds.shape[1]))
    for fold, of_repeat, here in zip(folds, ratio, counted, strict=True):
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
