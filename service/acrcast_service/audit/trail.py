"""The audit of one server process: opened with its settings, asked by its routes."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from acrcast.errors import TamperedError
from acrcast_service.audit.records import Entry
from acrcast_service.audit.refusals import unavailable
from acrcast_service.problems import BAD_REQUEST, HttpProblem
from acrcast_service.settings import Settings

if TYPE_CHECKING:
    from acrcast_service.audit.chain import Chain
    from acrcast_service.audit.writer import Writer

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
            from acrcast_service.audit.opening import looks_after_itself, open_chain  # noqa: PLC0415  slow to import
            from acrcast_service.audit.writer import Writer  # noqa: PLC0415  as above

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
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415  slow to import

        try:
            return await asyncio.to_thread(question, *of)
        except SQLAlchemyError:
            raise unavailable() from None
        except TamperedError:
            log.error("audit-tampered run acrcast audit verify")  # noqa: TRY400  that says which record
            raise unavailable() from None

    @property
    def chain(self) -> "Chain":
        """Raises HttpProblem: 400 when the audit is off, 503 before it is open."""
        if not self._settings.audit:
            raise HttpProblem(BAD_REQUEST, "this server keeps no audit, which this request needs")
        if self._chain is None:
            raise unavailable()
        return self._chain
