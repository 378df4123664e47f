"""Fitting a model to new patients: keep it, move its intercept, recalibrate it or revise it, chosen by closed testing."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from acrcast.arrays import Floats
from acrcast.estimators.newton import fit_logistic
from acrcast.estimators.normal import expit, log1p_exp

UpdateName = Literal["original", "intercept", "recalibration", "revision"]

ALPHA = 0.05
# A fit separates the outcomes where some direction of its coefficients has less than this share of the information that
# risks of one half would give it: the patients who inform it all have log-odds beyond 20, and they would grow for ever.
SEPARATED_SHARE = 1e-9
SMALLEST_EIGENVALUE = 1e-10
SMALLEST_SPREAD = 1e-9
MAX_ITERATIONS = 200
TOLERANCE = 1e-13


@dataclass(frozen=True, slots=True)
class Update:
    """A model as adapted to new patients.

    coefficients: (0,) for `original`; (1,) what is added to the log-odds for `intercept`; (2,) intercept and slope on the
    log-odds for `recalibration`; (p,) on the columns of X for `revision`. information: (k, k) their negative Hessian.
    parameters: how many the data determine, fewer than k where columns depend on each other. log_likelihood: of the new
    patients. finite: False where no finite coefficients have the largest likelihood, because the outcomes are all the
    same or some are perfectly separated; the coefficients are then not to be used.
    """

    name: UpdateName
    coefficients: Floats
    information: Floats
    parameters: int
    log_likelihood: float
    finite: bool

    def log_odds(self, X: Floats, original_log_odds: Floats) -> Floats:
        """(n,) log-odds by this update. X: (n, p) as in `revise`. original_log_odds: (n,) of the model as it was."""
        if self.name == "revision":
            revised: Floats = X @ self.coefficients
            return revised
        if self.name == "recalibration":
            intercept, slope = self.coefficients
            recalibrated: Floats = intercept + slope * original_log_odds
            return recalibrated
        return original_log_odds + float(self.coefficients.sum())


@dataclass(frozen=True, slots=True)
class ClosedTest:
    """The four updates and which of them the new data ask for.

    tested_against: the most flexible update that has finite coefficients, `revision` unless the data are too few.
    p_value: of each simpler update against that one. reason: why `tested_against` is not `revision`, else None.
    """

    updates: dict[UpdateName, Update]
    p_value: dict[UpdateName, float]
    selected: UpdateName
    tested_against: UpdateName
    reason: str | None


def keep(y: Floats, original_log_odds: Floats) -> Update:
    """The model as it is."""
    likelihood = _log_likelihood(y, original_log_odds)
    return Update("original", np.empty(0), np.empty((0, 0)), 0, likelihood, finite=True)


def update_intercept(y: Floats, original_log_odds: Floats) -> Update:
    """The model with another intercept: logistic regression with its log-odds as offset. y, original_log_odds: (n,)."""
    if np.ptp(y) == 0:
        return Update("intercept", np.full(1, np.nan), np.zeros((1, 1)), 1, 0.0, finite=False)
    # The intercept that fits the log-odds of even the most extreme patient lies within this.
    high = float(np.abs(original_log_odds).max()) + math.log(len(y)) + 1
    low = -high
    intercept, information = 0.0, 0.0
    for _ in range(MAX_ITERATIONS):
        mean = expit(original_log_odds + intercept)
        excess, information = float(np.sum(y - mean)), float(np.sum(mean * (1 - mean)))
        low, high = (intercept, high) if excess > 0 else (low, intercept)
        step = excess / information if information > 0 else math.inf
        if abs(step) < TOLERANCE * (1 + abs(intercept)):
            break
        # Half the bracket where Newton's step leads out of it.
        intercept = intercept + step if low < intercept + step < high else (low + high) / 2
    likelihood = _log_likelihood(y, original_log_odds + intercept)
    return Update("intercept", np.array([intercept]), np.array([[information]]), 1, likelihood, finite=True)


def recalibrate(y: Floats, original_log_odds: Floats) -> Update:
    """The model with another intercept and slope: logistic regression on its log-odds (Cox 1958, Biometrika 45:562).

    Not finite where the log-odds do not vary.
    """
    if np.ptp(original_log_odds) < SMALLEST_SPREAD:
        return Update("recalibration", np.full(2, np.nan), np.zeros((2, 2)), 1, math.nan, finite=False)
    return _fit("recalibration", np.column_stack([np.ones(len(y)), original_log_odds]), y)


def revise(X: Floats, y: Floats) -> Update:
    """The model with all coefficients estimated anew by maximum likelihood. X: (n, p), its first column ones."""
    return _fit("revision", X, y)


def closed_testing(X: Floats, y: Floats, original_log_odds: Floats, alpha: float = ALPHA) -> ClosedTest:
    """The least change that the new data do not reject at level alpha: Vergouwe et al. 2017, Stat Med 36:4529.

    X: (n, p) columns of the revised model, the first of ones, among whose combinations the original log-odds are.
    y: (n,) 0 or 1. original_log_odds: (n,) of the model as it was. No missing values: ValueError.
    The original, then the new intercept, then the recalibration is tested against the revision by its likelihood ratio
    with p, p - 1 and p - 2 degrees of freedom, p the rank of X; the first that is not rejected is selected. Where the
    revision has no finite coefficients the recalibration stands in its place, and the intercept in the place of that;
    with one outcome only the original is kept untested.
    """
    if not (np.isfinite(X).all() and np.isfinite(y).all() and np.isfinite(original_log_odds).all()):
        raise ValueError("closed testing: expected finite columns, outcomes and log-odds")
    updates: dict[UpdateName, Update] = {
        "original": keep(y, original_log_odds),
        "intercept": update_intercept(y, original_log_odds),
        "recalibration": recalibrate(y, original_log_odds),
        "revision": revise(X, y),
    }
    finite = [name for name in updates if updates[name].finite]
    largest = finite.pop()
    p_value = {name: _p_value(updates[name], updates[largest]) for name in finite}
    return ClosedTest(
        updates=updates,
        p_value=p_value,
        selected=next((name for name in finite if p_value[name] >= alpha), largest),
        tested_against=largest,
        reason=_why_not_revised(y, largest),
    )


def chi_squared_survival(statistic: float, degrees_of_freedom: int) -> float:
    """Probability of a larger chi-squared value. degrees_of_freedom: at least 1, else ValueError.

    The regularised upper incomplete gamma function Q(df / 2, statistic / 2) by its recurrence from Q(1/2, x) = erfc(sqrt x)
    or Q(1, x) = exp(-x), all of whose terms are positive: exact to rounding in both tails (DLMF 8.8.2). NaN gives NaN.
    """
    if degrees_of_freedom < 1:
        raise ValueError("degrees of freedom: expected at least 1")
    x = statistic / 2
    if math.isnan(x):
        return math.nan
    if x <= 0:
        return 1.0
    if x == math.inf:
        return 0.0
    odd = degrees_of_freedom % 2 == 1
    survival = math.erfc(math.sqrt(x)) if odd else math.exp(-x)
    shape = 0.5 if odd else 1.0
    while shape < degrees_of_freedom / 2:
        survival += math.exp(shape * math.log(x) - x - math.lgamma(shape + 1))
        shape += 1
    return min(1.0, survival)


def _fit(name: UpdateName, X: Floats, y: Floats) -> Update:
    """Maximum likelihood in coordinates in which the columns are uncorrelated and of mean square 1."""
    scale = np.sqrt(np.mean(X * X, axis=0))
    scale[scale == 0] = 1
    values, vectors = np.linalg.eigh(X.T @ X / len(y) / np.outer(scale, scale))
    known = values > SMALLEST_EIGENVALUE
    coordinates = vectors[:, known] / np.sqrt(values[known]) / scale[:, None]
    fit = fit_logistic((X @ coordinates)[None], y, np.ones((1, len(y))), np.zeros(int(known.sum())))
    coefficients = coordinates @ fit.coefficients[0]
    mean = expit(X @ coefficients)
    return Update(
        name=name,
        coefficients=coefficients,
        information=X.T @ (X * (mean * (1 - mean))[:, None]),
        parameters=int(known.sum()),
        log_likelihood=float(fit.log_likelihood[0]),
        finite=bool(np.ptp(y) > 0) and not _separates(fit.information[0] / len(y)),
    )


def _separates(information: Floats) -> bool:
    """Whether the fit predicts some patients perfectly. information: per patient, on uncorrelated columns of mean square 1."""
    return bool(np.linalg.eigvalsh(4 * information).min() < SEPARATED_SHARE)


def _p_value(simpler: Update, larger: Update) -> float:
    """1 where the larger has no more parameters: both are the same model."""
    statistic = 2 * (larger.log_likelihood - simpler.log_likelihood)
    more = larger.parameters - simpler.parameters
    return chi_squared_survival(statistic, more) if more > 0 else 1.0


def _log_likelihood(y: Floats, log_odds: Floats) -> float:
    return float(np.sum(y * log_odds - log1p_exp(log_odds)))


def _why_not_revised(y: Floats, largest: UpdateName) -> str | None:
    if largest == "revision":
        return None
    if np.ptp(y) == 0:
        return "all outcomes are the same"
    return "the revised model separates the outcomes perfectly: too few patients for its coefficients"
