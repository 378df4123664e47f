"""A client for asyncio."""

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import count
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

import httpx

from acrcast.client import operations
from acrcast.client.connection import Connection, Key
from acrcast.client.exchange import Answer, Lost, result_of
from acrcast.client.operations import AnyPatient, Operation, TableForm
from acrcast.client.retries import Retries
from acrcast.prediction import Prediction
from acrcast.protocol import Alive, BatchAnswer, ModelDescription, OutcomeRecorded, Ready

T = TypeVar("T")


class AsyncClient:
    """Of one server, as `Client`. Tasks may share it. Close it, or use it as a context.

    http: an httpx.AsyncClient of your own; the other arguments, and what a call returns and raises, are those of `Client`.
    """

    def __init__(
        self,
        url: str,
        *,
        key: Key = None,
        timeout: float = 10.0,
        retries: Retries = Retries(),  # noqa: B008  frozen
        named: bool = True,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._connection, self._retries, self._named = Connection(url, key), retries, named
        self._http, self._is_ours = http or httpx.AsyncClient(timeout=timeout), http is None

    async def predict(
        self, patient: AnyPatient, *, subject: str | None = None, idempotency_key: str | None = None
    ) -> Prediction:
        """As `Client.predict`."""
        return await self._call(operations.predict(patient, subject, idempotency_key or self._new_name()))

    async def predict_batch(
        self,
        patients: Iterable[AnyPatient],
        *,
        subjects: Sequence[str | None] | None = None,
        complete: bool = False,
    ) -> BatchAnswer:
        """As `Client.predict_batch`."""
        return await self._call(operations.predict_batch(patients, subjects, complete=complete))

    async def predict_columns(
        self, columns: Mapping[str, object], *, subjects: Sequence[str | None] | None = None
    ) -> BatchAnswer:
        """As `Client.predict_columns`."""
        return await self._call(operations.predict_columns(columns, subjects))

    async def predict_table(self, table: bytes, form: TableForm = "arrow") -> bytes:
        """As `Client.predict_table`."""
        return await self._call(operations.predict_table(table, form))

    async def record_outcome(
        self,
        prediction_id: str,
        *,
        responded: bool,
        observed_on: date,
        source: str,
        arm: str | None = None,
        correction: bool = False,
    ) -> OutcomeRecorded:
        """As `Client.record_outcome`."""
        return await self._call(
            operations.record_outcome(
                prediction_id,
                responded=responded,
                observed_on=observed_on,
                source=source,
                arm=arm,
                correction=correction,
            )
        )

    async def describe_model(self) -> ModelDescription:
        """As `Client.describe_model`."""
        return await self._call(operations.describe_model())

    async def model_card(self) -> dict[str, Any]:
        """As `Client.model_card`."""
        return await self._call(operations.model_card())

    async def health_live(self) -> Alive:
        """As `Client.health_live`."""
        return await self._call(operations.health_live())

    async def health_ready(self) -> Ready:
        """As `Client.health_ready`."""
        return await self._call(operations.health_ready())

    async def aclose(self) -> None:
        if self._is_ours:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _new_name(self) -> str | None:
        return str(uuid4()) if self._named else None

    def __repr__(self) -> str:
        return f"AsyncClient({self._connection.url!r})"

    async def _call(self, operation: Operation[T]) -> T:
        url, headers, request_id = self._connection.request(operation)
        for attempt in count(1):
            outcome = await self._send(operation, url, headers)
            wait = self._retries.wait(operation, outcome, attempt, random.random())  # noqa: S311  no secret
            if wait is None:
                break
            await asyncio.sleep(wait)
        return result_of(operation, outcome, request_id, attempt)

    async def _send(self, operation: Operation[Any], url: str, headers: Mapping[str, str]) -> Answer | Lost:
        try:
            answer = await self._http.request(operation.method, url, content=operation.content, headers=headers)
        except httpx.RequestError as error:
            return Lost(type(error).__name__)
        return Answer(answer.status_code, answer.headers, answer.content)
