"""The audit of one server process: opened with its settings, asked by its routes."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from acrcast.errors import TamperedError, UsageError
from acrcast_service.audit.chain import Chain, has_chain
from acrcast_service.audit.keys import AuditKeys, make_key_file, read_keys
from acrcast_service.audit.records import Entry
from acrcast_service.audit.writer import Writer, unavailable
from acrcast_service.problems import BAD_REQUEST, HttpProblem
from acrcast_service.settings import Settings, is_loopback
from acrcast_service.store.database import open_database
from acrcast_service.store.schema import check_schema, migrate

T = TypeVar("T")

log = logging.getLogger("acrcast_service")


class AuditTrail:
    """Records what the server answers; with the audit off, nothing."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._chain: Chain | None = None
        self._writer: Writer | None = None

    def start(self) -> None:
        """Raises UsageError or AcrcastError, in one line what to do, when the database or its key cannot be used."""
        if self._settings.audit:
            self._chain = open_chain(self._settings, may_make=looks_after_itself(self._settings))
            self._writer = Writer(self._chain)

    async def stop(self) -> None:
        if self._writer is not None and self._chain is not None:
            await self._writer.stop()
            self._chain.engine.dispose()
            self._writer = None

    @property
    def is_on(self) -> bool:
        return self._settings.audit

    @property
    def waiting(self) -> int:
        """Records that are handed over and not yet written."""
        return self._writer.waiting if self._writer is not None else 0

    @property
    def failures(self) -> int:
        """Attempts to write, since the start, that the database refused."""
        return self._writer.failures if self._writer is not None else 0

    async def record(self, entry: Entry) -> None:
        """Returns when the entry is on disk. Raises HttpProblem: 503 when it cannot be, with Retry-After."""
        await self.record_together([entry])

    async def record_together(self, entries: Sequence[Entry]) -> None:
        """Returns when all entries are on disk, in their order and in one commit. Raises as `record`."""
        if self._writer is not None:
            await self._writer.record_together(entries)
        elif self._settings.audit:
            raise unavailable()

    def check(self) -> None:
        """Raises HttpProblem (503) when nothing can be recorded now."""
        if self._writer is not None:
            self._writer.check()
        elif self._settings.audit:
            raise unavailable()

    async def ask(self, question: Callable[..., T], *of: object) -> T:
        """What a function of the database returns, asked beside the event loop.

        Raises HttpProblem (503) when it fails, or finds a record that is not as it was written.
        """
        try:
            return await asyncio.to_thread(question, *of)
        except SQLAlchemyError:
            raise unavailable() from None
        except TamperedError:
            log.error("audit-tampered run acrcast audit verify")  # noqa: TRY400  that says which record
            raise unavailable() from None

    @property
    def chain(self) -> Chain:
        """Raises HttpProblem: 400 when the audit is off, 503 before it is open."""
        if not self._settings.audit:
            raise HttpProblem(BAD_REQUEST, "this server keeps no audit, which this request needs")
        if self._chain is None:
            raise unavailable()
        return self._chain


def prepare_audit(settings: Settings) -> None:
    """What `AuditTrail.start` needs, made or checked once, before any process serves. Raises as `open_chain` does."""
    if settings.audit:
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
