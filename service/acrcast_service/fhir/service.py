"""From FHIR to a recorded prediction as FHIR."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from acrcast.contract import Patient
from acrcast.errors import InputError, Problem
from acrcast.prediction import Prediction
from acrcast_service.fhir.reading import Reading
from acrcast_service.fhir.record import read_resources
from acrcast_service.fhir.request import Asked, asked_of
from acrcast_service.fhir.risk_assessment import risk_assessment
from acrcast_service.fhir.values import Value
from acrcast_service.model_store import ServedModel
from acrcast_service.strict_json import read_json

# The member of a recorded answer that holds what came in and what went out, byte for byte.
EXCHANGE = "fhir"


@dataclass(frozen=True, slots=True)
class Understood:
    """A patient, and where each value came from. values: as the patient class has them."""

    asked: Asked
    reading: Reading
    values: dict[str, Value]
    patient: Patient

    @property
    def subject(self) -> str | None:
        return self.asked.subject or self.reading.subject


def understood(served: ServedModel, body: bytes, window: timedelta) -> Understood:
    """Raises HttpProblem when the body is no JSON or has too much in it, InputError with everything that is wrong in it."""
    study = served.model.study
    asked = asked_of(read_json(body), study.contract, datetime.now(UTC))
    reading = read_resources(asked.entries, study, at=asked.at, window=window, known=asked.values)
    problems = [*reading.problems, *_of_no_use(asked, reading)]
    if problems:
        raise InputError(problems)
    values = reading.values | asked.values
    try:
        return Understood(asked, reading, values, served.patients.of_values(values))
    except InputError as error:
        raise InputError([_with_reasons(problem, reading) for problem in error.problems]) from None


def exchanged(body: bytes, understood: Understood, prediction: Prediction, served: ServedModel) -> bytes:
    """What is recorded as the answer: the prediction like any other, with what came in and what goes out as FHIR."""
    asked, study = understood.asked, served.model.study
    answer = risk_assessment(prediction, study, understood.reading, asked.values, asked.at, understood.subject)
    exchange = {"request": body.decode(), "answer": orjson.dumps(answer).decode()}
    return orjson.dumps(prediction.as_answer() | {EXCHANGE: exchange})


def sent_of(recorded: bytes) -> bytes:
    """What went out, from what was recorded."""
    answer: str = orjson.loads(recorded)[EXCHANGE]["answer"]
    return answer.encode()


def _of_no_use(asked: Asked, reading: Reading) -> Iterator[Problem]:
    """A resource that was sent by itself was meant to be used; in a Bundle there may be others."""
    for skipped in reading.skipped:
        if skipped.why == "code" and skipped.place in asked.named:
            message = f"{skipped.reason}: GET /model lists the codes; in a Bundle others are left out"
            yield Problem(f"{skipped.place}.code", message, code="code")


def _with_reasons(problem: Problem, reading: Reading) -> Problem:
    """What was there of a measure that is missing, and why it was not used."""
    reasons = [f"{one.place}: {one.reason}" for one in reading.skipped if one.measure == problem.field]
    left_out = f" (left out: {'; '.join(reasons)})" if reasons else ""
    return Problem(problem.field, problem.message + left_out, code=problem.code)
