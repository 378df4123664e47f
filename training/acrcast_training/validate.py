"""What the served model's figures would be in new patients: bootstrap and nested cross-validation of the whole procedure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from acrcast.arrays import Floats, Integers
from acrcast.engine import HERE, Engine
from acrcast.estimators.candidates import CANDIDATES
from acrcast.estimators.rows import TrialRows
from acrcast.validation.calibration import calibration_intercept
from acrcast.validation.cross_validated import CrossValidated, cross_validated_c, cross_validated_slope
from acrcast.validation.cross_validated_losses import SQUARED_ERROR, cross_validated_gain, cross_validated_loss
from acrcast.validation.net_benefit import CorrectedNetBenefit, NetBenefitOfResamples
from acrcast.validation.optimism import Corrected, GainOfResamples, Optimism, optimism_of
from acrcast.validation.performance import Estimate, log_loss
from acrcast.validation.resampled import FiguresOfResamples
from acrcast.validation.resampling import bootstrap_weights, nested, resampled_risks, risks_in_batches
from acrcast_training.select import (
    BASELINE,
    SMALL_TRIAL,
    applicable_candidates,
    as_often,
    averaged,
    choose,
    folds_of,
)

RESAMPLES, FEWEST_RESAMPLES = 200, 40
NESTED_REPEATS = 2
# At which the net benefit is shown.
THRESHOLDS = np.linspace(0.1, 0.9, 81)


@dataclass(frozen=True, slots=True)
class Procedure:
    """Figures of the whole procedure, the choice of a candidate included, on patients that neither choice nor fit has seen.

    gain: of log loss over quoting the arm's response rate. c_statistic, calibration_slope: among patients of the same arm,
    judged by the same fit. chosen: how often each candidate was the choice. judged: what they are of.
    """

    log_loss: Estimate
    gain: Estimate
    brier: Estimate
    c_statistic: Estimate
    calibration_slope: Estimate
    calibration_intercept: Estimate
    chosen: Mapping[str, int]
    judged: CrossValidated = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class ServedRisks:
    """Risks of k patients, each in the own arm, by the served candidate: of all, or of a random `SMALL_TRIAL` of more.

    apparent: (k,) fitted to all patients. resampled: (B, k) fitted to each of the bootstrap resamples.
    """

    apparent: Floats
    resampled: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """Figures of the served candidate corrected for optimism, and of the procedure that chose it.

    net_benefit: at `THRESHOLDS`. served: risks that show how stable they are.
    """

    optimism: Optimism
    gain: Corrected
    net_benefit: CorrectedNetBenefit
    procedure: Procedure
    served: ServedRisks


def usual_resamples(patients: int) -> int:
    """Bootstrap resamples for so many patients."""
    return as_often(RESAMPLES, patients, FEWEST_RESAMPLES)


def nested_repeats(patients: int) -> int:
    """Repeats of the nested cross-validation for so many patients."""
    return as_often(NESTED_REPEATS, patients, 1)


def validation_steps(patients: int, folds: int, resamples: int) -> int:
    """How many resamples `validate` reports to its `progress`."""
    return 1 + resamples + nested_repeats(patients) * folds * (folds + 1)


def validate(
    rows: TrialRows,
    chosen: str,
    *,
    resamples: int,
    seed: int,
    progress: Callable[[int], None] = lambda _: None,
    engine: Engine = HERE,
) -> Validation:
    """Correct the chosen candidate's figures, and judge the procedure that chose it.

    resamples: of patients, with replacement within each arm; everything but the choice is repeated in each. The choice
    itself is repeated in nested cross-validation. progress: called with the resamples done, `validation_steps` in all.
    engine: who fits them.
    """
    # before anything is held for the resamples: it takes the most memory
    procedure = judge_procedure(rows, seed=seed, progress=progress, engine=engine)
    names = tuple(dict.fromkeys((BASELINE, chosen)))
    here = resampled_risks(rows, names, np.ones((1, len(rows))), seed=(seed, 4), progress=progress, engine=engine)
    apparent, of_rates = here[chosen][0], here[BASELINE][0]
    figures, gain = FiguresOfResamples(rows.y, rows.arm), GainOfResamples(rows.y)
    net_benefit = NetBenefitOfResamples(rows.y, THRESHOLDS)
    shown = _some(len(rows), np.random.default_rng([seed, 8]))
    resampled = np.empty((resamples, len(shown)))
    weights = bootstrap_weights(rows.arm, resamples, np.random.default_rng([seed, 5]))
    for these, risks in risks_in_batches(rows, names, weights, seed=(seed, 6), progress=progress, engine=engine):
        figures.add(weights[these], risks[chosen])
        gain.add(weights[these], risks[chosen], risks[BASELINE])
        net_benefit.add(weights[these], risks[chosen])
        resampled[these] = risks[chosen][:, shown]
        # not to be held while the next ones are fitted
        del risks
    return Validation(
        optimism=optimism_of(rows.y, apparent, figures.all(), rows.arm),
        gain=gain.corrected(apparent, of_rates),
        net_benefit=net_benefit.corrected(apparent),
        procedure=procedure,
        served=ServedRisks(apparent[shown], resampled),
    )


def _some(patients: int, rng: np.random.Generator) -> Integers:
    """Positions of all patients, or of `SMALL_TRIAL` of them."""
    if patients <= SMALL_TRIAL:
        return np.arange(patients)
    return np.sort(rng.choice(patients, SMALL_TRIAL, replace=False))


def judge_procedure(
    rows: TrialRows,
    *,
    seed: int,
    repeats: int | None = None,
    candidates: Sequence[str] = tuple(CANDIDATES),
    progress: Callable[[int], None] = lambda _: None,
    engine: Engine = HERE,
) -> Procedure:
    """Nested cross-validation: the choice among the candidates is made anew in each training part. repeats: None is `nested_repeats`."""
    folds = folds_of(rows.y > 0)
    repeats = nested_repeats(len(rows)) if repeats is None else repeats
    names = applicable_candidates(rows, candidates)
    found = nested(rows, names, choose, folds=folds, repeats=repeats, seed=seed, progress=progress, engine=engine)
    judged, y = found.judged, rows.y
    quoted = np.mean([log_loss(risk, y) for risk in found.baseline], axis=0)
    return Procedure(
        log_loss=cross_validated_loss(judged, y),
        gain=cross_validated_gain(judged, y, quoted),
        brier=cross_validated_loss(judged, y, SQUARED_ERROR),
        c_statistic=cross_validated_c(judged, y),
        calibration_slope=cross_validated_slope(judged, y),
        calibration_intercept=averaged([calibration_intercept(risk, y) for risk in judged.risk]),
        chosen=found.chosen,
        judged=judged,
    )
