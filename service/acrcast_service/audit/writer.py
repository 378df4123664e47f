"""The one writer of a server process: requests hand it their records and wait; it commits all that wait at once."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from acrcast_service.audit.chain import Chain
from acrcast_service.audit.records import Entry, now, seal
from acrcast_service.problems import AUDIT_UNAVAILABLE, HttpProblem
from acrcast_service.store.database import writing
from acrcast_service.store.schema import reason

log = logging.getLogger("acrcast_service")

# Records that may wait, those that are recorded together counted as one; and how long one waits, in seconds, before its
# request is refused.
WAITING = 1024
WAIT_SECONDS = 10.0

# After a failure nothing is tried for so long, in seconds; twice as long after each further failure.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0


class Waiting(NamedTuple):
    """Entries that are recorded together. until: moment of the loop's clock at which their request is refused."""

    entries: Sequence[Entry]
    recorded: asyncio.Future[None]
    until: float


class Writer:
    """Belongs to the event loop that starts it. After a failure the next record after the pause is the next attempt."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._arrived: list[Waiting] = []
        self._waiting: list[Waiting] = []
        # all that have no answer yet, in order of arrival: one clock for all costs less than one each
        self._unanswered: deque[Waiting] = deque()
        self._clock: asyncio.TimerHandle | None = None
        self._changed = threading.Condition()
        self._stopping = False
        self._pause = 0.0
        self.failures = 0
        self._paused_until = 0.0
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    async def record(self, entry: Entry) -> None:
        """Returns when the entry is on disk. Raises HttpProblem when it is not, or as its own `within` refused."""
        await self.record_together([entry])

    async def record_together(self, entries: Sequence[Entry]) -> None:
        """Returns when all entries are on disk, in their order and in one commit. Raises as `record`."""
        self.check()
        recorded: asyncio.Future[None] = self._loop.create_future()
        if self._stopping or len(self._arrived) + len(self._waiting) >= WAITING:
            raise unavailable()
        waiting = Waiting(entries, recorded, self._loop.time() + WAIT_SECONDS)
        self._arrived.append(waiting)
        self._forget_the_answered()
        self._unanswered.append(waiting)
        if self._clock is None:
            self._clock = self._loop.call_at(waiting.until, self._refuse_the_late)
        if len(self._arrived) == 1:
            # once whatever else came in with it has had its turn: they shall share one commit
            self._loop.call_soon(self._loop.call_soon, self._hand_over)
        await recorded

    @property
    def waiting(self) -> int:
        return sum(len(waiting.entries) for waiting in (*self._arrived, *self._waiting))

    def check(self) -> None:
        """Raises HttpProblem (503) while the database failed a moment ago."""
        if self._paused_until and time.monotonic() < self._paused_until:
            raise unavailable()

    def _hand_over(self) -> None:
        with self._changed:
            self._waiting += self._arrived
            self._changed.notify()
        self._arrived = []

    def _forget_the_answered(self) -> None:
        while self._unanswered and self._unanswered[0].recorded.done():
            self._unanswered.popleft()

    def _refuse_the_late(self) -> None:
        now = self._loop.time()
        for waiting in self._unanswered:
            if waiting.until <= now and not waiting.recorded.done():
                waiting.recorded.set_exception(unavailable())
        self._forget_the_answered()
        first = self._unanswered[0].until if self._unanswered else None
        self._clock = None if first is None else self._loop.call_at(first, self._refuse_the_late)

    async def stop(self) -> None:
        """Writes what waits, and ends."""
        self._hand_over()
        with self._changed:
            self._stopping = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join)
        if self._clock is not None:
            self._clock.cancel()

    def _run(self) -> None:
        while batch := self._take():
            # whoever gave up has had its answer, which was no prediction
            batch = [waiting for waiting in batch if not waiting.recorded.done()]
            if batch:
                self._tell(batch, self._write([waiting.entries for waiting in batch]))

    def _take(self) -> list[Waiting]:
        """Everything that waits; empty when there is nothing left to do."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            batch, self._waiting = self._waiting, []
        return batch

    def _write(self, batch: Sequence[Sequence[Entry]]) -> Sequence[HttpProblem | None]:
        """For each sequence of entries, on disk now, None, or why one of them is not."""
        moment = now()
        try:
            sealed = [seal(self._chain.keys, entry, moment) for entries in batch for entry in entries]
            with writing(self._chain.engine) as connection:
                refusals = self._chain.append(connection, sealed)
        except Exception as error:  # noqa: BLE001  whatever it is, requests wait for this thread
            self._failed(error)
            return [unavailable() for _ in batch]
        if self._pause:
            log.warning("audit-recovered")
            self._pause = self._paused_until = 0.0
        of_each = iter(refusals)
        return [next(filter(None, [next(of_each) for _ in entries]), None) for entries in batch]

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        if not self._pause:
            said = reason(error) if isinstance(error, SQLAlchemyError) else type(error).__name__
            log.error("audit-unavailable reason=%s", said)
        self._pause = min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
        self._paused_until = time.monotonic() + self._pause
        # the connections may be as broken as what they led to
        self._chain.engine.dispose()
        with self._changed:
            behind, self._waiting = self._waiting, []
        self._tell(behind, [unavailable() for _ in behind])

    def _tell(self, batch: Sequence[Waiting], refusals: Sequence[HttpProblem | None]) -> None:
        self._loop.call_soon_threadsafe(_settle, batch, refusals)


def unavailable() -> HttpProblem:
    return HttpProblem(AUDIT_UNAVAILABLE, headers={"Retry-After": "1"})


def _settle(batch: Sequence[Waiting], refusals: Sequence[HttpProblem | None]) -> None:
    for waiting, refusal in zip(batch, refusals, strict=True):
        if waiting.recorded.done():
            continue
        if refusal is None:
            waiting.recorded.set_result(None)
        else:
            waiting.recorded.set_exception(refusal)
