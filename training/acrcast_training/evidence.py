"""What the report's tables and pictures rest on, as plain data: summaries and curves, no patient and no patient's values."""

from typing import Any

import numpy as np

from acrcast.arrays import Floats
from acrcast.engine import HERE, Engine
from acrcast.estimators.rows import TrialRows
from acrcast.memory import give_back
from acrcast.validation.calibration import calibration_curve, calibration_errors
from acrcast.validation.cross_validated import CrossValidated
from acrcast.validation.instability import instability
from acrcast.validation.net_benefit import CorrectedNetBenefit, net_benefit_gain
from acrcast.validation.resampling import cross_validated_in_both_arms
from acrcast_training.benefit_evidence import benefit_evidence
from acrcast_training.data.cohort import Cohort
from acrcast_training.plain import estimate, number, numbers
from acrcast_training.select import BASELINE, Comparison
from acrcast_training.subgroups import figures, subgroups
from acrcast_training.table_one import table_one
from acrcast_training.validate import ServedRisks, Validation

FORM = 1
# Where the gain over treating everyone or no one is shown with its interval.
FEW_THRESHOLDS = np.linspace(0.2, 0.8, 7)
BINS = 20
CURVE_POINTS = 61
CLASSIFY_AT = 0.5
FEWEST_IN_GROUP = 5
MOST_GROUPS = 40


def evidence(
    rows: TrialRows, cohort: Cohort, comparison: Comparison, validation: Validation, *, seed: int, engine: Engine = HERE
) -> dict[str, Any]:
    """Everything that the report shows beside the card.

    Risks here are of patients who were not fitted to: by cross-validation in the folds that chose the model, averaged over
    its repeats. Where the arm's response rate is served, no picture of individual risks is made: there are none.
    """
    judged, fits = cross_validated_in_both_arms(
        rows, comparison.chosen, folds=comparison.folds, repeats=comparison.repeats, seed=seed, engine=engine
    )
    give_back()
    own = judged.risk.mean(axis=0)
    individual = comparison.chosen != BASELINE and bool(np.isfinite(own).all())
    found: dict[str, Any] = {
        "form": FORM,
        "seed": seed,
        "resamples": len(validation.served.resampled),
        "folds": comparison.folds,
        "repeats": comparison.repeats,
        "individual": individual,
        "table_one": table_one(cohort),
        "point632plus": {
            "c_statistic": estimate(validation.optimism.c_statistic_632plus.value),
            "brier": estimate(validation.optimism.brier_632plus.value),
            "log_loss": estimate(validation.optimism.log_loss_632plus.value),
        },
        "subgroups": subgroups(cohort, judged, individual=individual),
        "everyone": figures(cohort, judged, np.ones(len(own), dtype=bool), individual=individual),
        "assessed_only": figures(cohort, judged, cohort.assessed, individual=individual),
    }
    rng = np.random.default_rng([seed, 7])
    if (benefit := benefit_evidence(cohort, fits, rng, individual=individual)) is not None:
        found["benefit"] = benefit
    give_back()
    if individual:
        found |= {
            "calibration": _calibration(own, rows.y, rng),
            "net_benefit": _net_benefit(judged, rows.y, validation.net_benefit, rng),
            "distribution": _distribution(own, rows.y),
            "instability": _instability(validation.served),
        }
    return found


def _calibration(risk: Floats, y: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """risk: (n,) of patients not fitted to."""
    errors = calibration_errors(risk, y)
    # beyond the middle 98 % of the risks a curve follows single patients
    grid = np.linspace(np.quantile(risk, 0.01), np.quantile(risk, 0.99), CURVE_POINTS)
    curve = calibration_curve(risk, y, grid=grid, rng=rng)
    return {
        "smoother": curve.smoother,
        "reason": curve.reason,
        "resamples": curve.resamples,
        "risk": numbers(curve.risk),
        "observed": numbers(curve.observed),
        "low": numbers(curve.low),
        "high": numbers(curve.high),
        "ici": number(errors.ici),
        "e50": number(errors.e50),
        "e90": number(errors.e90),
    }


def _net_benefit(
    judged: CrossValidated, y: Floats, corrected: CorrectedNetBenefit, rng: np.random.Generator
) -> dict[str, Any]:
    gain = net_benefit_gain(judged.risk.mean(axis=0), y, FEW_THRESHOLDS, rng=rng, fits=judged)
    return {
        "threshold": numbers(corrected.threshold),
        "apparent": numbers(corrected.apparent),
        "corrected": numbers(corrected.corrected),
        "treat_all": numbers(corrected.treat_all),
        "resamples": corrected.resamples,
        "failed": corrected.failed,
        "gain": {
            "threshold": numbers(gain.threshold),
            "value": numbers(gain.value),
            "low": numbers(gain.low),
            "high": numbers(gain.high),
        },
    }


def _distribution(risk: Floats, y: Floats) -> dict[str, Any]:
    """Patients in each twentieth of the risk, by outcome."""
    edges = np.linspace(0, 1, BINS + 1)
    return {
        "edges": numbers(edges),
        "responders": np.histogram(risk[y == 1], edges)[0].tolist(),
        "others": np.histogram(risk[y == 0], edges)[0].tolist(),
    }


def _instability(served: ServedRisks) -> dict[str, Any]:
    """Spread of the risks over the resamples, averaged over groups of at least five patients of nearly the same risk."""
    found = instability(served.apparent, served.resampled, thresholds=(CLASSIFY_AT,), levels=(0.025, 0.975))
    order = np.argsort(found.risk, kind="stable")
    groups = np.array_split(order, max(1, min(MOST_GROUPS, len(order) // FEWEST_IN_GROUP)))

    def of_groups(values: Floats) -> list[float | None]:
        return numbers(np.array([values[group].mean() for group in groups]))

    return {
        "resamples": found.resamples,
        "failed": found.failed,
        "mean_mape": number(found.mean_mape),
        "threshold": CLASSIFY_AT,
        "mean_classification": number(float(found.mean_classification[0])),
        "risk": of_groups(found.risk),
        "low": of_groups(found.quantiles[0]),
        "high": of_groups(found.quantiles[1]),
        "mape": of_groups(found.mape),
        "classification": of_groups(found.classification[0]),
    }
