"""Opening the audit's chain: the database, its schema and its key, made where they may be."""

from pathlib import Path

from sqlalchemy import Engine

from acrcast.errors import UsageError
from acrcast_service.audit.chain import Chain, has_chain
from acrcast_service.audit.keys import AuditKeys, make_key_file, read_keys
from acrcast_service.settings import Settings, is_loopback
from acrcast_service.store.database import open_database
from acrcast_service.store.schema import check_schema, migrate


def prepare_audit(settings: Settings) -> None:
    """What `AuditTrail.start` needs, made or checked once, before any process serves. Raises as `open_chain` does."""
    open_chain(settings, may_make=looks_after_itself(settings)).engine.dispose()


def looks_after_itself(settings: Settings) -> bool:
    """Nobody named a database, and only this machine is answered: its file and its key are made as they are needed."""
    return is_loopback(settings.host) and settings.database is None and settings.audit_key_file is None


def open_chain(settings: Settings, *, may_make: bool) -> Chain:
    """The chain of the settings' database. may_make: the schema, the key and the empty chain, where they are not there.

    Raises UsageError or AcrcastError with what to do.
    """
    engine = open_database(settings.database_url)
    try:
        if may_make:
            migrate(engine)
        check_schema(engine)
        chain = Chain(engine, _keys(engine, settings.key_file, may_make=may_make))
        chain.begin()
    except BaseException:
        engine.dispose()
        raise
    return chain


def _keys(engine: Engine, path: Path, *, may_make: bool) -> AuditKeys:
    if not path.exists():
        if has_chain(engine):
            raise UsageError(
                f"{path}: the audit's key is not there; without it nothing recorded can be read: restore it"
            )
        if not may_make:
            raise UsageError(f"{path}: the audit's key is not there: run acrcast audit migrate, which makes it")
        make_key_file(path)
    return read_keys(path)
