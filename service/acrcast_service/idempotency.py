"""A request that names itself by `Idempotency-Key` is answered once: sent again, it gets the same bytes.

The answer is not stored twice: it is read from its record in the audit, sealed like every other.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from acrcast.errors import TamperedError
from acrcast_service.audit.chain import Chain
from acrcast_service.audit.records import time_text
from acrcast_service.audit.trail import AuditTrail
from acrcast_service.problems import KEY_IN_USE, KEY_REUSED, HttpProblem
from acrcast_service.store.database import writing
from acrcast_service.store.tables import audit_records, idempotency, record_keys

# How long an answer is repeated, and how long a request whose process died keeps its key.
REMEMBERED = timedelta(hours=24)
ABANDONED = timedelta(seconds=60)

Within = Callable[[Connection], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What a client named. body: everything that makes it the same request, compared by its keyed hash."""

    tenant: str
    route: str
    key: str
    body: bytes


async def answered_once(
    audit: AuditTrail, request: Request, answer: Callable[[str, Within], Awaitable[bytes]]
) -> bytes:
    """The stored answer, or that of `answer`, which records it under the name and with the `within` that it is given.

    Raises HttpProblem: 422 when the key was used for another body, 409 while the first request is being answered.
    """
    chain = audit.chain
    # the name of the record to come is also what the claim is known by
    claim = str(uuid4())
    stored = await audit.ask(_claimed_or_stored, chain, request, claim)
    if stored is not None:
        return stored
    try:
        return await answer(claim, lambda connection: _finish(connection, request, claim))
    except BaseException:
        await audit.ask(_release, chain, request, claim)
        raise


def _same(request: Request) -> ColumnElement[bool]:
    table = idempotency.c
    return (table.tenant == request.tenant) & (table.route == request.route) & (table.key == request.key)


def _claimed_or_stored(chain: Chain, request: Request, claim: str) -> bytes | None:
    """The stored answer; None when the request is now the caller's to answer."""
    moment = datetime.now(UTC)
    row = {"body_hash": chain.keys.request(request.body), "claim": claim, "claimed_at": time_text(moment)}
    try:
        with writing(chain.engine) as connection:
            connection.execute(delete(idempotency).where(idempotency.c.claimed_at < time_text(moment - REMEMBERED)))
            found = connection.execute(select(idempotency).where(_same(request)).with_for_update()).one_or_none()
            if found is None:
                named = {"tenant": request.tenant, "route": request.route, "key": request.key}
                connection.execute(insert(idempotency), named | row)
                return None
            if found.body_hash != row["body_hash"]:
                raise HttpProblem(KEY_REUSED)
            stored = _stored(chain, connection, found, moment)
            if stored is None:
                connection.execute(update(idempotency).where(_same(request)).values(record_id=None, **row))
            return stored
    except IntegrityError:
        # the same key came to another server at this moment
        raise _in_use() from None


def _stored(chain: Chain, connection: Connection, found: Row[tuple[object, ...]], moment: datetime) -> bytes | None:
    """None when there is no answer to wait for, or it was made unreadable. Raises HttpProblem while one is being made."""
    if found.record_id is None:
        if found.claimed_at > time_text(moment - ABANDONED):
            raise _in_use()
        return None
    record = connection.execute(
        select(audit_records.c.payload, record_keys.c.sealed_key)
        .join(record_keys, record_keys.c.sequence == audit_records.c.sequence)
        .where(audit_records.c.record_id == found.record_id)
    ).one_or_none()
    if record is None:
        return None
    try:
        return chain.keys.open(found.record_id, bytes(record.payload), bytes(record.sealed_key))[1]
    except TamperedError:
        return None


def _finish(connection: Connection, request: Request, claim: str) -> None:
    done = connection.execute(
        update(idempotency).where(_same(request), idempotency.c.claim == claim).values(record_id=claim)
    )
    if done.rowcount != 1:
        raise _in_use()


def _release(chain: Chain, request: Request, claim: str) -> None:
    unanswered = (idempotency.c.claim == claim) & idempotency.c.record_id.is_(None)
    with writing(chain.engine) as connection:
        connection.execute(delete(idempotency).where(_same(request), unanswered))


def _in_use() -> HttpProblem:
    return HttpProblem(KEY_IN_USE, headers={"Retry-After": "1"})
