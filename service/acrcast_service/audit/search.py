"""A tenant's records, looked for by what is not sealed, a page at a time; and one of them opened."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Row, and_, or_, select

from acrcast.errors import InputError, Problem, TamperedError
from acrcast_service.audit.chain import Chain
from acrcast_service.audit.records import ERASURE, KINDS, RETENTION, signature, signed_part
from acrcast_service.audit.verification import with_keys
from acrcast_service.store.tables import audit_records, record_keys

# Records on one page.
PAGE = 50
SHOWN = ("sequence", "record_id", "kind", "time", "caller", "model", "study", "about")

_DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_NUMBER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MODEL = re.compile(r"(sha256:)?[0-9a-f]{6,64}")
LONGEST_SUBJECT = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for; empty parts do not narrow it.

    number: of a record, or of the prediction that records are about. subject: the caller's pseudonym of a patient. model: the
    beginning of a digest. since, until: days in UTC as YYYY-MM-DD, both included.
    """

    number: str = ""
    subject: str = ""
    kind: str = ""
    model: str = ""
    since: str = ""
    until: str = ""

    @classmethod
    def of(cls, texts: Mapping[str, str]) -> "Wanted":
        """From texts as they were typed. Raises InputError that says what was expected of each part."""
        wanted = cls(**{name: texts.get(name, "").strip() for name in cls.__slots__})
        if problems := list(_problems(wanted)):
            raise InputError(problems)
        return wanted


@dataclass(frozen=True, slots=True)
class Found:
    """rows: the newest first, each with the members `SHOWN` and whether its contents were `erased`. older: there are more."""

    rows: tuple[Mapping[str, Any], ...]
    older: bool


@dataclass(frozen=True, slots=True)
class Erased:
    """The record that says by what a payload was erased."""

    kind: str
    time: str
    caller: str


@dataclass(frozen=True, slots=True)
class OpenedRecord:
    """One record with what is sealed in it.

    is_whole: its keyed hash is that of what stands here, and what was sealed opens; nothing is opened otherwise. is_erased: its
    contents can no longer be read; erased: by what, None where no record says so. inputs, answer: None where there are none.
    """

    row: Mapping[str, Any]
    hash: str
    is_whole: bool
    is_erased: bool
    erased: Erased | None
    inputs: Mapping[str, Any] | None
    answer: Mapping[str, Any] | None


def search(chain: Chain, tenant: str, wanted: Wanted, before: int | None = None) -> Found:
    """Reads what is not sealed alone. before: only records with a smaller sequence."""
    columns = audit_records.c
    erased = and_(columns.payload != b"", record_keys.c.sequence.is_(None)).label("erased")
    joined = audit_records.outerjoin(record_keys, record_keys.c.sequence == columns.sequence)
    query = select(*(columns[name] for name in SHOWN), erased).select_from(joined).where(*fits(chain, tenant, wanted))
    if before is not None:
        query = query.where(columns.sequence < before)
    with chain.engine.connect() as connection:
        rows = connection.execute(query.order_by(columns.sequence.desc()).limit(PAGE + 1)).mappings().all()
    return Found(tuple(dict(row) for row in rows[:PAGE]), len(rows) > PAGE)


def fits(chain: Chain, tenant: str, wanted: Wanted) -> list[ColumnElement[bool]]:
    columns = audit_records.c
    found: list[ColumnElement[bool]] = [columns.tenant == tenant]
    if wanted.number:
        found.append(or_(columns.record_id == wanted.number, columns.about == wanted.number))
    if wanted.subject:
        found.append(columns.subject == chain.keys.subject(tenant, wanted.subject))
    if wanted.kind:
        found.append(columns.kind == wanted.kind)
    if wanted.model:
        found.append(columns.model.startswith(f"sha256:{wanted.model.removeprefix('sha256:')}"))
    if wanted.since:
        found.append(columns.time >= wanted.since)
    if wanted.until:
        # a time of that day begins with it, and goes on with a letter, which is before a tilde
        found.append(columns.time < f"{wanted.until}~")
    return found


def record(chain: Chain, tenant: str, number: str) -> OpenedRecord | None:
    """None when the tenant has no such record."""
    query = with_keys().where(audit_records.c.tenant == tenant, audit_records.c.record_id == number)
    with chain.engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else _opened(chain, row)


def related(chain: Chain, tenant: str, row: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Records about the same prediction, it among them, without this one; in order."""
    prediction = row["about"] if _NUMBER.fullmatch(row["about"]) else row["record_id"]
    found = search(chain, tenant, Wanted(number=prediction)).rows
    return tuple(other for other in reversed(found) if other["record_id"] != row["record_id"])


def _opened(chain: Chain, row: Row[Any]) -> OpenedRecord:
    members = {name: bytes(value) if isinstance(value, memoryview) else value for name, value in row._mapping.items()}  # noqa: SLF001  public, named so that no column clashes
    signed = signature(chain.keys, row.sequence, members["previous_hash"], signed_part(members))
    is_whole, is_erased = signed == members["hash"], bool(row.payload) and row.sealed_key is None
    inputs = answer = b""
    if is_whole and row.payload and not is_erased:
        try:
            inputs, answer = chain.keys.open(row.record_id, members["payload"], members["sealed_key"])
        except TamperedError:
            is_whole = False
    return OpenedRecord(
        {name: members[name] for name in SHOWN},
        members["hash"].hex(),
        is_whole,
        is_erased,
        _eraser(chain, row) if is_erased else None,
        orjson.loads(inputs) if inputs else None,
        orjson.loads(answer) if answer else None,
    )


def _eraser(chain: Chain, row: Row[Any]) -> Erased | None:
    columns = audit_records.c
    of_subject = and_(columns.kind == ERASURE, columns.tenant == row.tenant, columns.subject == bytes(row.subject))
    of_age = and_(columns.kind == RETENTION, columns.about > row.time)
    query = select(columns.kind, columns.time, columns.caller).where(columns.sequence > row.sequence)
    with chain.engine.connect() as connection:
        found = connection.execute(query.where(or_(of_subject, of_age)).order_by(columns.sequence).limit(1))
        by = found.one_or_none()
    return None if by is None else Erased(by.kind, by.time, by.caller)


def _problems(wanted: Wanted) -> Iterator[Problem]:
    if wanted.number and not _NUMBER.fullmatch(wanted.number):
        yield Problem("number", "expected a record's whole number, 36 characters, as answers and cards give it")
    if len(wanted.subject) > LONGEST_SUBJECT:
        yield Problem("subject", f"expected at most {LONGEST_SUBJECT} characters")
    if wanted.kind not in ("", *KINDS):
        yield Problem("kind", "expected one of the list")
    if wanted.model and not _MODEL.fullmatch(wanted.model):
        yield Problem("model", "expected the beginning of a digest: at least 6 of its digits 0 to 9 and a to f")
    for name in ("since", "until"):
        if (day := getattr(wanted, name)) and not _DAY.fullmatch(day):
            yield Problem(name, "expected a day as YYYY-MM-DD")
    if _DAY.fullmatch(wanted.since) and wanted.until < wanted.since and _DAY.fullmatch(wanted.until):
        yield Problem("until", "expected the day of the line before, or a later one")
