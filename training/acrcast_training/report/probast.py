"""Checks of quality and risk of bias after the four domains of PROBAST+AI (Moons et al. 2025, BMJ 388:e082505).

The tool asks 16 questions of development and 18 of evaluation; these are what a run can be asked of them, in our own
words and with our own codes: PB1xx development, PB2xx evaluation; x1x participants, x2x predictors, x3x outcome, x4x
analysis. A code keeps its meaning for good. The judgement over a whole domain is for a person.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from acrcast_training.gates import SLOPE_LIMITS
from acrcast_training.headline import headline
from acrcast_training.report.facts import Facts

Status = Literal["passed", "failed", "cannot judge", "not applicable"]
Result = tuple[Status, str]

MUCH_MISSING = 0.4
MUCH_LOST = 0.2
MUCH_DIFFERENCE = 0.1


@dataclass(frozen=True, slots=True)
class Check:
    """One check and what the run says to it."""

    code: str
    domain: str
    question: str
    status: Status
    reason: str


def probast(facts: Facts) -> tuple[Check, ...]:
    """All checks in the order of their codes."""
    return tuple(Check(code, domain, question, *judge(facts)) for code, domain, question, judge in CHECKS)


def _source(facts: Facts) -> Result:
    if facts.simulated:
        return "failed", "The patients are simulated: nothing about real patients was learned."
    return "passed", "A trial with its outcome defined beforehand."


def _lost(facts: Facts) -> Result:
    flow = facts.card["training_data"]["flow"]
    shares = [1 - arm["assessed"] / arm["randomised"] for arm in flow if arm["randomised"]]
    worst, apart = max(shares), max(shares) - min(shares)
    said = f"not assessed: {' and '.join(f'{share:.0%}' for share in shares)}"
    if worst > MUCH_LOST or apart > MUCH_DIFFERENCE:
        return "failed", f"{said}; counted as no response, so that the outcome is in part dropout."
    return "passed", f"{said}; counted as no response."


def _all_patients(facts: Facts) -> Result:
    flow = facts.card["training_data"]["flow"]
    total = sum(arm["randomised"] for arm in flow)
    if total == facts.patients:
        return "passed", f"All {total} patients of the data are in the analysis, by intention to treat."
    return "failed", f"{facts.patients} of {total} patients are in the analysis."


def _same_definition(facts: Facts) -> Result:
    assays = facts.model.study.assays
    if assays:
        return (
            "cannot judge",
            f"Assays are named ({', '.join(assays.values())}); whether all were done so is not in the data.",
        )
    return "cannot judge", "Units and ranges were checked; how each was measured is not in the data."


def _at_baseline(_: Facts) -> Result:
    return "passed", "Only baseline fields belong to the patient's contract; follow-up values cannot enter."


def _much_missing(facts: Facts) -> Result:
    shares = facts.card["training_data"]["missing_share"]
    worst = max(shares.values(), default=0.0)
    said = f"the most incomplete measure lacks {worst:.0%}"
    return ("failed" if worst > MUCH_MISSING else "passed"), f"{said}; the limit here is {MUCH_MISSING:.0%}."


def _outcome_defined(facts: Facts) -> Result:
    return "passed", f"{facts.model.study.endpoint.title}, by one rule for every patient."


def _outcome_blind(_: Facts) -> Result:
    return "cannot judge", "Blinding of the assessment is not in the data."


def _size(facts: Facts) -> Result:
    return ("passed" if facts.enough_patients else "failed"), str(facts.card["sample_size"]["verdict"])


def _no_screening(_: Facts) -> Result:
    return "passed", "No univariable screening, no stepwise selection, no rebalancing: none is offered."


def _continuous_kept(_: Facts) -> Result:
    return "passed", "Numbers are not cut into classes; linearity on their scale is an assumption."


def _missing_rule(facts: Facts) -> Result:
    if not facts.card["training_data"]["missing_share"]:
        return "not applicable", "No covariate is missing."
    return "passed", facts.missing_rule


def _overfitting(_: Facts) -> Result:
    return "passed", "Penalties or priors, and every step repeated inside each resample."


def _beats_rate(facts: Facts) -> Result:
    if not facts.individual:
        return "not applicable", "The arm's response rate itself is served."
    ends = facts.gain_interval
    if ends is None:
        return "cannot judge", "No interval of the corrected gain."
    said = f"corrected gain of log loss, 95 % interval {ends[0]:.3f} to {ends[1]:.3f}"
    return ("passed" if ends[0] > 0 else "failed"), f"{said}."


def _external(_: Facts) -> Result:
    return "failed", "Not externally validated: no new patients were used."


def _not_seen(facts: Facts) -> Result:
    return (
        "passed",
        f"Resampling by patient, {facts.evidence['resamples']} bootstrap resamples; nothing learned from a patient judges the patient.",
    )


def _choice_inside(_: Facts) -> Result:
    return "passed", "The choice of the candidate is repeated inside nested cross-validation."


def _failed_fits(facts: Facts) -> Result:
    found = facts.card["validation"]["optimism"]
    return (
        "passed" if found["failed"] == 0 else "failed"
    ), f"{found['failed']} of {found['resamples']} resamples failed."


def _slope(facts: Facts) -> Result:
    if not facts.individual:
        return "not applicable", "A constant has no calibration slope."
    slope = headline(facts.card).slope
    if slope is None:
        return "cannot judge", "The corrected slope does not exist."
    low, high = SLOPE_LIMITS
    inside = low <= slope.value <= high
    return ("passed" if inside else "failed"), f"corrected slope {slope.value:.2f}; limits {low} to {high}."


def _measures(facts: Facts) -> Result:
    if not facts.individual:
        return "not applicable", "A constant has neither discrimination nor a calibration curve."
    return "passed", "Discrimination, calibration with its curve, and net benefit, each with an interval or a band."


def _subgroups(facts: Facts) -> Result:
    parts = facts.evidence["subgroups"]
    few = sum(part["too_few"] for part in parts)
    if not parts:
        return "not applicable", "The study names no subgroups."
    if few:
        return "cannot judge", f"{few} of {len(parts)} subgroups are too few to judge."
    return "passed", f"All {len(parts)} subgroups have enough patients to be shown."


def _protocol(_: Facts) -> Result:
    return "cannot judge", "Whether the analysis was laid down beforehand is not in the data."


CHECKS: tuple[tuple[str, str, str, Callable[[Facts], Result]], ...] = (
    ("PB111", "Participants", "Are the data those of real patients, from a fitting design?", _source),
    ("PB112", "Participants", "Are all patients of the data in the analysis?", _all_patients),
    ("PB113", "Participants", "Were nearly all patients assessed, alike in each arm?", _lost),
    ("PB121", "Predictors", "Was each predictor defined and measured alike in all?", _same_definition),
    ("PB122", "Predictors", "Are all predictors known when the model would be used?", _at_baseline),
    ("PB123", "Predictors", "Is each predictor known in most patients?", _much_missing),
    (
        "PB131",
        "Outcome",
        "Is the outcome defined by one rule that excludes the predictors' follow-up?",
        _outcome_defined,
    ),
    ("PB132", "Outcome", "Was the outcome assessed without knowledge of arm and predictors?", _outcome_blind),
    ("PB141", "Analysis", "Are there enough patients?", _size),
    ("PB142", "Analysis", "Were predictors kept or dropped without looking one by one at the outcome?", _no_screening),
    ("PB143", "Analysis", "Were numbers kept as numbers?", _continuous_kept),
    ("PB144", "Analysis", "Are missing values handled as they will be in use?", _missing_rule),
    ("PB145", "Analysis", "Was overfitting held down?", _overfitting),
    ("PB146", "Analysis", "Does the model beat quoting the response rate?", _beats_rate),
    ("PB211", "Participants", "Was it evaluated in new patients?", _external),
    ("PB212", "Participants", "Is every headline figure corrected, or of patients who were not fitted to?", _not_seen),
    ("PB241", "Analysis", "Is the choice of the model inside the validation?", _choice_inside),
    ("PB242", "Analysis", "Did every resample give a fit?", _failed_fits),
    ("PB243", "Analysis", "Is the corrected calibration slope within its limits?", _slope),
    ("PB244", "Analysis", "Are discrimination, calibration and usefulness all shown?", _measures),
    ("PB245", "Analysis", "Can the model be judged in every key subgroup?", _subgroups),
    ("PB246", "Analysis", "Was the analysis laid down beforehand?", _protocol),
)
