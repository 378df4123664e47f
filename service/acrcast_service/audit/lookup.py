"""Records that a route asks for again: found by what they are of, and opened while their key is there."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, select

from acrcast_service.audit.chain import Chain
from acrcast_service.audit.records import PREDICTION
from acrcast_service.store.tables import audit_records, record_keys


def readable(*which: ColumnElement[bool]) -> Select[tuple[object, ...]]:
    """Records whose key is still there."""
    return (
        select(audit_records, record_keys.c.sealed_key)
        .join(record_keys, record_keys.c.sequence == audit_records.c.sequence)
        .where(*which)
    )


def opened(chain: Chain, row: Row[Any]) -> tuple[bytes, bytes]:
    """Inputs and answer of a readable record. Raises TamperedError when they were changed."""
    return chain.keys.open(row.record_id, bytes(row.payload), bytes(row.sealed_key))


def predictions_of(chain: Chain, tenant: str, names: Collection[str]) -> Mapping[str, Row[Any]]:
    """The tenant's predictions of these names; those that are not its own, or were erased, are left out."""
    named = (audit_records.c.record_id.in_(names)) & (audit_records.c.kind == PREDICTION)
    with chain.engine.connect() as connection:
        found = connection.execute(readable(named, audit_records.c.tenant == tenant))
        return {row.record_id: row for row in found}


def prediction(chain: Chain, name: str) -> tuple[Row[Any], bytes, bytes] | None:
    """The prediction of that name, whosever it is, with inputs and answer; None when there is none, or it was erased."""
    with chain.engine.connect() as connection:
        named = (audit_records.c.record_id == name) & (audit_records.c.kind == PREDICTION)
        row = connection.execute(readable(named)).one_or_none()
    return None if row is None else (row, *opened(chain, row))
