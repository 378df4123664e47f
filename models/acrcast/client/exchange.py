"""What came back for a call, and what becomes of it: the answer's dataclass, or an error."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import TypeVar

from acrcast.client.errors import NoAnswer, NotUnderstood, bare_problem, error_of
from acrcast.client.operations import Operation
from acrcast.client.reading import read
from acrcast.protocol import PROBLEM, ProblemBody

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read whole. headers: their names in any case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer. reason: what httpx calls it."""

    reason: str


def result_of(operation: Operation[T], outcome: Answer | Lost, request_id: str, attempts: int) -> T:
    """What the answer says. request_id: that was sent. Raises ClientError for anything else."""
    if isinstance(outcome, Lost):
        raise NoAnswer(outcome.reason, request_id, attempts)
    known_as = outcome.headers.get("x-request-id", request_id)
    if 300 <= outcome.status < 400:
        raise NotUnderstood(outcome.status, "no redirection, but the address of the server itself", known_as)
    if outcome.status >= 400:
        raise error_of(problem_in(outcome), known_as, retry_after(outcome))
    try:
        return operation.read(outcome.content)
    except ValueError:
        expected = f"what {operation.method} {operation.path.partition('?')[0]} answers"
        raise NotUnderstood(outcome.status, expected, known_as) from None


def problem_in(answer: Answer) -> ProblemBody:
    """The problem that the answer holds, or what its status says by itself."""
    if answer.headers.get("content-type", "").partition(";")[0].strip() == PROBLEM:
        try:
            return replace(read(ProblemBody, answer.content), status=answer.status)
        except ValueError:
            pass
    return bare_problem(answer.status)


def retry_after(answer: Answer) -> float | None:
    """Seconds that the answer asks to wait, or until the time that it names, by its own clock; None when it asks nothing."""
    asked = answer.headers.get("retry-after", "")
    try:
        seconds = float(asked) if asked.isdecimal() else _until(asked, answer.headers.get("date", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) else None


def _until(time: str, now: str) -> float:
    return max((parsedate_to_datetime(time) - parsedate_to_datetime(now)).total_seconds(), 0.0)
