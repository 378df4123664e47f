"""What a model's figures would be in new patients: Harrell's bootstrap correction, and .632+ beside it.

The interval is the percentile interval of the corrected values, a pivot: what a resample's fit loses between its own
resample and all patients stands for what the model loses between its patients and new ones (Davison & Hinkley 1997,
section 5.2). It is taken on the scale on which the spread depends least on the level: the log-odds of C, the square
root of the losses, the slope and intercept as they are.

True coverage of nominal 95 % in new patients, for the fitted model, over seven kinds of simulated trial, 300 of each
(47, 120 and 240 patients; eight predictors, strong or weak; maximum likelihood or shrunk):

- C .90 to 1, Brier score and log loss .90 to .99, intercept .93 to .99;
- slope .90 to .99, but .51 for a shrunk fit of weak predictors at n = 240, whose correction itself is .23 too high;
- gain in log loss .84 to .98, lowest at n = 47; around .632+, C .91 to 1, losses .79 to 1;
- location-shifted interval (Noma et al. 2021, Stat Med 40:5691), for comparison: .52 to .87 for C and the losses, and 0
  for the slope under maximum likelihood, which is 1 in every resample.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bytes, Floats
from acrcast.estimators.normal import expit, logit
from acrcast.validation.performance import Estimate, log_loss
from acrcast.validation.resampled import FIGURES, Resampled, apparent_figures, resampled_figures
from acrcast.validation.weighted import blocks, both_classes, weighted_mean

# Fewer resamples than this give no percentiles worth the name.
FEWEST_FOR_INTERVAL = 20
# Share of the patients that a bootstrap resample holds: 1 - 1/e, rounded as in Efron & Tibshirani 1997.
HELD = 0.632
NO_DISCRIMINATION = 0.5


@dataclass(frozen=True, slots=True)
class Corrected:
    """One figure with its optimism taken off.

    apparent: on the patients that the model was fitted to. optimism: mean over the resamples of the figure on the
    resample less that on all patients; below 0 for losses. corrected: apparent less optimism.
    resamples: that define the figure and were averaged. reason: why something is NaN; empty when nothing is.
    """

    apparent: float
    optimism: float
    corrected: Estimate
    resamples: int
    reason: str


@dataclass(frozen=True, slots=True)
class Point632Plus:
    """The .632+ estimate of one figure: between apparent and left out, nearer to the latter with more overfitting.

    value: with Harrell's interval, moved to it. left_out: on patients who were not in the resample. no_information:
    if risks and outcomes had nothing to do with each other. overfitting: 0 to 1. reason: why something is NaN; empty
    when nothing is.
    """

    value: Estimate
    left_out: float
    no_information: float
    overfitting: float
    reason: str


@dataclass(frozen=True, slots=True)
class Optimism:
    """Corrected figures of one model.

    resamples: given. failed, one_class: of them, those that no figure uses: the fit failed, or all outcomes were the
    same.
    """

    c_statistic: Corrected
    brier: Corrected
    log_loss: Corrected
    slope: Corrected
    intercept: Corrected
    c_statistic_632plus: Point632Plus
    brier_632plus: Point632Plus
    log_loss_632plus: Point632Plus
    resamples: int
    failed: int
    one_class: int


@dataclass(frozen=True, slots=True)
class _Scale:
    """A scale on which a figure's spread depends least on its level, and the way back."""

    to: Callable[[Floats], Floats]
    back: Callable[[Floats], Floats]


def optimism(
    y: Floats,
    apparent: Floats,
    weights: Floats | Bytes,
    risk: Floats,
    level: float = 0.95,
    *,
    arm: Floats | None = None,
) -> Optimism:
    """Harrell's correction (Harrell et al. 1996, Stat Med 15:361) and .632+ (Efron & Tibshirani 1997, JASA 92:548).

    y: (n,) 0 or 1. apparent: (n,) risks of the model fitted to all patients. weights: (B, n) how often each patient
    is in each resample, 0 left out; real weights are allowed, but leave nobody out for .632+. risk: (B, n) risks of
    all patients by the whole procedure repeated in the resample; a row that is not all numbers is a failed fit and
    counted. arm: (n,) of each patient; with it C and the slope are among patients of the same arm.
    """
    arm = np.zeros(len(y)) if arm is None else arm
    return optimism_of(y, apparent, resampled_figures(y, weights, risk, arm), arm, level)


def optimism_of(y: Floats, apparent: Floats, resampled: Resampled, arm: Floats, level: float = 0.95) -> Optimism:
    """As `optimism`, from the figures of the resamples, which were within this arm (n,)."""
    figures = apparent_figures(y, apparent, arm)
    scales = _scales(y)
    c, brier, loss, slope, intercept = (
        _corrected(figures[k], resampled.within[k], resampled.original[k], scales[k], resampled.nothing_usable, level)
        for k in range(len(FIGURES))
    )
    brier_by_chance, loss_by_chance = _no_information(y, apparent)
    return Optimism(
        c_statistic=c,
        brier=brier,
        log_loss=loss,
        slope=slope,
        intercept=intercept,
        c_statistic_632plus=_point632plus(c, resampled.left_out_c, NO_DISCRIMINATION, scales[0], worse=-1),
        brier_632plus=_point632plus(brier, resampled.left_out_loss[0], brier_by_chance, scales[1], worse=1),
        log_loss_632plus=_point632plus(loss, resampled.left_out_loss[1], loss_by_chance, scales[2], worse=1),
        resamples=resampled.given,
        failed=resampled.failed,
        one_class=resampled.one_class,
    )


class GainOfResamples:
    """Collects by how much the log loss of a first model is lower than that of a second, of resamples that come some at a time.

    A resample counts when both fits worked and it holds both outcomes.
    """

    def __init__(self, y: Floats) -> None:
        self._y = y
        self._found: list[tuple[Floats, Floats]] = []
        self._given = 0

    def add(self, weights: Floats | Bytes, first: Floats, second: Floats) -> None:
        """weights: (b, n) of the resamples. first, second: (b, n) risks of all patients by each model."""
        y = self._y
        usable = both_classes(y, weights) & np.isfinite(first).all(axis=1) & np.isfinite(second).all(axis=1)
        rows = np.flatnonzero(usable)
        self._given += len(weights)
        for block in blocks(len(rows), len(y)):
            gain = log_loss(second[rows[block]], y) - log_loss(first[rows[block]], y)
            self._found.append((weighted_mean(gain, weights[rows[block]].astype(np.float64)), gain.mean(axis=1)))

    def corrected(self, first: Floats, second: Floats, level: float = 0.95) -> Corrected:
        """first, second: (n,) risks by each model fitted to all patients. Above 0 the first is better."""
        within, original = (np.concatenate(part) for part in zip((np.empty(0), np.empty(0)), *self._found, strict=True))
        here = float(np.mean(log_loss(second, self._y) - log_loss(first, self._y)))
        return _corrected(here, within, original, _AS_IS, f"none of {self._given} resamples is usable by both", level)


def corrected_gain(
    y: Floats,
    apparent: tuple[Floats, Floats],
    weights: Floats | Bytes,
    risk: tuple[Floats, Floats],
    level: float = 0.95,
) -> Corrected:
    """Of resamples that are there together: `GainOfResamples` with apparent (n,), weights and risk (B, n)."""
    gain = GainOfResamples(y)
    gain.add(weights, *risk)
    return gain.corrected(*apparent, level)


def _corrected(
    apparent: float, within: Floats, original: Floats, scale: _Scale, nothing_usable: str, level: float
) -> Corrected:
    """nothing_usable: the reason to give where there are no resamples."""
    apparent = float(apparent)
    used = np.isfinite(within) & np.isfinite(original)
    count = int(used.sum())
    if not np.isfinite(apparent):
        reason = "not defined on these patients: risks or outcomes do not vary, or the risks separate the outcomes"
        return Corrected(apparent, float("nan"), _UNDEFINED, count, reason)
    if count == 0:
        reason = "not defined in any usable resample" if used.size else nothing_usable
        return Corrected(apparent, float("nan"), _UNDEFINED, count, reason)
    lost = float(np.mean(within[used] - original[used]))
    value = apparent - lost
    if count < FEWEST_FOR_INTERVAL:
        reason = f"no interval from fewer than {FEWEST_FOR_INTERVAL} usable resamples"
        return Corrected(apparent, lost, Estimate(value, float("nan"), float("nan")), count, reason)
    moved = scale.to(within[used]) - scale.to(original[used])
    tail = (1 - level) / 2
    ends = scale.to(np.array(value)) - np.quantile(moved - moved.mean(), [1 - tail, tail])
    low, high = scale.back(ends)
    return Corrected(apparent, lost, Estimate(value, float(low), float(high)), count, "")


def _point632plus(
    harrell: Corrected, left_out: Floats, no_information: float, scale: _Scale, *, worse: int
) -> Point632Plus:
    """left_out: of resamples, or losses of patients, NaN where undefined. worse: 1 where higher is worse, else -1."""
    known = left_out[np.isfinite(left_out)]
    if known.size == 0 or not np.isfinite(harrell.corrected.value):
        reason = harrell.reason or "no resample leaves out patients of both outcomes"
        return Point632Plus(_UNDEFINED, float("nan"), no_information, float("nan"), reason)
    apparent, out = harrell.apparent, float(known.mean())
    kept = worse * min(worse * out, worse * no_information)
    room, lost = worse * (no_information - apparent), worse * (kept - apparent)
    overfitting = lost / room if room > 0 and lost > 0 else 0.0
    share = HELD / (1 - (1 - HELD) * overfitting)
    value = (1 - share) * apparent + share * kept
    here = np.array([value, harrell.corrected.value, harrell.corrected.low, harrell.corrected.high])
    moved, centre, low, high = scale.to(here)
    low, high = scale.back(np.array([low, high]) + moved - centre)
    return Point632Plus(Estimate(value, float(low), float(high)), out, no_information, overfitting, harrell.reason)


def _no_information(y: Floats, risk: Floats) -> tuple[float, float]:
    """Mean Brier and log loss over all pairings of an outcome with a risk."""
    rate = float(y.mean())
    ones, zeros = np.ones(len(y)), np.zeros(len(y))
    return (
        rate * float(np.mean((1 - risk) ** 2)) + (1 - rate) * float(np.mean(risk**2)),
        rate * float(np.mean(log_loss(risk, ones))) + (1 - rate) * float(np.mean(log_loss(risk, zeros))),
    )


def _scales(y: Floats) -> tuple[_Scale, ...]:
    """In the order of `FIGURES`."""
    # A C of 1 is kept half a pair of patients away from it, so that its log-odds are finite.
    half_pair = 0.5 / max(1.0, float(y.sum() * (1 - y).sum()))
    log_odds = _Scale(lambda c: logit(np.clip(c, half_pair, 1 - half_pair)), expit)
    root = _Scale(lambda loss: np.sqrt(np.maximum(loss, 0.0)), lambda value: np.maximum(value, 0.0) ** 2)
    return log_odds, root, root, _AS_IS, _AS_IS


_AS_IS = _Scale(lambda value: value, lambda value: value)
_UNDEFINED = Estimate(float("nan"), float("nan"), float("nan"))
