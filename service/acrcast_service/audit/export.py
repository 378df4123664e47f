"""The audit as JSON Lines, opened with its keys."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Row, func, select

from acrcast_service.audit.chain import Chain
from acrcast_service.audit.records import SIGNED
from acrcast_service.audit.verification import pieces, with_keys
from acrcast_service.store.tables import audit_records


def exported(
    chain: Chain, *, since: str = "", tenant: str | None = None, which: Sequence[ColumnElement[bool]] = ()
) -> Iterator[bytes]:
    """One line for each record, in order. since: a time as records have it; earlier ones are left out. which: further conditions.

    The last line of an export of everything has the count and the hash that `verify` can be told to expect.
    Raises TamperedError when a payload was changed.
    """
    query = with_keys().where(audit_records.c.time >= since, *which)
    if tenant is not None:
        query = query.where(audit_records.c.tenant == tenant)
    with chain.engine.connect() as connection:
        last = connection.execute(select(func.max(audit_records.c.sequence))).scalar() or 0
    for rows in pieces(chain, last, query):
        for row in rows:
            yield orjson.dumps(_line(chain, row)) + b"\n"


def _line(chain: Chain, row: Row[Any]) -> dict[str, object]:
    """Absent: `inputs` and `answer` where there are none. `erased` says that there were."""
    line: dict[str, object] = {"sequence": row.sequence}
    line |= {name: row._mapping[name] for name in SIGNED if row._mapping[name]}  # noqa: SLF001  public, named so that no column clashes
    line |= {"subject": bytes(row.subject).hex(), "hash": bytes(row.hash).hex()}
    if row.payload and row.sealed_key is None:
        line["erased"] = True
    elif row.payload:
        inputs, answer = chain.keys.open(row.record_id, bytes(row.payload), bytes(row.sealed_key))
        line["inputs"] = orjson.loads(inputs)
        if answer:
            line["answer"] = orjson.loads(answer)
    return line
