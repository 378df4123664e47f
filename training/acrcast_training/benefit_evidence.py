"""What two arms allow to be said of the benefit: the average effect, and whether the predicted benefits hold."""

from typing import Any

import numpy as np

from acrcast.arrays import Bools, Floats
from acrcast.memory import give_back
from acrcast.validation.average_effect import average_effect
from acrcast.validation.benefit_calibration import benefit_calibration
from acrcast.validation.benefit_decisions import TreatmentPolicy, treatment_policies
from acrcast.validation.benefit_pairs import paired_benefit
from acrcast.validation.benefit_ranking import benefit_ranking
from acrcast.validation.cross_validated_benefits import CrossValidatedBenefits
from acrcast.validation.randomised import NotApplicable, Randomised, two_arms
from acrcast_training.data.cohort import Cohort
from acrcast_training.plain import estimate, number, numbers

# Least benefit worth the treatment, in responders per patient, for which the policy is judged.
LEAST_BENEFITS = (0.0, 0.05, 0.1, 0.15, 0.2)
CURVE_STEP = 4


def benefit_evidence(
    cohort: Cohort, fits: CrossValidatedBenefits, rng: np.random.Generator, *, individual: bool
) -> dict[str, Any] | None:
    """None with one arm; the average effect alone where patients of an arm all have the same risk.

    fits: their risks in both arms, averaged over the repeats. The share of patients in the treated arm stands for the allocation.
    """
    allocation, (control_risk, treated_risk) = float(cohort.treated.mean()), fits.risk.mean(axis=1)
    patients = _randomised(cohort, slice(None), control_risk, treated_risk, allocation=allocation)
    if isinstance(patients, NotApplicable):
        return None
    average = average_effect(patients)
    found: dict[str, Any] = {
        "average": {
            "treated_rate": estimate(average.treated_rate),
            "control_rate": estimate(average.control_rate),
            "observed": estimate(average.observed),
            "adjusted": estimate(average.adjusted),
            "predicted": estimate(average.predicted),
        },
        "per_protocol": _per_protocol(cohort, control_risk, treated_risk),
    }
    return found | (_individual(patients, fits, rng) if individual else {})


def _per_protocol(cohort: Cohort, control_risk: Floats, treated_risk: Floats) -> list[float | None] | None:
    """Difference of the response rates among the assessed; None when an arm has none."""
    patients = _randomised(cohort, cohort.assessed, control_risk, treated_risk)
    return None if isinstance(patients, NotApplicable) else estimate(average_effect(patients).observed)


def _randomised(
    cohort: Cohort, kept: Bools | slice, control_risk: Floats, treated_risk: Floats, allocation: float = 0.5
) -> Randomised | NotApplicable:
    """kept: (n,) who is among them."""
    responded = cohort.responded[kept].astype(np.float64)
    of_control = control_risk[kept] if cohort.study.has_control else None
    return two_arms(responded, cohort.treated[kept], of_control, treated_risk[kept], allocation)


def _individual(patients: Randomised, fits: CrossValidatedBenefits, rng: np.random.Generator) -> dict[str, Any]:
    calibration = benefit_calibration(patients, fits=fits)
    policies = treatment_policies(patients, LEAST_BENEFITS, fits=fits)
    ranking = benefit_ranking(patients, rng, fits=fits)
    give_back()
    pairs = paired_benefit(patients, rng)
    curve = ranking.curve
    return {
        "in_the_large": estimate(calibration.in_the_large),
        "slope": estimate(calibration.slope),
        "groups": [
            {
                "treated": group.treated,
                "control": group.control,
                "predicted": number(group.predicted),
                "observed": estimate(group.observed),
            }
            for group in calibration.groups
        ],
        "policies": [_policy(policy) for policy in policies],
        "qini": estimate(ranking.qini),
        "autoc": estimate(ranking.autoc),
        "curve": {
            name: numbers(getattr(curve, name)[::CURVE_STEP]) for name in ("share", "gain", "low", "high", "at_random")
        },
        "c_for_benefit": estimate(pairs.c_for_benefit),
        "pairs": pairs.pairs,
        "distribution": _distribution(patients.benefit),
    }


def _policy(policy: TreatmentPolicy) -> dict[str, Any]:
    return {
        "threshold": policy.threshold,
        "share": number(policy.share),
        "response": estimate(policy.response),
        "over_none": estimate(policy.over_none),
        "over_all": estimate(policy.over_all),
        "net": estimate(policy.net),
    }


def _distribution(benefit: Floats) -> dict[str, Any]:
    """Patients in each twentieth of the predicted benefit."""
    edges = np.linspace(-1, 1, 41)
    return {"edges": numbers(edges), "patients": np.histogram(benefit, edges)[0].tolist()}
