"""Predictions of one model and what happened after them, from lines as `acrcast audit export` writes them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import to_json

from acrcast.contract import Patient
from acrcast.errors import DataError, Problem
from acrcast.exported import OUTCOME, PREDICTION, SHADOW, ExportedRecord
from acrcast.outcome import Outcome
from acrcast.prediction import SupportStatus
from acrcast.studies import Study

PROBLEMS_TOLD = 20


class _Arm(BaseModel):
    model_config = ConfigDict(extra="ignore")
    probability: float


class _Support(BaseModel):
    model_config = ConfigDict(extra="ignore")
    status: SupportStatus


class _Answer(BaseModel):
    """What is read of a recorded answer, complete or one of a batch."""

    model_config = ConfigDict(extra="ignore")
    treated: _Arm
    control: _Arm | None = None
    support: _Support


@dataclass(frozen=True, slots=True)
class RecordedPrediction:
    """One prediction. subject: the same for all of a patient. treated, control: risks as served; control is None in one arm.

    about: record_id of the prediction that was answered: its own, or of a challenger's the champion's. patient: what was known, None where the record holds no patient of the study. outcome: the newest that was recorded.
    """

    record_id: str
    about: str
    time: datetime
    tenant: str
    subject: str
    treated: float
    control: float | None
    support: SupportStatus
    patient: Patient | None
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a file holds of one model, in the order of the audit.

    erased: its predictions of which nothing can be read any more. of_others: how many predictions there are of each other
    model, by digest.
    """

    predictions: tuple[RecordedPrediction, ...]
    erased: int
    of_others: Mapping[str, int]


def read_recorded(
    lines: Iterable[str | bytes],
    file: str,
    study: Study,
    digest: str | None,
    *,
    as_of: datetime,
    tenant: str | None = None,
    may_be_none: bool = False,
) -> Recorded:
    """What the lines hold of the model of this digest up to `as_of`, as an answer or in a champion's shadow.

    digest: None takes the answers of every model of the study. tenant: only of this one. Raises DataError when a line is none
    of an export, and, unless there `may_be_none`, when there is no such prediction: a monitor that watches nothing must not say
    that all is well.
    """
    reading = _Reading(file, study, digest)
    for record in _records(lines, file):
        if record.time <= as_of and tenant in (None, record.tenant):
            reading.add(record)
    if not reading.predictions and not may_be_none:
        raise DataError([Problem("", reading.nothing, file)])
    outcomes = reading.outcomes
    found = tuple(replace(prediction, outcome=outcomes.get(prediction.about)) for prediction in reading.predictions)
    return Recorded(found, reading.erased, reading.others)


class _Reading:
    """What was read so far; of each record no more is kept than is needed. outcomes: the newest of each prediction."""

    def __init__(self, file: str, study: Study, digest: str | None) -> None:
        self._file, self._study, self._digest = file, study, digest
        self._patients: TypeAdapter[Patient] = TypeAdapter(study.patient)
        self._kinds = (PREDICTION,) if digest is None else (PREDICTION, SHADOW)
        self._records = 0
        self._studies: set[str] = set()
        self.predictions: list[RecordedPrediction] = []
        self.outcomes: dict[str, Outcome | None] = {}
        self.erased = 0
        self.others: Counter[str] = Counter()

    def add(self, record: ExportedRecord) -> None:
        self._records += 1
        if record.kind == OUTCOME:
            self.outcomes[record.about] = _outcome(record)
        elif record.kind in self._kinds and record.study == self._study.key and self._digest in (None, record.model):
            if record.erased:
                self.erased += 1
            else:
                self.predictions.append(_prediction(record, self._file, self._patients))
        elif record.kind == PREDICTION:
            self.others[record.model] += 1
            self._studies.add(record.study)

    @property
    def nothing(self) -> str:
        """What there is instead of a prediction of the model."""
        of_model = f"of the model {self._digest} " if self._digest else ""
        expected = f"expected predictions {of_model}of study {self._study.key}"
        if not self._records:
            return f"{expected}; there is no record: write the file by `acrcast audit export`"
        if self.erased:
            return f"{expected}; all {self.erased} were erased"
        if not self.others:
            return f"{expected}; there are none among {self._records} records"
        models = ", ".join(f"{model} ({count})" for model, count in sorted(self.others.items()))
        return f"{expected}; the predictions are of study {', '.join(sorted(self._studies))} and of {models}"


def _records(lines: Iterable[str | bytes], file: str) -> Iterator[ExportedRecord]:
    problems = []
    for row, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield ExportedRecord.model_validate_json(line)
        except ValidationError:
            problems.append(Problem("", "expected a line that `acrcast audit export` wrote", file, row))
            if len(problems) == PROBLEMS_TOLD:
                break
    if problems:
        raise DataError(problems)


def _prediction(record: ExportedRecord, file: str, patients: TypeAdapter[Patient]) -> RecordedPrediction:
    """Its outcome is not known yet."""
    try:
        answer = _Answer.model_validate(record.answer)
    except ValidationError:
        place = f"record {record.sequence}"
        raise DataError(
            [Problem(place, "expected the answer to a prediction, with a risk and support", file)]
        ) from None
    try:
        patient = patients.validate_json(to_json(record.inputs), strict=True)
    except ValidationError:
        patient = None
    return RecordedPrediction(
        record_id=record.record_id,
        # what happened is said of the prediction that was answered
        about=record.about if record.kind == SHADOW else record.record_id,
        time=record.time,
        tenant=record.tenant,
        subject=record.subject,
        treated=answer.treated.probability,
        control=answer.control.probability if answer.control is not None else None,
        support=answer.support.status,
        patient=patient,
        outcome=None,
    )


def _outcome(record: ExportedRecord) -> Outcome | None:
    """None when it was erased."""
    return None if record.erased else Outcome.model_validate_json(to_json(record.inputs))
