"""What became of a card: recorded in the audit with its prediction (CDS Hooks 2.0, section Feedback)."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from sqlalchemy import Row

from acrcast.errors import InputError, Problem
from acrcast_service.audit.lookup import predictions_of
from acrcast_service.audit.records import FEEDBACK, Entry
from acrcast_service.audit.trail import AuditTrail
from acrcast_service.auth.callers import Caller
from acrcast_service.problems import NOT_FOUND, HttpProblem
from acrcast_service.strict_json import read_json

MOST = 100
EXPECTED = {
    "card": "the uuid of a card",
    "outcome": "accepted or overridden",
    "acceptedSuggestions": "a list of objects with id, the uuid of a suggestion",
    "overrideReason": "an object with reason (system, code), userComment, or both",
    "outcomeTimestamp": "a date and time with its time zone, as RFC 3339 writes it",
}


def _text(given: object) -> object:
    if not isinstance(given, str):
        raise ValueError("expected text")  # noqa: TRY004  pydantic turns this one into a problem
    return given


class _Sent(BaseModel):
    # a client may send more: it is not kept
    model_config = ConfigDict(extra="ignore", frozen=True)


class ReasonCoding(_Sent):
    """One of the reasons that the card gave.

    system: of all reasons. code: of this one. display: in words.
    """

    system: Annotated[str, Field(min_length=1, max_length=500)]
    code: Annotated[str, Field(min_length=1, max_length=200)]
    display: Annotated[str | None, Field(min_length=1, max_length=500)] = None


class OverrideReason(_Sent):
    """Why a card was dismissed.

    reason: as a code. userComment: in the user's words. One of them is there, or both.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": [name], "properties": {name: {}}} for name in ("reason", "userComment")]
        }
    )

    reason: ReasonCoding | None = None
    userComment: Annotated[str | None, Field(min_length=1, max_length=4000)] = None  # noqa: N815  the specification's own

    @model_validator(mode="after")
    def _says_something(self) -> "OverrideReason":
        if self.reason is None and self.userComment is None:
            raise ValueError("empty")
        return self


class AcceptedSuggestion(_Sent):
    """A suggestion that was followed.

    id: its uuid.
    """

    id: UUID


class CardFeedback(_Sent):
    """What a user did with one card. Cards here suggest nothing, so that an accepted one need not name a suggestion.

    card: its uuid. outcome: what was done. acceptedSuggestions: which were followed. overrideReason: why it was dismissed.
    outcomeTimestamp: when, with its time zone.
    """

    card: UUID
    outcome: Literal["accepted", "overridden"]
    acceptedSuggestions: Annotated[list[AcceptedSuggestion] | None, Field(min_length=1)] = None  # noqa: N815  the specification's own
    overrideReason: OverrideReason | None = None  # noqa: N815  the specification's own
    outcomeTimestamp: Annotated[AwareDatetime, BeforeValidator(_text)]  # noqa: N815  the specification's own


class Feedback(_Sent):
    """What became of cards.

    feedback: of each card.
    """

    feedback: Annotated[list[CardFeedback], Field(min_length=1, max_length=MOST)]


_FEEDBACK = TypeAdapter(Feedback)


def read_feedback(body: bytes) -> Sequence[CardFeedback]:
    """Raises HttpProblem (400) when it is not JSON, InputError with what was expected of each member."""
    try:
        return _FEEDBACK.validate_python(read_json(body)).feedback
    except ValidationError as error:
        places = dict.fromkeys(item["loc"][:3] for item in error.errors(include_url=False, include_input=False))
        raise InputError([_problem(place) for place in places]) from None


async def record_feedback(audit: AuditTrail, caller: Caller, given: Sequence[CardFeedback]) -> None:
    """Returns when all is on disk. The same feedback sent again is another record: a user may act on a card twice.

    Raises HttpProblem: 404, and nothing is recorded, when the tenant was never given one of the cards.
    """
    names = {str(feedback.card) for feedback in given}
    predictions = await audit.ask(predictions_of, audit.chain, caller.tenant, names)
    if len(predictions) < len(names):
        raise HttpProblem(NOT_FOUND, "this caller was not given a card of that uuid")
    await asyncio.gather(
        *(audit.record(_entry(caller, feedback, predictions[str(feedback.card)])) for feedback in given)
    )


def _entry(caller: Caller, feedback: CardFeedback, prediction: Row[Any]) -> Entry:
    return Entry(
        FEEDBACK,
        str(uuid4()),
        inputs=feedback.model_dump_json(exclude_none=True).encode(),
        # erased together with its prediction
        subject=bytes(prediction.subject),
        tenant=caller.tenant,
        caller=caller.name,
        model=prediction.model,
        study=prediction.study,
        about=prediction.record_id,
    )


def _problem(place: Sequence[str | int]) -> Problem:
    """place: of the member that is wrong: feedback, which one, and its own name."""
    name = str(place[2]) if len(place) > 2 else ""
    field = ".".join(map(str, place))
    if name in EXPECTED:
        return Problem(field, f"expected {EXPECTED[name]}")
    return Problem(field, f"expected a list feedback of 1 to {MOST} objects with {', '.join(EXPECTED)}")
