"""`GET /audit/records`."""

from collections.abc import AsyncIterator, Iterator, Mapping
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from acrcast_service.audit.export import exported
from acrcast_service.audit.trail import AuditTrail
from acrcast_service.auth.callers import AUDIT, caller_of, needs
from acrcast_service.problems import AUDIT_UNAVAILABLE, BAD_REQUEST, INVALID_INPUT, documented
from acrcast_service.server_state import state_of

JSON_LINES = "application/jsonl"
# So many records are read, opened and sent at a time.
PIECE = 200

Moment = Annotated[
    str | None,
    Query(
        description="Only records from this moment on, in UTC, such as 2026-01-31T09:30:00Z",
        pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$",
    ),
]

router = APIRouter(prefix="/audit", tags=["operation"])


@router.get(
    "/records",
    summary="The tenant's audit",
    response_class=Response,
    responses={
        200: {"description": "A record a line", "content": {JSON_LINES: {"schema": {"type": "string"}}}},
        **documented(BAD_REQUEST, INVALID_INPUT, AUDIT_UNAVAILABLE),
    },
)
@needs(AUDIT)
async def records(request: Request, since: Moment = None) -> Response:
    """Every record of the caller's tenant as a line of JSON, oldest first, opened: patients' values are in it.

    A transfer that breaks off is not the whole audit.
    """
    audit = state_of(request).audit
    # a record's time has more digits, and an earlier one is before it as text
    lines = exported(audit.chain, since=(since or "").removesuffix("Z"), tenant=caller_of(request).tenant)
    return await sent_in_pieces(audit, lines)


async def sent_in_pieces(
    audit: AuditTrail, lines: Iterator[bytes], headers: Mapping[str, str] | None = None
) -> Response:
    """The answer that is these lines of an export.

    Raises HttpProblem before the answer begins: what cannot be read is refused with a status of its own.
    """
    first = await audit.ask(_piece, lines)
    return StreamingResponse(_pieces(audit, lines, first), media_type=JSON_LINES, headers=headers)


async def _pieces(audit: AuditTrail, lines: Iterator[bytes], piece: bytes) -> AsyncIterator[bytes]:
    while piece:
        yield piece
        piece = await audit.ask(_piece, lines)


def _piece(lines: Iterator[bytes]) -> bytes:
    """The next lines; none when there are no more."""
    return b"".join(islice(lines, PIECE))
