"""A recorded prediction as the page of predictions shows it, and as it was recorded."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acrcast.prediction import Prediction
from acrcast.studies import Study
from acrcast_service.basis.service import ORIGIN
from acrcast_service.pages.answer_view import AnswerView, answer_view
from acrcast_service.pages.form import DIGITS, Entry, Typed, entries


@dataclass(frozen=True, slots=True)
class RecordedView:
    """What `_answer.html` shows, and the values that it is for."""

    answer: AnswerView
    entries: list[Entry]


def recorded_view(
    inputs: Mapping[str, Any] | None, answer: Mapping[str, Any] | None, study: Study
) -> RecordedView | None:
    """None for what is no prediction of this study, or is of an earlier form: then only what was recorded can be shown."""
    if inputs is None or answer is None or answer.get("study") != study.key:
        return None
    try:
        view = answer_view(Prediction.of({name: value for name, value in answer.items() if name != ORIGIN}), study)
    except (KeyError, TypeError):
        return None
    return RecordedView(view, entries(study.contract, study.assays, _typed(inputs)))


def as_json(content: Mapping[str, Any] | None) -> str:
    """For who wants to see what was recorded, as it was; empty when there is nothing."""
    return "" if content is None else json.dumps(content, indent=1, ensure_ascii=False)


def _typed(patient: Mapping[str, Any]) -> Typed:
    """A recorded patient as it would be typed."""
    return {name: as_typed(value) for name, value in patient.items()}


def as_typed(value: object) -> str:
    """A value of a patient as JSON has it, as it would be typed."""
    if isinstance(value, Mapping):
        return f"{value.get('comparator', '')}{value.get('value', '')}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.{DIGITS}g}"
    return "" if value is None else str(value)
