"""Errors as the protocol writes them: one text."""

from collections.abc import Iterator
from dataclasses import dataclass

from acrcast.protocol import ProblemBody
from acrcast_service.problems import ErrorForm


@dataclass(frozen=True, slots=True)
class InferenceError:
    """Why there is no answer. Never holds a value that was sent.

    error: what is wrong, and what was expected of each field.
    """

    error: str


def _told(body: ProblemBody) -> InferenceError:
    return InferenceError(": ".join([body.title, *_details(body)]))


def _details(body: ProblemBody) -> Iterator[str]:
    if body.detail is not None:
        yield body.detail
    if body.errors is not None:
        yield "; ".join(": ".join(filter(None, (error.field, error.message))) for error in body.errors)
    if body.instance is not None:
        yield body.instance


INFERENCE_ERROR = ErrorForm("application/json", InferenceError, _told)
