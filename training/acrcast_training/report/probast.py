"""The signalling questions of PROBAST+AI (Moons et al. 2025, BMJ 388:e082505) that a run can answer, and a few of our own.

Numbers are the official ones of its two parts, 16 of development and 18 of evaluation; the words are ours. Domains 1 to 3
ask the same of both, and get one answer here, because evaluation is on resamples of the patients of development. The
judgement over a domain, and applicability, are for a person.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from acrcast.headline import headline
from acrcast.studies import AcrResponse
from acrcast.validation.calibration import SLOPE_LIMITS
from acrcast_training.report.facts import Facts
from acrcast_training.report.tables import shown

Status = Literal["passed", "failed", "cannot judge", "not applicable"]
Part = Literal["both", "development", "evaluation", "further"]
Result = tuple[Status, str]

DOMAINS: Mapping[str, str] = {"1": "Participants and data sources", "2": "Predictors", "3": "Outcome", "4": "Analysis"}
MUCH_MISSING = 0.4
MUCH_LOST = 0.2
MUCH_DIFFERENCE = 0.1
MANY_FAILED = 0.1
# Of responders and of non-responders, to judge a model by (Collins, Ogundimu & Altman 2016, Stat Med 35:214).
ENOUGH_OF_EACH = 100


@dataclass(frozen=True, slots=True)
class Check:
    """One question and what the run says to it. number: within its part; domain: empty for a further one."""

    part: Part
    number: str
    domain: str
    question: str
    status: Status
    reason: str


def probast(facts: Facts) -> tuple[Check, ...]:
    """All checks in the order of their numbers, the further ones last."""
    return tuple(
        Check(part, number, DOMAINS.get(number[0], ""), question, *judge(facts))
        for part, number, question, judge in CHECKS
    )


def percent(share: float) -> str:
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def _source(facts: Facts) -> Result:
    if facts.simulated:
        return "failed", "The patients are simulated: nothing about real patients was learned."
    return "passed", "Data of a trial."


def _design(_: Facts) -> Result:
    return "cannot judge", "How the study was designed and conducted is not in the data."


def _representative(facts: Facts) -> Result:
    total = sum(arm["randomised"] for arm in facts.card["training_data"]["flow"])
    if total != facts.patients:
        return "failed", f"{facts.patients} of {total} patients are in the analysis."
    return (
        "cannot judge",
        f"All {total} patients of the data are in the analysis; whom they represent is not in the data.",
    )


def _same_definition(facts: Facts) -> Result:
    assays = facts.model.study.assays
    if assays:
        return (
            "cannot judge",
            f"Assays are named ({', '.join(assays.values())}); whether all were done so is not in the data.",
        )
    return "cannot judge", "Units and ranges were checked; how each was measured is not in the data."


def _same_preparation(_: Facts) -> Result:
    return "passed", "One rule of scale, standardisation and missing values for every patient."


def _predictors_blind(_: Facts) -> Result:
    return "cannot judge", "All are of baseline; whether any was read when the outcome was known is not in the data."


def _available(facts: Facts) -> Result:
    worst = max(facts.card["training_data"]["missing_share"].values(), default=0.0)
    said = "Only baseline fields belong to the patient's contract; follow-up values cannot enter"
    if worst > MUCH_MISSING:
        return "failed", f"{said}; but {percent(worst)} lack the most incomplete one, above {percent(MUCH_MISSING)}."
    return "passed", f"{said}. {percent(worst)} lack the most incomplete one."


def _outcome_defined(facts: Facts) -> Result:
    return "passed", f"{facts.model.study.endpoint.title}, as the study names it before any fit."


def _outcome_alike(facts: Facts) -> Result:
    flow = facts.card["training_data"]["flow"]
    shares = [1 - arm["assessed"] / arm["randomised"] for arm in flow if arm["randomised"]]
    worst, apart = max(shares), max(shares) - min(shares)
    said = f"One rule for every patient. Not assessed: {' and '.join(map(percent, shares))}, counted as no response"
    if worst > MUCH_LOST or apart > MUCH_DIFFERENCE:
        return "failed", f"{said}, so that the outcome is in part dropout."
    return "passed", f"{said}."


def _outcome_blind(facts: Facts) -> Result:
    said = "Blinding of the assessment is not in the data."
    if isinstance(facts.model.study.endpoint, AcrResponse):
        said += " Response is change from baseline, so that baseline core-set measures are a part of it."
    return "cannot judge", said


def _interval(facts: Facts) -> Result:
    endpoint = facts.model.study.endpoint
    if isinstance(endpoint, AcrResponse):
        return "passed", f"From baseline to week {endpoint.week} for every patient, as scheduled."
    return "cannot judge", "When the outcome was assessed is not in the data beyond its name."


def _size(facts: Facts) -> Result:
    return ("passed" if facts.enough_patients else "failed"), str(facts.card["sample_size"]["verdict"])


def _kept_whole(_: Facts) -> Result:
    return "passed", "Numbers are not cut into classes; linearity on their scale is an assumption."


def _missing_rule(facts: Facts) -> Result:
    data = facts.card["training_data"]
    lost = sum(arm["randomised"] - arm["assessed"] for arm in data["flow"])
    if not data["missing_share"] and not lost:
        return "not applicable", "Nothing is missing."
    outcome = "Nobody is left out: whoever was not assessed counts as not responding."
    return "passed", f"{outcome} {facts.missing_rule}" if data["missing_share"] else outcome


def _no_rebalancing(_: Facts) -> Result:
    return "not applicable", "No rebalancing: none is offered."


def _overfitting(_: Facts) -> Result:
    return "passed", "Penalties or priors; no screening of predictors one by one against the outcome, none is offered."


def _not_only_apparent(facts: Facts) -> Result:
    method = facts.card["validation"]
    return (
        "passed",
        f"{method['choice'].capitalize()}, and {method['optimism']['resamples']} bootstrap resamples. No external evaluation.",
    )


def _enough_to_judge(facts: Facts) -> Result:
    responders = sum(arm["responders"] for arm in facts.card["training_data"]["flow"])
    others = facts.patients - responders
    enough = min(responders, others) >= ENOUGH_OF_EACH
    said = f"{responders} responders and {others} others; {ENOUGH_OF_EACH} of each are wanted."
    return ("passed" if enough else "failed"), said


def _no_leak(_: Facts) -> Result:
    return "passed", "Every split is by patient; nothing learned from a patient judges that patient."


def _steps_repeated(facts: Facts) -> Result:
    found = facts.card["validation"]["optimism"]
    said = (
        "Preparation, tuning and fit are repeated in every resample, the choice of the candidate in nested cross-validation; "
        f"{found['failed']} of {found['resamples']} resamples failed."
    )
    return ("failed" if found["failed"] > MANY_FAILED * found["resamples"] else "passed"), said


def _measures(facts: Facts) -> Result:
    if not facts.individual:
        return "not applicable", "A constant has neither discrimination nor a calibration curve."
    return "passed", "Discrimination, calibration with its curve, and net benefit, each with an interval or a band."


def _beats_rate(facts: Facts) -> Result:
    if not facts.individual:
        return "not applicable", "The arm's response rate itself is served."
    ends = facts.gain_interval
    if ends is None:
        return "cannot judge", "No interval of the corrected gain."
    said = f"Corrected gain of log loss, 95 % interval {shown(ends[0], 3)} to {shown(ends[1], 3)}"
    return ("passed" if ends[0] > 0 else "failed"), f"{said}."


def _external(_: Facts) -> Result:
    return "failed", "Not externally validated: no new patients were used."


def _slope(facts: Facts) -> Result:
    if not facts.individual:
        return "not applicable", "A constant has no calibration slope."
    slope = headline(facts.card).slope
    if slope is None:
        return "cannot judge", "The corrected slope does not exist."
    low, high = SLOPE_LIMITS
    inside = low <= slope.value <= high
    return ("passed" if inside else "failed"), f"Corrected slope {shown(slope.value)}; limits {low} to {high}."


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


CHECKS: tuple[tuple[Part, str, str, Callable[[Facts], Result]], ...] = (
    ("both", "1.1", "Are the data from a fitting source?", _source),
    ("both", "1.2", "Does the design of the study fit?", _design),
    ("both", "1.3", "Do those taken in and left out make up a representative group?", _representative),
    ("both", "2.1", "Was each predictor defined and measured alike in all?", _same_definition),
    ("both", "2.2", "Was each predictor prepared alike in all?", _same_preparation),
    ("both", "2.3", "Were predictors measured without knowledge of the outcome?", _predictors_blind),
    ("both", "2.4", "Are all predictors known when the model would be used?", _available),
    ("both", "3.1", "Is the outcome well defined and assessed?", _outcome_defined),
    ("both", "3.2", "Is it defined and assessed alike in all?", _outcome_alike),
    ("both", "3.3", "Was it assessed without use or knowledge of the predictors?", _outcome_blind),
    ("both", "3.4", "Is the time from predictors to outcome fitting?", _interval),
    ("development", "4.1", "Are there enough patients to develop the model?", _size),
    ("development", "4.2", "Are numbers and categories used as what they are?", _kept_whole),
    ("development", "4.3", "Are patients with missing or incomplete data handled well?", _missing_rule),
    ("development", "4.4", "If outcomes were rebalanced, was the model recalibrated?", _no_rebalancing),
    ("development", "4.5", "Was overfitting held down?", _overfitting),
    ("evaluation", "4.1", "Is more shown than apparent performance?", _not_only_apparent),
    ("evaluation", "4.2", "Are there enough patients to judge the model?", _enough_to_judge),
    ("evaluation", "4.3", "Are patients with missing or incomplete data handled well?", _missing_rule),
    ("evaluation", "4.4", "If outcomes were rebalanced, was it evaluated on data that were not?", _no_rebalancing),
    ("evaluation", "4.5", "If data were split, was nothing leaked from one part to the other?", _no_leak),
    ("evaluation", "4.6", "If data were resampled, was every step of development repeated?", _steps_repeated),
    ("evaluation", "4.7", "Are calibration, discrimination and usefulness judged well?", _measures),
    ("further", "F1", "Does the model beat quoting the response rate?", _beats_rate),
    ("further", "F2", "Was it evaluated in new patients?", _external),
    ("further", "F3", "Is the corrected calibration slope within its limits?", _slope),
    ("further", "F4", "Can the model be judged in every key subgroup?", _subgroups),
    ("further", "F5", "Was the analysis laid down beforehand?", _protocol),
)
