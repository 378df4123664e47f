"""How the procedure fared over the trials of one setting, each figure with its Monte-Carlo standard error."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from acrcast.errors import FitError
from acrcast.studies.ld_il2_ra import STUDY
from acrcast_training.operating_characteristics.running import Outcome
from acrcast_training.operating_characteristics.trial import EFFECTS, Setting, TrialResult
from acrcast_training.select import BASELINE

Of = Callable[[TrialResult], float]


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean, a median or a share over trials. standard_error: Monte-Carlo. trials: those that it is over; NaN where too few."""

    name: str
    value: float
    standard_error: float
    trials: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures of one setting. failed: trials in which nothing could be fitted; they are in no figure."""

    setting: Setting
    trials: int
    failed: int
    figures: tuple[Figure, ...]


def summarise(setting: Setting, outcomes: Sequence[Outcome]) -> Summary:
    """Figures in the order of the table."""
    results = [outcome for outcome in outcomes if not isinstance(outcome, FitError)]
    figures = (*_choices(setting, results), *_accuracy(results), *_modifiers(setting, results))
    return Summary(setting, len(outcomes), len(outcomes) - len(results), figures)


def share(name: str, hits: Sequence[bool]) -> Figure:
    """A share of trials. The standard error is at the share with 2 hits and 2 misses more, so that it is never 0 (Agresti & Coull 1998)."""
    if not hits:
        return Figure(name, np.nan, np.nan, 0)
    near = (sum(hits) + 2) / (len(hits) + 4)
    return Figure(name, sum(hits) / len(hits), float(np.sqrt(near * (1 - near) / (len(hits) + 4))), len(hits))


def mean(name: str, values: Sequence[float]) -> Figure:
    """A mean over trials; those in which the value is NaN are not among them."""
    known = np.array(values)[~np.isnan(values)] if values else np.empty(0)
    if len(known) == 0:
        return Figure(name, np.nan, np.nan, 0)
    spread = float(known.std(ddof=1)) / float(np.sqrt(len(known))) if len(known) > 1 else np.nan
    return Figure(name, float(known.mean()), spread, len(known))


def median(name: str, values: Sequence[float]) -> Figure:
    """A median over trials, which exists where a mean does not: a slope is a ratio whose denominator may be next to 0.

    The standard error is half the distance between the quantiles that lie one standard error of the rank to either side.
    """
    known = np.array(values)[~np.isnan(values)] if values else np.empty(0)
    if len(known) < 2:
        return Figure(name, float(known[0]) if len(known) else np.nan, np.nan, len(known))
    rank = 0.5 / float(np.sqrt(len(known)))
    low, middle, high = np.quantile(known, [max(0.0, 0.5 - rank), 0.5, min(1.0, 0.5 + rank)])
    return Figure(name, float(middle), float(high - low) / 2, len(known))


def _choices(setting: Setting, results: Sequence[TrialResult]) -> Iterator[Figure]:
    for candidate in setting.candidates:
        yield share(f"chosen: {candidate}", [result.chosen == candidate for result in results])
    yield share("interval of the gain above 0", [result.gain_above_0 for result in results])


def _accuracy(results: Sequence[TrialResult]) -> Iterator[Figure]:
    of: dict[str, Of] = {
        "error of the served risk": lambda r: r.served_error,
        "error of the arm's rate": lambda r: r.rate_error,
        "served less rate": lambda r: r.served_error - r.rate_error,
        "risk, control: coverage": lambda r: r.control.coverage,
        "risk, control: width": lambda r: r.control.width,
        "risk, treated: coverage": lambda r: r.treated.coverage,
        "risk, treated: width": lambda r: r.treated.width,
        "benefit: coverage": lambda r: r.benefit.coverage,
        "benefit: width": lambda r: r.benefit.width,
        "gain, true": lambda r: r.rate.log_loss - r.served.log_loss,
        "gain, bias": lambda r: r.expected_gain - (r.rate.log_loss - r.served.log_loss),
        "C, true": lambda r: r.served.c_statistic,
        "C, bias": lambda r: r.procedure.c_statistic - r.served.c_statistic,
        "hierarchical: C, true": lambda r: r.hierarchical.c_statistic,
        "hierarchical: C, bias": lambda r: r.validated.c_statistic - r.hierarchical.c_statistic,
    }
    for name, value in of.items():
        yield mean(name, [value(result) for result in results])
    slopes: dict[str, Of] = {
        "true": lambda r: r.hierarchical.calibration_slope,
        "bias": lambda r: r.validated.calibration_slope - r.hierarchical.calibration_slope,
    }
    for name, value in slopes.items():
        yield median(f"hierarchical: slope, {name}, median", [value(result) for result in results])
    yield mean("hierarchical: slope, bias, mean", [slopes["bias"](result) for result in results])
    covered = {
        "gain, interval covers": [r.expected_covered for r in results],
        "hierarchical: gain, interval covers": [r.gain_covered for r in results],
        "hierarchical: C, interval covers": [r.c_covered for r in results],
        "hierarchical: slope, interval covers": [r.slope_covered for r in results],
    }
    for name, in_trials in covered.items():
        yield share(name, [each for each in in_trials if each is not None])
    winners = [result for result in results if result.chosen != BASELINE]
    yield mean("C, bias where a model is served", [of["C, bias"](result) for result in winners])


def _modifiers(setting: Setting, results: Sequence[TrialResult]) -> Iterator[Figure]:
    """Found: the interval excludes 0 on the right side. Falsely: on the wrong side, or on either where there is none."""
    for field, size in EFFECTS[setting.effects].interactions.items():
        label = STUDY.contract[field].measure.label
        sides = [result.interactions[field] for result in results]
        right = int(np.sign(size))
        yield share(f"{label} found", [side == right for side in sides] if right else [])
        yield share(f"{label} found falsely", [side not in (0, right) for side in sides])
