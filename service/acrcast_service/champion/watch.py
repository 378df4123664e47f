"""A model that is replaced when its source has another one that can be trusted.

The source is asked at intervals. What is new is fetched, checked and loaded beside the model that answers; then one
assignment puts it in place, and requests that run keep the model that they began with. What cannot be trusted is refused,
and not looked at again until the source has something else.
"""

import asyncio
import gc
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from acrcast.errors import (
    AcrcastError,
    ArtefactError,
    NewerFormatError,
    OtherContractError,
    TamperedError,
    UsageError,
)
from acrcast.studies import Study
from acrcast_service.champion.registry import UnreachableError
from acrcast_service.champion.signature import Load, UnsignedError
from acrcast_service.champion.source import Source, Version
from acrcast_service.model_store import ModelStore

log = logging.getLogger("acrcast_service.champion")

Outcome = Literal["unchanged", "replaced", "refused", "unreachable"]

# What may be said of a refusal to anyone who asks whether the server is ready: nothing of its files.
REASONS: dict[type[AcrcastError], str] = {
    NewerFormatError: "it was written by a later version of acrcast",
    OtherContractError: "it was trained for other fields than the study has",
    UnsignedError: "it is not signed by the key that models must be signed with",
    TamperedError: "its files are not those that were saved, or it fails its self-test",
    ArtefactError: "it is incomplete or unreadable",
    UsageError: "it is of another study than the one served",
}
UNCONFIRMED = "the source of the model cannot be asked: the model is the one that it gave last"


@dataclass(frozen=True, slots=True)
class Standing:
    """How the model that answers stands to its source. looked: when the source last answered, UTC.

    refused: why what the source has now does not answer. unconfirmed: why it is not known what the source has now.
    """

    looked: str | None = None
    refused: str | None = None
    unconfirmed: str | None = None


class ModelWatch:
    """Fills a store from a source, and keeps it so. study: that the model must be of; None leaves it to the model.

    load: reads a model from a folder. count: told of what came of each look.
    """

    def __init__(
        self,
        source: Source,
        store: ModelStore,
        study: Callable[[], Study | None],
        seconds: float,
        load: Load,
        count: Callable[[Outcome], None],
    ) -> None:
        self._source, self._store, self._study, self._seconds = source, store, study, seconds
        self._load_folder, self._count = load, count
        self._settled: Version | None = None
        self._looking: asyncio.Task[Outcome] | None = None
        self._stopping = False
        self.standing = Standing()
        self.outcomes: Counter[Outcome] = Counter()

    def open(self, *, ask: bool = True) -> None:
        """Load the first model. ask: False takes what last answered here, when it is there, and leaves asking to `run`.

        Raises ArtefactError or UsageError when there is nothing to answer with.
        """
        failure: Exception | None = None
        if ask:
            failure = self._look()[1]
            if not self._store.is_empty:
                return
        kept = None if isinstance(failure, UsageError) else self._source.kept()
        if kept is not None:
            self._store.put(self._load_folder(kept, self._study()))
            if failure is not None:
                log.warning("model-kept the source gave none that can answer: %s", failure)
            return
        if not ask:
            failure = self._look()[1]
        if self._store.is_empty:
            raise failure or ArtefactError(f"{self._source.name}: no model")

    async def run(self) -> None:
        """Look again and again until cancelled; at once when nobody has yet."""
        if self.standing == Standing():
            await self.refresh()
        while self._source.may_change and self._seconds > 0:
            await asyncio.sleep(self._seconds)
            await self.refresh()

    async def refresh(self) -> Outcome:
        """Look now, or share the look that is under way. A source that never changes gave its model already."""
        if not self._source.may_change and not self._store.is_empty:
            return "unchanged"
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_aside())
        return await asyncio.shield(self._looking)

    def stop(self) -> None:
        """End what is under way: no process that fetches a model outlives the server."""
        self._stopping = True
        self._source.stop()

    async def _look_aside(self) -> Outcome:
        """In a thread: the event loop answers meanwhile."""
        outcome, _ = await asyncio.to_thread(self._look)
        if outcome == "replaced":
            # the model that went was kept out of collections, as the new one is to be
            gc.unfreeze()
            gc.collect()
            gc.freeze()
        return outcome

    def _look(self) -> tuple[Outcome, Exception | None]:
        try:
            outcome, failure = self._looked()
        except (OSError, UnreachableError) as error:
            outcome, failure = "unreachable", error
        except UsageError as error:
            # from asking: nothing of that name is there (any more)
            outcome, failure = "unreachable", error
        if outcome == "unreachable":
            self._say_unreachable(failure)
        self.outcomes[outcome] += 1
        self._count(outcome)
        return outcome, failure

    def _looked(self) -> tuple[Outcome, Exception | None]:
        """Raises UnreachableError, OSError, or UsageError from asking the source."""
        version = self._source.ask()
        if version == self._settled:
            self._stand(refused=self.standing.refused)
            return "unchanged", None
        try:
            folder = self._source.fetch(version)
        except UnreachableError:
            raise
        except ArtefactError as error:
            return self._refuse(version, error), error
        return self._load(version, folder)

    def _load(self, version: Version, folder: Path) -> tuple[Outcome, Exception | None]:
        try:
            model = self._load_folder(folder, self._study())
        except (ArtefactError, UsageError) as error:
            return self._refuse(version, error), error
        serving = None if self._store.is_empty else self._store.current.model
        same = serving is not None and (serving.identity, serving.promotion) == (model.identity, model.promotion)
        # before the model: whoever sees the new one is not told that its source cannot be asked
        self._stand()
        if not same:
            self._store.put(model)
        if serving is not None and not same:
            log.info("model-replaced digest=%s", model.identity.digest)
        self._settled = version
        self._source.keep(version, folder)
        return ("unchanged" if same else "replaced"), None

    def _refuse(self, version: Version, error: AcrcastError) -> Outcome:
        self._settled = version
        self._stand(refused=next(reason for kind, reason in REASONS.items() if isinstance(error, kind)))
        # at the start there is none before: whoever opens says what becomes of that
        if not self._store.is_empty:
            log.warning("model-refused the one before stays: %s", error)
        return "refused"

    def _stand(self, refused: str | None = None) -> None:
        self.standing = Standing(datetime.now(UTC).isoformat(timespec="seconds"), refused)

    def _say_unreachable(self, error: Exception | None) -> None:
        """Once, however long it lasts."""
        if self.standing.unconfirmed is None and not self._stopping and not self._store.is_empty:
            log.warning("model-unconfirmed %s: %s", UNCONFIRMED, error)
        self.standing = Standing(self.standing.looked, self.standing.refused, UNCONFIRMED)


async def ended(task: asyncio.Task[None]) -> None:
    """Cancels a task and waits until it is gone."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
