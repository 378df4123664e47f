"""The chain in the database: its head, and how records are appended to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from acrcast.errors import AcrcastError, TamperedError
from acrcast_service.audit.keys import AuditKeys
from acrcast_service.audit.records import Sealed, signature
from acrcast_service.problems import HttpProblem
from acrcast_service.store.database import shown, text_of, text_of_insert, writing
from acrcast_service.store.tables import audit_head, audit_records, record_keys

BEGINNING = bytes(32)


@dataclass(frozen=True, slots=True)
class Head:
    """count: how many records the chain has. last_hash: of the last of them."""

    count: int
    last_hash: bytes


class Chain:
    """Appends records. Its statements are written once."""

    def __init__(self, engine: Engine, keys: AuditKeys) -> None:
        self.engine, self.keys = engine, keys
        self._lock_head = text_of(
            select(audit_head.c.count, audit_head.c.last_hash, audit_head.c.seal).with_for_update(), engine
        )
        self._insert_record = text_of_insert(audit_records, engine)
        self._insert_key = text_of_insert(record_keys, engine)
        self._move_head = text_of(
            update(audit_head).values({name: bindparam(name) for name in ("count", "last_hash", "seal")}), engine
        )

    def append(self, connection: Connection, entries: Sequence[Sealed]) -> list[HttpProblem | None]:
        """In the transaction of `connection`, which nobody else can do until it ends. For each entry why it was refused.

        Raises TamperedError when the head is not what this key signed.
        """
        head = self.lock(connection)
        refusals = [_refusal(connection, sealed) for sealed in entries]
        kept = [sealed for sealed, refusal in zip(entries, refusals, strict=True) if refusal is None]
        if not kept:
            return refusals
        sequence, last = head.count, head.last_hash
        rows, keys = [], []
        for sealed in kept:
            sequence += 1
            previous, last = last, signature(self.keys, sequence, last, sealed.signed)
            rows.append((sequence, *sealed.row.values(), previous, last))
            if sealed.sealed_key is not None:
                row = sealed.row
                keys.append((sequence, row["tenant"], row["subject"], row["time"], sealed.sealed_key))
        connection.exec_driver_sql(self._insert_record, rows)
        if keys:
            connection.exec_driver_sql(self._insert_key, keys)
        connection.exec_driver_sql(self._move_head, self._sealed(Head(sequence, last)))
        return refusals

    def lock(self, connection: Connection) -> Head:
        """Nobody else appends until the transaction of `connection` ends. Raises TamperedError as `append` does."""
        return self._checked(connection.exec_driver_sql(self._lock_head).one_or_none())

    def head(self, connection: Connection) -> Head:
        """Raises TamperedError when it is not what this key signed."""
        query = select(audit_head.c.count, audit_head.c.last_hash, audit_head.c.seal)
        return self._checked(connection.execute(query).one_or_none())

    def begin(self) -> None:
        """An empty chain, if there is none. Raises AcrcastError when there is one, and it was made with another key."""
        with self.engine.connect() as connection:
            if _has_head(connection):
                try:
                    self.head(connection)
                except TamperedError:
                    raise AcrcastError(
                        f"{shown(self.engine)}: the audit in it was not made with this key: "
                        "set ACRCAST_AUDIT_KEY_FILE to the one that it was made with"
                    ) from None
                return
        try:
            with writing(self.engine) as connection:
                if not _has_head(connection):
                    connection.execute(insert(audit_head), {"id": 1} | self._sealed(Head(0, BEGINNING)))
        except IntegrityError:
            # another process began it at this moment, with the same key or not
            self.begin()

    def _sealed(self, head: Head) -> dict[str, Any]:
        return {"count": head.count, "last_hash": head.last_hash, "seal": self._seal(head)}

    def _seal(self, head: Head) -> bytes:
        return self.keys.sign(b"head of acrcast audit 1\n" + head.count.to_bytes(8, "big") + head.last_hash)

    def _checked(self, row: Any) -> Head:  # noqa: ANN401  a row of either kind of statement
        if row is None:
            raise TamperedError("the audit's head is missing: run acrcast audit verify")
        head = Head(row.count, bytes(row.last_hash))
        if self._seal(head) != bytes(row.seal):
            raise TamperedError("the audit's head was changed, or made with another key: run acrcast audit verify")
        return head


def has_chain(engine: Engine) -> bool:
    with engine.connect() as connection:
        return _has_head(connection)


def _has_head(connection: Connection) -> bool:
    return connection.execute(select(audit_head.c.id)).one_or_none() is not None


def _refusal(connection: Connection, sealed: Sealed) -> HttpProblem | None:
    if sealed.entry.within is None:
        return None
    try:
        sealed.entry.within(connection)
    except HttpProblem as refused:
        return refused
    return None
