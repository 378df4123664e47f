"""A challenger in the champion's shadow: it predicts for the same patients, after they were answered, and answers nobody."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

from acrcast.contract import Patient
from acrcast.prediction import Prediction
from acrcast_service.model_store import ModelStore
from acrcast_service.prediction.service import predict_patient

log = logging.getLogger("acrcast_service.champion")

WAITING = 256

# After a prediction the challenger rests this many times as long as it took, so that it never has more than a fifth of
# the process. What comes faster than that is dropped.
REST = 4


@dataclass(frozen=True, slots=True)
class Answered:
    """A patient whom the champion has answered. body: as it came in. prediction_id: of the champion's answer."""

    prediction_id: str
    body: bytes
    patient: Patient


Recorder = Callable[[Answered, Prediction], Awaitable[None]]


class Shadow:
    """Lets the model of a store predict behind the champion's back. level: of its intervals. record: keeps what it says.

    counts: how many predictions were made, dropped because too many waited, or failed.
    """

    def __init__(self, store: ModelStore, level: float, record: Recorder) -> None:
        self._store, self._level, self._record = store, level, record
        self._waiting: asyncio.Queue[Answered] = asyncio.Queue(WAITING)
        self.counts: Counter[Literal["predicted", "dropped", "failed"]] = Counter()

    def after(self, answered: Answered) -> Callable[[], Awaitable[None]] | None:
        """What is to be done once the answer has been sent, as a response's `background`; None without a challenger."""
        if self._store.is_empty:
            return None

        async def queue() -> None:
            try:
                self._waiting.put_nowait(answered)
            except asyncio.QueueFull:
                self.counts["dropped"] += 1

        return queue

    async def run(self) -> None:
        """Predict for whoever waits, until cancelled."""
        while True:
            answered = await self._waiting.get()
            began = perf_counter()
            try:
                if not self._store.is_empty:
                    served = self._store.current
                    prediction = predict_patient(served.model, answered.patient, self._level)
                    await self._record(answered, prediction)
                    self.counts["predicted"] += 1
            except Exception as error:  # noqa: BLE001  whatever it is, no answer depends on it
                self._failed(error)
            await asyncio.sleep(REST * (perf_counter() - began))

    def _failed(self, error: Exception) -> None:
        """One line for the first: its message may hold a patient's values."""
        if not self.counts["failed"]:
            log.warning("challenger failed error=%s; further failures are counted", type(error).__name__)
        self.counts["failed"] += 1


async def record_shadow(answered: Answered, prediction: Prediction) -> None:
    """Where a challenger's prediction is kept."""
