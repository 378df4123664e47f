"""A tenant's records, looked for by what is not sealed, and one of them opened."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Row, func, or_, select

from acrcast_service.audit.chain import Chain
from acrcast_service.audit.records import PREDICTION
from acrcast_service.audit.verification import with_keys
from acrcast_service.store.tables import audit_records

MOST = 50
KINDS = ("prediction", "outcome", "shadow", "erasure", "retention")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for; empty parts do not narrow it. number: of a record, or of the prediction that a record is about.

    subject: the caller's pseudonym of a patient. since, until: days, as YYYY-MM-DD, both included.
    """

    number: str = ""
    subject: str = ""
    kind: str = ""
    since: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """records: the newest first, at most `MOST`. total: of all that fit."""

    records: tuple[Mapping[str, Any], ...]
    total: int


@dataclass(frozen=True, slots=True)
class OpenedRecord:
    """One record with what is sealed in it. inputs, answer: None where there are none, or where they were erased."""

    sequence: int
    row: Mapping[str, Any]
    erased: bool
    inputs: Mapping[str, Any] | None
    answer: Mapping[str, Any] | None


def search(chain: Chain, tenant: str, wanted: Wanted) -> Found:
    """Reads what is not sealed alone."""
    fits = _fits(chain, tenant, wanted)
    columns = audit_records.c
    shown = (
        columns.sequence,
        columns.record_id,
        columns.kind,
        columns.time,
        columns.caller,
        columns.model,
        columns.about,
    )
    with chain.engine.connect() as connection:
        total = connection.execute(select(func.count()).select_from(audit_records).where(*fits)).scalar_one()
        rows = connection.execute(select(*shown).where(*fits).order_by(columns.sequence.desc()).limit(MOST)).mappings()
        return Found(tuple(dict(row) for row in rows), int(total))


def record(chain: Chain, tenant: str, number: str) -> OpenedRecord | None:
    """None when the tenant has no such record. Raises TamperedError when it was changed."""
    query = with_keys().where(audit_records.c.tenant == tenant, audit_records.c.record_id == number)
    with chain.engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else _opened(chain, row)


def days(chain: Chain, tenant: str, since: str) -> Mapping[str, int]:
    """How many predictions were recorded on each day on which there were any. since: a day."""
    day = func.substr(audit_records.c.time, 1, 10)
    query = select(day, func.count()).where(
        audit_records.c.tenant == tenant, audit_records.c.kind == PREDICTION, audit_records.c.time >= since
    )
    with chain.engine.connect() as connection:
        return {str(found): int(count) for found, count in connection.execute(query.group_by(day))}


def _fits(chain: Chain, tenant: str, wanted: Wanted) -> list[ColumnElement[bool]]:
    columns = audit_records.c
    fits: list[ColumnElement[bool]] = [columns.tenant == tenant]
    if wanted.number:
        fits.append(or_(columns.record_id == wanted.number, columns.about == wanted.number))
    if wanted.subject:
        fits.append(columns.subject == chain.keys.subject(tenant, wanted.subject))
    if wanted.kind:
        fits.append(columns.kind == wanted.kind)
    if wanted.since:
        fits.append(columns.time >= wanted.since)
    if wanted.until:
        # a time of that day begins with it, and what follows is before any letter
        fits.append(columns.time < f"{wanted.until}~")
    return fits


def _opened(chain: Chain, row: Row[Any]) -> OpenedRecord:
    members = {name: row._mapping[name] for name in ("record_id", "kind", "time", "caller", "model", "study", "about")}  # noqa: SLF001  public, named so that no column clashes
    members["hash"] = bytes(row.hash).hex()
    if not row.payload or row.sealed_key is None:
        return OpenedRecord(row.sequence, members, bool(row.payload), None, None)
    inputs, answer = chain.keys.open(row.record_id, bytes(row.payload), bytes(row.sealed_key))
    return OpenedRecord(row.sequence, members, False, orjson.loads(inputs), orjson.loads(answer) if answer else None)
