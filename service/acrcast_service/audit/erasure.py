"""Making payloads unreadable for good, by destroying their keys. Itself recorded; the chain still verifies."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Engine, delete
from sqlalchemy.exc import SQLAlchemyError

from acrcast_service.audit.chain import Chain
from acrcast_service.audit.records import ERASURE, RETENTION, Entry, now, seal, time_text
from acrcast_service.store.database import writing
from acrcast_service.store.schema import cannot_be_used
from acrcast_service.store.tables import record_keys


def erase(chain: Chain, subject: str, tenant: str, caller: str) -> int:
    """How many payloads of the subject can no longer be read; 0 when there were none, and then nothing is recorded.

    subject: the reference that the caller of the service sent, or the prediction_id of a prediction that had none.
    """
    name = chain.keys.subject(tenant, subject)
    entry = Entry(ERASURE, str(uuid4()), subject=name, tenant=tenant, caller=caller)
    return _destroy(chain, (record_keys.c.tenant == tenant) & (record_keys.c.subject == name), entry)


def retain(chain: Chain, since: datetime, caller: str) -> int:
    """How many payloads from before `since` can no longer be read; 0 when there were none."""
    before = time_text(since)
    return _destroy(chain, record_keys.c.time < before, Entry(RETENTION, str(uuid4()), caller=caller, about=before))


def _destroy(chain: Chain, which: ColumnElement[bool], entry: Entry) -> int:
    """Destroys keys and records it, in one transaction."""
    try:
        with writing(chain.engine) as connection:
            # before the keys: a record that slipped in between would keep its key
            chain.lock(connection)
            destroyed = connection.execute(delete(record_keys).where(which)).rowcount
            if destroyed:
                chain.append(connection, [seal(chain.keys, entry, now())])
        _scrub(chain.engine)
    except SQLAlchemyError as error:
        raise cannot_be_used(chain.engine, error) from None
    return destroyed


def _scrub(engine: Engine) -> None:
    """Removes what the database keeps of deleted rows: SQLite its log (the file itself was overwritten), PostgreSQL the rows."""
    statement = "PRAGMA wal_checkpoint(TRUNCATE)" if engine.dialect.name == "sqlite" else f"VACUUM {record_keys.name}"
    # the driver's own connection: neither statement can be run in a transaction
    raw = engine.raw_connection()
    driver: Any = raw.driver_connection
    try:
        if engine.dialect.name == "postgresql":
            driver.autocommit = True
        raw.cursor().execute(statement)
    finally:
        raw.invalidate()
