"""Answers to a batch in each form, written chunk by chunk."""

from typing import Any, Protocol

import orjson

from acrcast_service.batch.schemas import Form
from acrcast_service.batch.service import Answered


class AnswerWriter(Protocol):
    """Gives the bytes of an answer piece by piece: `begin`, `rows` for each chunk, `end`."""

    def begin(self) -> bytes: ...

    def rows(self, answered: Answered) -> bytes: ...

    def end(self, answered: int, refused: int) -> bytes: ...


def writer_of(form: Form, head: dict[str, Any], numbers: dict[str, bool]) -> AnswerWriter:
    """head: what holds for all rows. numbers: the columns of an answer in columns, and whether each holds numbers."""
    if form == "patients":
        return Rows(head)
    return Columns(head, numbers) if form == "columns" else Binary(form, head, numbers)


class Rows:
    """JSON, an object for each row."""

    def __init__(self, head: dict[str, Any]) -> None:
        self._head, self._separator = head, b""

    def begin(self) -> bytes:
        return orjson.dumps(self._head)[:-1] + b',"predictions":['

    def rows(self, answered: Answered) -> bytes:
        written = b",".join([orjson.dumps(answer) for _, answer in answered])
        piece = self._separator + written
        self._separator = b"," if written or self._separator else b""
        return piece

    def end(self, answered: int, refused: int) -> bytes:
        return b"]," + _closing(answered, refused)


class Columns:
    """JSON, a list for each column with null in the rows that were refused; these are in `errors`."""

    def __init__(self, head: dict[str, Any], numbers: dict[str, bool]) -> None:
        self._head = head
        self._columns: dict[str, list[Any]] = {name: [] for name in ("row", *numbers) if name != "error"}
        self._errors: list[dict[str, Any]] = []

    def begin(self) -> bytes:
        return orjson.dumps(self._head)[:-1] + b',"columns":{'

    def rows(self, answered: Answered) -> bytes:
        for name, column in _aligned(answered).items():
            if name in self._columns:
                self._columns[name] += column
        self._errors += [{"row": i + 1, "errors": errors} for i, errors in answered.refused.items()]
        return b""

    def end(self, answered: int, refused: int) -> bytes:
        columns = b",".join(orjson.dumps(name) + b":" + orjson.dumps(column) for name, column in self._columns.items())
        return columns + b'},"errors":' + orjson.dumps(self._errors) + b"," + _closing(answered, refused)


class Binary:
    """Arrow or Parquet: null in the rows that were refused, whose `error` says why; what holds for all is the metadata."""

    def __init__(self, form: Form, head: dict[str, Any], numbers: dict[str, bool]) -> None:
        from acrcast_service.batch.arrow import ArrowWriter, schema_of  # noqa: PLC0415  only for those who ask for it

        self._writer = ArrowWriter(schema_of(numbers, {"acrcast": orjson.dumps(head).decode()}), form)

    def begin(self) -> bytes:
        return self._writer.take()

    def rows(self, answered: Answered) -> bytes:
        columns = _aligned(answered)
        columns["error"] = [
            _told(answered.refused[i]) if i in answered.refused else None
            for i in range(answered.first, answered.first + answered.count)
        ]
        self._writer.write(columns)
        return self._writer.take()

    def end(self, answered: int, refused: int) -> bytes:  # noqa: ARG002  as the others
        self._writer.close()
        return self._writer.take()


def _aligned(answered: Answered) -> dict[str, list[Any]]:
    """A value for each row, None in those that were refused."""
    rows = list(range(answered.first + 1, answered.first + answered.count + 1))
    columns = {"prediction_id": answered.ids, **answered.columns}
    if not answered.refused:
        return {"row": rows, **columns}
    places = (answered.rows - answered.first).tolist()
    spread: dict[str, list[Any]] = {"row": rows}
    for name, column in columns.items():
        spread[name] = [None] * answered.count
        for place, value in zip(places, column, strict=True):
            spread[name][place] = value
    return spread


def _told(errors: list[dict[str, str]]) -> str:
    return "; ".join(": ".join(part for part in (error["field"], error["message"]) if part) for error in errors)


def _closing(answered: int, refused: int) -> bytes:
    return orjson.dumps({"answered": answered, "refused": refused, "complete": True})[1:]
