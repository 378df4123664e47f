"""A challenger in the champion's shadow: it predicts for the same patients, after they were answered, and answers nobody."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Literal

import orjson
from starlette.background import BackgroundTask

from acrcast.contract import Patient
from acrcast.response_model import ResponseModel
from acrcast_service.audit.records import SHADOW, Entry
from acrcast_service.model_store import ModelStore
from acrcast_service.prediction.service import answer_for

log = logging.getLogger("acrcast_service.champion")

Result = Literal["predicted", "dropped", "failed"]

WAITING = 256

# After a prediction the challenger rests this many times as long as it took, so that it never has more than a fifth of
# the process. What comes faster than that is dropped.
REST = 4


class Shadow:
    """Lets the model of a store predict behind the champion's back. record: the audit's. count: told of what came of each.

    counts: how many predictions were made, dropped because too many waited, or failed.
    """

    def __init__(
        self,
        store: ModelStore,
        record: Callable[[Entry], Awaitable[None]],
        count: Callable[[Result], None] = lambda _result: None,
    ) -> None:
        self._store, self._record, self._count = store, record, count
        self._waiting: asyncio.Queue[tuple[Patient, Entry]] = asyncio.Queue(WAITING)
        self.counts: Counter[Result] = Counter()

    @property
    def model(self) -> ResponseModel | None:
        """The challenger; None without one, or before it is loaded."""
        return None if self._store.is_empty else self._store.current.model

    def after(self, patient: Patient, answered: Entry) -> BackgroundTask | None:
        """What is to be done once the answer has been sent; None without a challenger. answered: the champion's record."""
        return None if self._store.is_empty else BackgroundTask(self._queue, patient, answered)

    async def _queue(self, patient: Patient, answered: Entry) -> None:
        try:
            self._waiting.put_nowait((patient, answered))
        except asyncio.QueueFull:
            self._came("dropped")

    async def run(self) -> None:
        """Predict for whoever waits, until cancelled."""
        while True:
            patient, answered = await self._waiting.get()
            began = perf_counter()
            try:
                await self._predict(patient, answered)
                self._came("predicted")
            except Exception as error:  # noqa: BLE001  whatever it is, no answer depends on it
                self._failed(error)
            await asyncio.sleep(REST * (perf_counter() - began))

    async def _predict(self, patient: Patient, answered: Entry) -> None:
        prediction = answer_for(self._store.current.bedside, patient)
        await self._record(
            answered._replace(
                kind=SHADOW,
                record_id=prediction["prediction_id"],
                answer=orjson.dumps(prediction),
                # under the same pseudonym, so that both become unreadable together
                subject=answered.record_id if answered.subject is None else answered.subject,
                model=prediction["model"]["digest"],
                about=answered.record_id,
                within=None,
            )
        )

    def _failed(self, error: Exception) -> None:
        """One line for the first: its message may hold a patient's values."""
        if not self.counts["failed"]:
            log.warning("challenger failed error=%s; further failures are counted", type(error).__name__)
        self._came("failed")

    def _came(self, result: Result) -> None:
        self.counts[result] += 1
        self._count(result)
