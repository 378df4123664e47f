"""A client that waits."""

import random
import time
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


class Client:
    """Of one server. Threads may share it. Close it, or use it as a context.

    key: an API key or a token; or a function that gives the token that holds now.
    timeout: seconds to connect, and until the next part of an answer. A batch of thousands takes seconds.
    named: whether each prediction gets an idempotency key. A server that keeps no audit refuses them: without, nothing is repeated.
    http: an httpx.Client of your own, for certificates and proxies; it stays yours to close, and its timeout holds.
    Every call raises ClientError, and nothing else that comes of the server or the network.
    """

    def __init__(
        self,
        url: str,
        *,
        key: Key = None,
        timeout: float = 10.0,
        retries: Retries = Retries(),  # noqa: B008  frozen
        named: bool = True,
        http: httpx.Client | None = None,
    ) -> None:
        self._connection, self._retries, self._named = Connection(url, key), retries, named
        self._http, self._is_ours = http or httpx.Client(timeout=timeout), http is None

    def predict(
        self, patient: AnyPatient, *, subject: str | None = None, idempotency_key: str | None = None
    ) -> Prediction:
        """The complete answer for one patient. A measure that is absent, None or NaN is averaged over, not taken as zero.

        subject: your pseudonym of the patient. idempotency_key: a name of this request; one is made, so that asking again
        after a failure of the network repeats the answer, and records it once.
        """
        return self._call(operations.predict(patient, subject, idempotency_key or self._new_name()))

    def predict_batch(
        self,
        patients: Iterable[AnyPatient],
        *,
        subjects: Sequence[str | None] | None = None,
        complete: bool = False,
    ) -> BatchAnswer:
        """A prediction or errors for each patient, in `predictions`. complete: as complete as `predict` answers.

        A batch has no name that the server would know it by, so it is never sent twice: on an error, ask again yourself.
        """
        return self._call(operations.predict_batch(patients, subjects, complete=complete))

    def predict_columns(
        self, columns: Mapping[str, object], *, subjects: Sequence[str | None] | None = None
    ) -> BatchAnswer:
        """The same from lists, arrays or columns by field, all of one length; the answer has `columns` and `errors`."""
        return self._call(operations.predict_columns(columns, subjects))

    def predict_table(self, table: bytes, form: TableForm = "arrow") -> bytes:
        """The same of an Arrow stream or a Parquet file; the answer is one as well, as bytes."""
        return self._call(operations.predict_table(table, form))

    def record_outcome(
        self,
        prediction_id: str,
        *,
        responded: bool,
        observed_on: date,
        source: str,
        arm: str | None = None,
        correction: bool = False,
    ) -> OutcomeRecorded:
        """Say what happened after a prediction. The same outcome sent again is recorded once; another is a correction.

        arm: key of the arm that the patient was treated in; a study of two arms needs it to judge the prediction.
        """
        return self._call(
            operations.record_outcome(
                prediction_id,
                responded=responded,
                observed_on=observed_on,
                source=source,
                arm=arm,
                correction=correction,
            )
        )

    def describe_model(self) -> ModelDescription:
        """The model that answers now, and the fields of a patient."""
        return self._call(operations.describe_model())

    def model_card(self) -> dict[str, Any]:
        """How the model was made and validated, on which data, and what it is not for."""
        return self._call(operations.model_card())

    def health_live(self) -> Alive:
        """Whether the process answers, asked once."""
        return self._call(operations.health_live())

    def health_ready(self) -> Ready:
        """Whether it can predict, asked once. Raises Unavailable when it cannot."""
        return self._call(operations.health_ready())

    def close(self) -> None:
        if self._is_ours:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def _new_name(self) -> str | None:
        return str(uuid4()) if self._named else None

    def __repr__(self) -> str:
        return f"Client({self._connection.url!r})"

    def _call(self, operation: Operation[T]) -> T:
        url, headers, request_id = self._connection.request(operation)
        for attempt in count(1):
            outcome = self._send(operation, url, headers)
            wait = self._retries.wait(operation, outcome, attempt, random.random())  # noqa: S311  no secret
            if wait is None:
                break
            time.sleep(wait)
        return result_of(operation, outcome, request_id, attempt)

    def _send(self, operation: Operation[Any], url: str, headers: Mapping[str, str]) -> Answer | Lost:
        try:
            answer = self._http.request(operation.method, url, content=operation.content, headers=headers)
        except httpx.RequestError as error:
            return Lost(type(error).__name__)
        return Answer(answer.status_code, answer.headers, answer.content)
