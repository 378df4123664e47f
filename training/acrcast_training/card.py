"""The model card as plain data: what whoever relies on a prediction should know of the model."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from acrcast.contract import Contract
from acrcast.validation.performance import Estimate
from acrcast.validation.sample_size import SampleSize
from acrcast_training.data.cohort import Cohort, flow
from acrcast_training.select import CandidateResult, Comparison
from acrcast_training.validate import Procedure, Validation

NOT_VALIDATED = "Not externally validated: these figures come from the patients it was trained on, by cross-validation."
LOGISTIC_ASSUMES = "Effects are linear in log-odds on each measure's own scale; only the named effect modifiers act differently in the arms."
# docs/decisions/0010-intervals-of-boosted-trees.md
TREES_COVERAGE = (
    "Intervals about boosted trees rest on a linear model and on how far the trees are from it. Where 0.95 is meant, they covered "
    "0.97 or more in simulated trials with linear effects, and 0.81 to 0.98 (risks) and 0.86 to 0.96 (benefit) with effects that "
    "were steps or interactions of two measures."
)
TREES_ASSUME = "Effects are steps in one measure or two together; where the study expects a direction, they keep to it."


def model_card(
    cohort: Cohort,
    comparison: Comparison,
    validation: Validation,
    needed: SampleSize,
    accepted: Mapping[str, int],
) -> dict[str, Any]:
    """Everything of the card that the run itself can tell."""
    study = cohort.study
    return {
        "title": study.title,
        "intended_use": study.intended_use,
        "endpoint": study.endpoint.title,
        "arms": {arm.key: arm.title for arm in study.arms},
        "training_data": {
            "kind": cohort.data_kind,
            "patients": len(cohort),
            "fingerprint": cohort.fingerprint,
            **mapping_of(cohort),
            "analysis": "intention to treat, non-responder imputation",
            "flow": [
                {
                    "arm": arm.arm,
                    "randomised": arm.randomised,
                    "assessed": arm.assessed,
                    "responders": arm.responders,
                    "responders_per_protocol": arm.responders_per_protocol,
                }
                for arm in flow(cohort)
            ],
            "accepted_problems": dict(accepted),
            "missing_share": missing_shares(study.contract, cohort),
        },
        "candidate": comparison.chosen,
        "verdict": comparison.verdict,
        "validation": {
            "choice": f"{comparison.repeats} x {comparison.folds}-fold cross-validation of the whole procedure",
            "externally_validated": False,
            "procedure": _procedure(validation.procedure),
            "optimism": _optimism(validation),
            "candidates": {result.name: _figures(result) for result in comparison.results},
        },
        "sample_size": {
            "patients": len(cohort),
            "needed": needed.patients,
            "parameters": needed.parameters,
            "r2_cox_snell_assumed": round(needed.r2_cox_snell, 6),
            "verdict": needed.verdict(len(cohort)),
        },
        "assumptions": [
            TREES_ASSUME if comparison.chosen == "xgboost" else LOGISTIC_ASSUMES,
            "A measure that is missing says nothing by being missing, given those that were taken.",
        ],
        "interval_is_of": "this patient's risk given everything that was measured; it holds the uncertainty of estimation only",
        "cautions": cautions(comparison, needed, len(cohort)),
    }


def mapping_of(cohort: Cohort) -> dict[str, str]:
    """The SHA-256 of the mapping by which the data were read, where there was one."""
    return {"mapping": cohort.mapping} if cohort.mapping is not None else {}


def missing_shares(contract: Contract, cohort: Cohort) -> dict[str, float]:
    """Share of the patients in whom each measure is missing; what nobody lacks is absent."""
    shares = np.isnan(cohort.covariates.values).mean(axis=0)
    return {
        field.name: round(float(share), 4)
        for field, share in zip(contract.covariates, shares, strict=True)
        if share > 0
    }


def _optimism(validation: Validation) -> dict[str, Any]:
    """Figures of the served candidate, corrected by the bootstrap."""
    found = validation.optimism
    corrected = {
        "gain_over_prevalence": validation.gain,
        "log_loss": found.log_loss,
        "brier": found.brier,
        "c_statistic": found.c_statistic,
        "calibration_slope": found.slope,
        "calibration_intercept": found.intercept,
    }
    return {
        "method": "Harrell's bootstrap of the served candidate's whole procedure, patients within arms",
        "resamples": found.resamples,
        "failed": found.failed + found.one_class,
        "figures": {
            name: {"apparent": round(c.apparent, 6), "optimism": round(c.optimism, 6), **figure_of(c.corrected)}
            for name, c in corrected.items()
            if np.isfinite(c.corrected.value)
        },
    }


def _procedure(procedure: Procedure) -> dict[str, Any]:
    """Figures with the choice of a candidate inside."""
    estimates = {
        "log_loss": procedure.log_loss,
        "gain_over_prevalence": procedure.gain,
        "brier": procedure.brier,
        "c_statistic": procedure.c_statistic,
        "calibration_slope": procedure.calibration_slope,
        "calibration_intercept": procedure.calibration_intercept,
    }
    return {
        "method": "nested cross-validation, the choice repeated in each training part",
        "chosen": dict(procedure.chosen),
        "figures": {name: figure_of(e) for name, e in estimates.items() if np.isfinite(e.value)},
    }


def figure_of(estimate: Estimate) -> dict[str, Any]:
    """A figure as a card has it; without its interval where that could not be computed."""
    ends = [estimate.low, estimate.high]
    shown: dict[str, Any] = {"value": round(estimate.value, 6)}
    return shown | ({"interval": [round(end, 6) for end in ends]} if np.isfinite(ends).all() else {})


def _figures(result: CandidateResult) -> dict[str, Any]:
    """Figures with their intervals; one that cannot be computed is absent."""
    estimates = {
        "log_loss": result.log_loss,
        "gain_over_prevalence": result.gain,
        "c_statistic": result.c_statistic,
        "calibration_slope": result.calibration_slope,
        "calibration_intercept": result.calibration_intercept,
    }
    figures: dict[str, Any] = {name: figure_of(e) for name, e in estimates.items() if np.isfinite(e.value)}
    return figures | {"brier": round(result.brier, 6)}


def cautions(comparison: Comparison, needed: SampleSize, patients: int) -> list[str]:
    """What whoever reads a prediction should be warned of."""
    found = [NOT_VALIDATED]
    if patients < needed.patients:
        found.append(f"Trained on {patients} patients, where a model of all measures needs about {needed.patients}.")
    if comparison.chosen == "prevalence":
        found.append("No evidence for individual prediction: the probability is the arm's response rate.")
    elif comparison[comparison.chosen].gain.low <= 0:
        found.append("The data cannot rule out that quoting the arm's response rate does as well.")
    if comparison.chosen == "xgboost":
        found.append(TREES_COVERAGE)
    return found
