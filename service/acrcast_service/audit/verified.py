"""Verifying the chain, and remembering in the chain itself that it was found whole."""

from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from acrcast_service.audit.chain import Chain
from acrcast_service.audit.records import VERIFICATION, Entry, now, seal
from acrcast_service.audit.verification import Verdict
from acrcast_service.store.database import writing
from acrcast_service.store.schema import cannot_be_used
from acrcast_service.store.tables import audit_records


@dataclass(frozen=True, slots=True)
class LastVerified:
    """time, caller: None when it never was. count: records that were verified then. since: records that came after those."""

    time: str | None
    caller: str
    count: int
    since: int


def remember(chain: Chain, verdict: Verdict, caller: str) -> None:
    """Appends that every record of the verdict was as it was written. Nothing when that is not what it says.

    Raises TamperedError as `Chain.append` does, AcrcastError when the database takes no record.
    """
    if verdict.findings:
        return
    entry = Entry(VERIFICATION, str(uuid4()), caller=caller, about=f"{verdict.count} {verdict.last_hash}")
    try:
        with writing(chain.engine) as connection:
            chain.append(connection, [seal(chain.keys, entry, now())])
    except SQLAlchemyError as error:
        raise cannot_be_used(chain.engine, error) from None


def last_verified(chain: Chain) -> LastVerified:
    """Of the whole chain, whosever records it holds."""
    columns = audit_records.c
    query = select(columns.time, columns.caller, columns.about).where(columns.kind == VERIFICATION)
    with chain.engine.connect() as connection:
        row = connection.execute(query.order_by(columns.sequence.desc()).limit(1)).one_or_none()
        last = int(connection.execute(select(func.max(columns.sequence))).scalar() or 0)
    if row is None:
        return LastVerified(None, "", 0, last)
    count = int(row.about.partition(" ")[0])
    return LastVerified(row.time, row.caller, count, last - count)
