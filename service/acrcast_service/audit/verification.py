"""Is the chain whole: every record as it was written, each after the one before, and every key accounted for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from acrcast.errors import TamperedError
from acrcast_service.audit.chain import BEGINNING, Chain, Head
from acrcast_service.audit.records import ERASURE, RETENTION, signature, signed_part
from acrcast_service.store.tables import audit_records, record_keys

# So many records are read in one transaction, so that writers never wait for a reader.
PIECE = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with one record, or with the chain as a whole (sequence None)."""

    sequence: int | None
    what: str

    def __str__(self) -> str:
        return self.what if self.sequence is None else f"record {self.sequence}: {self.what}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """count and last_hash of the chain that was read, to be kept elsewhere and compared with the next time."""

    count: int
    last_hash: str
    unreadable: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Destroyed:
    """Which keys were destroyed, as the records up to `seen` say: of a subject, or before a time, up to which record."""

    subjects: Mapping[tuple[str, bytes], int]
    ages: tuple[tuple[str, int], ...]
    seen: int = 0

    def and_since(self, chain: Chain) -> "_Destroyed":
        """With what was destroyed in the meantime."""
        subjects, ages, seen = dict(self.subjects), list(self.ages), self.seen
        recorded = select(audit_records).where(audit_records.c.kind.in_((ERASURE, RETENTION)))
        with chain.engine.connect() as connection:
            for row in connection.execute(recorded.where(audit_records.c.sequence > seen).order_by("sequence")):
                seen = row.sequence
                if row.kind == ERASURE:
                    subjects[row.tenant, bytes(row.subject)] = seen
                else:
                    ages.append((row.about, seen))
        return _Destroyed(subjects, tuple(ages), seen)

    def covers(self, row: Row[Any]) -> bool:
        erased = self.subjects.get((row.tenant, bytes(row.subject)), 0) > row.sequence
        return erased or any(row.time < before and sequence > row.sequence for before, sequence in self.ages)


def verify(
    chain: Chain,
    *,
    at_least: int | None = None,
    head: str | None = None,
    step: Callable[[int, int], None] = lambda _done, _of: None,
) -> Verdict:
    """Everything that is wrong. at_least, head: count and last hash of an earlier verdict or export, which must still be there.

    step: called with how many records are done, of how many.
    """
    findings: list[Finding] = []
    with chain.engine.connect() as connection:
        # the end before the head: what is appended between the two is in the head
        last = int(connection.execute(select(func.max(audit_records.c.sequence))).scalar() or 0)
        signed = _signed_head(chain, connection, findings)
        orphans = connection.execute(_keys_without_record()).scalars().all()
    findings += [Finding(int(sequence), "has a key and no record") for sequence in orphans]
    last = max(last, signed.count if signed is not None else 0)
    expected, previous, unreadable, head_found = 1, BEGINNING, 0, head is None
    before = _Destroyed({}, ()).and_since(chain)
    for rows in pieces(chain, last, with_keys()):
        after = before.and_since(chain)
        for row in rows:
            wrong, readable = _wrong_with(chain, row, expected, previous, before, after)
            findings += wrong
            unreadable += not readable
            expected, previous = row.sequence + 1, bytes(row.hash)
            head_found |= previous.hex() == head and at_least in (None, row.sequence)
        before = after
        step(expected - 1, last)
    if signed is not None and (signed.count, signed.last_hash) != (expected - 1, previous):
        findings.append(Finding(None, _at_the_end(signed.count, expected - 1)))
    if at_least is not None and expected - 1 < at_least:
        findings.append(Finding(None, f"ends at record {expected - 1}, and had at least {at_least}"))
    if not head_found:
        findings.append(Finding(None, "the hash of --head is not in the chain where it was"))
    return Verdict(expected - 1, previous.hex(), unreadable, tuple(findings))


def pieces(chain: Chain, last: int, query: Select[Any]) -> Iterator[Sequence[Row[Any]]]:
    """What the query, made from `with_keys`, finds up to the record `last`, in order."""
    after = 0
    while after < last:
        piece = query.where(audit_records.c.sequence > after, audit_records.c.sequence <= last)
        with chain.engine.connect() as connection:
            rows = connection.execute(piece.order_by(audit_records.c.sequence).limit(PIECE)).all()
        if not rows:
            return
        yield rows
        after = rows[-1].sequence


def with_keys() -> Select[Any]:
    """Records with their sealed keys, None where it was destroyed."""
    return select(
        audit_records,
        record_keys.c.sealed_key,
        record_keys.c.tenant.label("key_tenant"),
        record_keys.c.subject.label("key_subject"),
        record_keys.c.time.label("key_time"),
    ).outerjoin(record_keys, record_keys.c.sequence == audit_records.c.sequence)


def _wrong_with(
    chain: Chain, row: Row[Any], expected: int, previous: bytes, before: _Destroyed, after: _Destroyed
) -> tuple[list[Finding], bool]:
    """What is wrong with one record, and whether its payload can be read.

    previous: hash of the record read before it. before, after: what had been destroyed when it was not yet read, and when
    it had been; somebody may erase meanwhile.
    """
    found = []
    if row.sequence != expected:
        missing = f"{expected}" if row.sequence == expected + 1 else f"{expected} to {row.sequence - 1}"
        found.append(Finding(row.sequence, f"what was before it is missing: {missing}"))
    elif bytes(row.previous_hash) != previous:
        found.append(Finding(row.sequence, "does not follow the record before it: one of the two was replaced"))
    members = {name: bytes(value) if isinstance(value, memoryview) else value for name, value in row._mapping.items()}  # noqa: SLF001  public, named so that no column clashes
    if signature(chain.keys, row.sequence, members["previous_hash"], signed_part(members)) != members["hash"]:
        found.append(Finding(row.sequence, "was changed"))
    if row.sealed_key is None:
        if row.payload and not after.covers(row):
            found.append(Finding(row.sequence, "its key was destroyed, and neither erase nor retention did it"))
        return found, not row.payload
    if before.covers(row):
        found.append(Finding(row.sequence, "its key was destroyed, and is there again"))
    if (row.key_tenant, bytes(row.key_subject), row.key_time) != (row.tenant, bytes(row.subject), row.time):
        found.append(Finding(row.sequence, "its key is filed under another tenant, subject or time"))
    try:
        chain.keys.open(row.record_id, members["payload"], members["sealed_key"])
    except TamperedError:
        found.append(Finding(row.sequence, "its payload cannot be opened: it or its key was changed"))
        return found, False
    return found, True


def _signed_head(chain: Chain, connection: Connection, findings: list[Finding]) -> Head | None:
    try:
        return chain.head(connection)
    except TamperedError as error:
        findings.append(Finding(None, str(error).partition(": run")[0]))
        return None


def _keys_without_record() -> Select[Any]:
    joined = record_keys.outerjoin(audit_records, audit_records.c.sequence == record_keys.c.sequence)
    return select(record_keys.c.sequence).select_from(joined).where(audit_records.c.sequence.is_(None))


def _at_the_end(signed: int, found: int) -> str:
    if found < signed:
        return f"records are missing at the end: {found} are there, and {signed} were written"
    if found > signed:
        return f"records were added behind the end: {found} are there, and {signed} were written"
    return "the last record is not the one that was written"
