"""Whether the patients who are predicted for are like those of the training data: by support, values and what is missing."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from acrcast.contract import Covariates
from acrcast.monitoring import sequences
from acrcast.monitoring.shares import above_rate
from acrcast.prediction import SupportStatus
from acrcast.response_model import ResponseModel
from acrcast.support import EDGE_RATE, ORDER, OUTSIDE_RATE
from acrcast.validation.performance import Estimate
from acrcast.watching.measures import MeasureSeen, compared
from acrcast.watching.patients import Patients, days
from acrcast.watching.signals import Rules, Signal, signal


@dataclass(frozen=True, slots=True)
class SupportSeen:
    """Patients by where they lie, the shares not inside and outside, and those expected of patients like the training data's."""

    counts: Mapping[SupportStatus, int]
    not_inside: Estimate
    expected_not_inside: float
    outside: Estimate
    expected_outside: float


@dataclass(frozen=True, slots=True)
class InputsSeen:
    """unreadable: patients whose record holds no patient of the study. reason: why nothing is compared, else None."""

    support: SupportSeen
    measures: tuple[MeasureSeen, ...]
    unreadable: int
    reason: str | None


def inputs_seen(model: ResponseModel, patients: Patients, rules: Rules) -> tuple[InputsSeen, list[Signal]]:
    """What is seen of each patient's first prediction, and its evidence."""
    known = [prediction.patient for prediction in patients.first if prediction.patient is not None]
    unreadable = len(patients.first) - len(known)
    trained_on = model.card.get("training_data", {}).get("patients")
    if trained_on is None:
        reason = "the model's card does not say how many patients it was trained on"
        return InputsSeen(_support(patients, rules), (), unreadable, reason), []
    covariates = Covariates.of_patients(model.study.contract, known)
    day = days(prediction.time for prediction in patients.first if prediction.patient is not None)
    measures = list(compared(model, covariates, day, trained_on, rules.level))
    seen = InputsSeen(_support(patients, rules), tuple(found.seen for found in measures), unreadable, None)
    signals = _support_signals(patients, trained_on, rules)
    values = [(found.seen, found.of_values) for found in measures if found.of_values is not None]
    for of, evidence in values:
        signals.append(signal("MON005", evidence, rules, measure=of.name, among=len(values), small=of.is_small))
    missing = [(found.seen, found.of_missing) for found in measures if found.of_missing is not None]
    for of, evidence in missing:
        small = of.is_missing_as_often
        signals.append(signal("MON006", evidence, rules, measure=of.name, among=len(missing), small=small))
    return seen, signals


def _support(patients: Patients, rules: Rules) -> SupportSeen:
    status = [prediction.support for prediction in patients.first]
    counts = {name: status.count(name) for name in ORDER}
    total = len(status)
    return SupportSeen(
        counts,
        sequences.share(total - counts["inside"], total, rules.level),
        EDGE_RATE,
        sequences.share(counts["outside"], total, rules.level),
        OUTSIDE_RATE,
    )


def _support_signals(patients: Patients, trained_on: int, rules: Rules) -> list[Signal]:
    status = np.array([prediction.support for prediction in patients.first])
    day = days(prediction.time for prediction in patients.first)
    return [
        signal("MON003", above_rate(day, status != "inside", EDGE_RATE, trained_on), rules),
        signal("MON004", above_rate(day, status == "outside", OUTSIDE_RATE, trained_on), rules),
    ]
