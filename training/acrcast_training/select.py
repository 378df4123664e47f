"""Which candidate serves: the simplest within one standard error of the best by cross-validated log loss."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bools, Floats
from acrcast.engine import HERE, Engine
from acrcast.estimators.candidates import CANDIDATES
from acrcast.estimators.rows import TrialRows
from acrcast.estimators.small_set import RESPONSE_RATE
from acrcast.validation.calibration import calibration_intercept
from acrcast.validation.cross_validated import CrossValidated, cross_validated_c, cross_validated_slope
from acrcast.validation.cross_validated_losses import cross_validated_gain, cross_validated_loss, losses_of
from acrcast.validation.performance import Estimate, brier_score
from acrcast.validation.resampling import cross_validated

FOLDS = 10
REPEATS = 5
BASELINE = RESPONSE_RATE
# Up to so many patients everything is repeated as often as a small trial needs.
SMALL_TRIAL = 5_000
FEWEST_FOLDS = 3


@dataclass(frozen=True, slots=True)
class CandidateResult:
    """Figures of one candidate on patients that it was not fitted to, with 95 % intervals.

    gain: log loss of quoting the arm's response rate less this candidate's, paired by patient; above 0 is better.
    c_statistic, calibration_slope: among patients of the same arm, judged by the same fit.
    """

    name: str
    log_loss: Estimate
    gain: Estimate
    brier: float
    c_statistic: Estimate
    calibration_slope: Estimate
    calibration_intercept: Estimate


@dataclass(frozen=True, slots=True)
class Comparison:
    """All candidates, in the order of preference, and the one chosen."""

    results: tuple[CandidateResult, ...]
    chosen: str
    folds: int
    repeats: int

    def __getitem__(self, name: str) -> CandidateResult:
        return next(result for result in self.results if result.name == name)

    @property
    def verdict(self) -> str:
        """What the choice means, in one sentence for whoever reads the output."""
        if self.chosen == BASELINE:
            return "No evidence for individual prediction: no candidate beats quoting the arm's response rate, so that is what is served."
        gain = self[self.chosen].gain
        if gain.low > 0:
            return f"{self.chosen} predicts better than quoting the arm's response rate."
        return (
            f"{self.chosen} is chosen, but the data cannot rule out that quoting the arm's response rate does as well."
        )


def compare(
    rows: TrialRows,
    *,
    seed: int,
    repeats: int | None = None,
    candidates: Sequence[str] = tuple(CANDIDATES),
    progress: Callable[[int], None] = lambda _: None,
    engine: Engine = HERE,
) -> Comparison:
    """Judge every candidate that applies by repeated cross-validation of its whole procedure, and choose. repeats: None is `usual_repeats`."""
    repeats = usual_repeats(len(rows)) if repeats is None else repeats
    names = applicable_candidates(rows, candidates)
    folds = folds_of(rows.y > 0)
    judged = cross_validated(rows, names, folds=folds, repeats=repeats, seed=seed, progress=progress, engine=engine)
    losses = {name: losses_of(judged[name], rows.y) for name in names}
    results = tuple(_result(name, judged[name], rows.y, losses[BASELINE]) for name in names)
    return Comparison(results, choose(losses), folds, repeats)


def as_often(usual: int, patients: int, least: int) -> int:
    """How often to repeat what is repeated `usual` times in a small trial: in inverse proportion to the patients above 5,000.

    A fit's optimism varies between resamples by the order of 1/patients, the figure itself by 1/sqrt(patients): with patients
    times repetitions held constant, the noise that resampling adds stays the same share of the figure's own uncertainty.
    """
    return max(least, min(usual, usual * SMALL_TRIAL // patients))


def usual_repeats(patients: int) -> int:
    """Repeats of the cross-validation for so many patients."""
    return as_often(REPEATS, patients, 1)


def folds_of(responded: Bools) -> int:
    """Ten folds, fewer where there are fewer responders or non-responders, so that each fold can hold one of both.

    Also fewer, down to three, of more than 5,000 patients: what a fit learns from two thirds of so many is hardly less.
    """
    responders = int(responded.sum())
    return min(as_often(FOLDS, len(responded), FEWEST_FOLDS), responders, len(responded) - responders)


def applicable_candidates(rows: TrialRows, candidates: Sequence[str] = tuple(CANDIDATES)) -> tuple[str, ...]:
    """These candidates, without the two on the prespecified set where the study names none."""
    named = bool(rows.terms.small_set)
    return tuple(name for name in candidates if named or name not in ("prespecified", "firth"))


def choose(losses: Mapping[str, Floats]) -> str:
    """The first candidate, in the order given, whose loss exceeds the best by at most one standard error of their difference.

    losses: for each candidate the (n,) log losses of the same patients.
    """
    best = min(losses, key=lambda name: float(losses[name].mean()))
    for name, loss in losses.items():
        difference = loss - losses[best]
        if difference.mean() <= difference.std(ddof=1) / np.sqrt(len(difference)):
            return name
    return best


def _result(name: str, judged: CrossValidated, y: Floats, quoted: Floats) -> CandidateResult:
    """quoted: (n,) log losses of quoting the arm's response rate."""
    return CandidateResult(
        name=name,
        log_loss=cross_validated_loss(judged, y),
        gain=cross_validated_gain(judged, y, quoted),
        brier=float(np.mean([brier_score(risk, y) for risk in judged.risk])),
        c_statistic=cross_validated_c(judged, y),
        calibration_slope=cross_validated_slope(judged, y),
        calibration_intercept=averaged([calibration_intercept(risk, y) for risk in judged.risk]),
    )


def averaged(estimates: list[Estimate]) -> Estimate:
    """Mean over repeats of a figure and of its interval's ends."""
    return Estimate(
        float(np.mean([e.value for e in estimates])),
        float(np.mean([e.low for e in estimates])),
        float(np.mean([e.high for e in estimates])),
    )
