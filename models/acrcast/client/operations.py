"""The calls of the API: what is sent, and how the answer is read. Nothing is sent here."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import urlencode

from pydantic_core import from_json

from acrcast.client.errors import NotSent
from acrcast.client.reading import read
from acrcast.client.writing import written
from acrcast.contract import Patient
from acrcast.prediction import Prediction
from acrcast.protocol import ARROW, JSON, PARQUET, Alive, BatchAnswer, ModelDescription, OutcomeRecorded, Ready

T = TypeVar("T")

AnyPatient = Mapping[str, object] | Patient
TableForm = Literal["arrow", "parquet"]
MEDIA_TYPES: Mapping[TableForm, str] = {"arrow": ARROW, "parquet": PARQUET}


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """One call. It is never shown: it holds a patient.

    read: the answer of a body; raises ValueError when it is none. headers, content: what is sent.
    repeatable: sent again, it does what it did the first time: it reads, or it has a name that the server knows it by.
    """

    method: str
    path: str
    read: Callable[[bytes], T] = field(repr=False)
    repeatable: bool
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes = field(default=b"", repr=False)


def predict(patient: AnyPatient, subject: str | None, idempotency_key: str | None) -> Operation[Prediction]:
    """Repeatable under its key: the server answers with what it answered the first time."""
    headers = _named(subject_reference=subject, idempotency_key=idempotency_key)
    repeatable = idempotency_key is not None
    return _post("/predict", patient, partial(read, Prediction), repeatable=repeatable, headers=headers)


def predict_batch(
    patients: Iterable[AnyPatient], subjects: Sequence[str | None] | None, *, complete: bool
) -> Operation[BatchAnswer]:
    path = "/predict/batch" + (f"?{urlencode({'detail': 'full'})}" if complete else "")
    return _post(path, {"patients": list(patients)} | _about(subjects), partial(read, BatchAnswer), repeatable=False)


def predict_columns(columns: Mapping[str, object], subjects: Sequence[str | None] | None) -> Operation[BatchAnswer]:
    return _post(
        "/predict/batch", {"columns": columns} | _about(subjects), partial(read, BatchAnswer), repeatable=False
    )


def predict_table(table: bytes, form: TableForm) -> Operation[bytes]:
    headers = {"Content-Type": MEDIA_TYPES[form]}
    return Operation("POST", "/predict/batch", bytes, repeatable=False, headers=headers, content=table)


def record_outcome(
    prediction_id: str, *, responded: bool, observed_on: date, source: str, arm: str | None, correction: bool
) -> Operation[OutcomeRecorded]:
    """Repeatable: the server records the same outcome of a prediction once."""
    outcome = {
        "prediction_id": prediction_id,
        "responded": responded,
        "observed_on": observed_on,
        "source": source,
        "arm": arm,
        "correction": correction,
        **({"arm": arm} if arm is not None else {}),
    }
    return _post("/outcomes", outcome, partial(read, OutcomeRecorded), repeatable=True)


def describe_model() -> Operation[ModelDescription]:
    return Operation("GET", "/model", partial(read, ModelDescription), repeatable=True)


def model_card() -> Operation[dict[str, Any]]:
    return Operation("GET", "/model/card", _card, repeatable=True)


def health_live() -> Operation[Alive]:
    """Not repeated: whoever asks wants to know how it is now. So is `health_ready`."""
    return Operation("GET", "/health/live", partial(read, Alive), repeatable=False)


def health_ready() -> Operation[Ready]:
    return Operation("GET", "/health/ready", partial(read, Ready), repeatable=False)


def _post(
    path: str,
    content: object,
    reading: Callable[[bytes], T],
    *,
    repeatable: bool,
    headers: Mapping[str, str] | None = None,
) -> Operation[T]:
    sent = {"Content-Type": JSON, **(headers or {})}
    return Operation("POST", path, reading, repeatable=repeatable, headers=sent, content=written(content))


def _about(subjects: Sequence[str | None] | None) -> dict[str, object]:
    return {} if subjects is None else {"subjects": list(subjects)}


def _card(content: bytes) -> dict[str, Any]:
    card: object = from_json(content)
    if not isinstance(card, dict):
        raise ValueError("expected an object")  # noqa: TRY004  the answer's fault, not the caller's
    return card


def _named(**headers: str | None) -> dict[str, str]:
    """The headers that are given. Raises NotSent for one that no header can hold, without repeating it."""
    for name, text in headers.items():
        if text is not None and not (text and text.isascii() and text.isprintable()):
            raise NotSent(f"{name}: expected printable ASCII characters")
    return {name.replace("_", "-").title(): text for name, text in headers.items() if text is not None}
