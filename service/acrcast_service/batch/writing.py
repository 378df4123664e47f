"""Answers to a batch in each form, written chunk by chunk."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import orjson

from acrcast_service.batch.rows import answers_in_rows, numbers_as_json
from acrcast_service.batch.schemas import Answered, Form


class AnswerWriter(Protocol):
    """Gives the bytes of an answer piece by piece: `begin`, `rows` for each chunk, and those of `end`."""

    def begin(self) -> bytes: ...

    def rows(self, answered: Answered) -> bytes: ...

    def end(self, answered: int, refused: int) -> Iterator[bytes]: ...


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
        pieces = answers_in_rows(answered)
        # in their order, which is that of the rows
        for i, errors in sorted(answered.refused.items()):
            pieces.insert(i - answered.first, orjson.dumps({"row": i + 1, "errors": errors}))
        written = b",".join(pieces)
        piece = self._separator + written
        self._separator = b"," if written or self._separator else b""
        return piece

    def end(self, answered: int, refused: int) -> Iterator[bytes]:
        yield b"]," + _closing(answered, refused)


class Columns:
    """JSON, a list for each column with null in the rows that were refused; these are in `errors`.

    The numbers of the rows leave with each chunk. Another column can only begin when they have ended: of it the JSON is kept,
    which takes a tenth of what the values would take, and leaves column by column.
    """

    def __init__(self, head: dict[str, Any], numbers: dict[str, bool]) -> None:
        self._head, self._separator = head, b""
        self._columns: dict[str, list[bytes]] = {name: [] for name in numbers if name != "error"}
        self._errors: list[dict[str, Any]] = []

    def begin(self) -> bytes:
        return orjson.dumps(self._head)[:-1] + b',"columns":{"row":['

    def rows(self, answered: Answered) -> bytes:
        if not answered.count:
            return b""
        columns = {name: _within(column) for name, column in _aligned(answered).items()}
        columns["prediction_id"] = _within(_ids(answered)) if answered.refused else answered.ids_in_json
        for name, kept in self._columns.items():
            kept.append(columns[name])
        self._errors += [{"row": i + 1, "errors": errors} for i, errors in answered.refused.items()]
        piece = self._separator + columns["row"]
        self._separator = b","
        return piece

    def end(self, answered: int, refused: int) -> Iterator[bytes]:
        yield b"]"
        for name in list(self._columns):
            yield b"," + orjson.dumps(name) + b":[" + b",".join(self._columns.pop(name)) + b"]"
        yield b'},"errors":' + orjson.dumps(self._errors) + b"," + _closing(answered, refused)


class Binary:
    """Arrow or Parquet: null in the rows that were refused, whose `error` says why; what holds for all is the metadata."""

    def __init__(self, form: Form, head: dict[str, Any], numbers: dict[str, bool]) -> None:
        from acrcast_service.batch.arrow import ArrowWriter, schema_of  # noqa: PLC0415  only for those who ask for it

        self._writer = ArrowWriter(schema_of(numbers, {"acrcast": orjson.dumps(head).decode()}), form)

    def begin(self) -> bytes:
        return self._writer.take()

    def rows(self, answered: Answered) -> bytes:
        columns = _aligned(answered)
        columns["prediction_id"] = _ids(answered)
        columns["error"] = np.full(answered.count, None, dtype=object)
        for i, errors in answered.refused.items():
            columns["error"][i - answered.first] = _told(errors)
        self._writer.write(columns)
        return self._writer.take()

    def end(self, answered: int, refused: int) -> Iterator[bytes]:  # noqa: ARG002  as the others
        self._writer.close()
        yield self._writer.take()


def _aligned(answered: Answered) -> dict[str, npt.NDArray[Any]]:
    """A value for each row; NaN or None in those that were refused."""
    rows = np.arange(answered.first + 1, answered.first + answered.count + 1)
    return {"row": rows, **{name: _spread(answered, column) for name, column in answered.columns.items()}}


def _ids(answered: Answered) -> npt.NDArray[Any]:
    return _spread(answered, np.array(answered.ids, dtype=object))


def _spread(answered: Answered, column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if not answered.refused:
        return column
    spread = np.full(answered.count, np.nan if column.dtype.kind == "f" else None, dtype=column.dtype)
    spread[answered.rows - answered.first] = column
    return spread


def _within(values: npt.NDArray[Any]) -> bytes:
    """The values as JSON, without the brackets of a list; NaN is null."""
    if values.dtype == object:
        return orjson.dumps(values.tolist())[1:-1]
    return numbers_as_json(values)


def _told(errors: list[dict[str, str]]) -> str:
    return "; ".join(": ".join(part for part in (error["field"], error["message"]) if part) for error in errors)


def _closing(answered: int, refused: int) -> bytes:
    return orjson.dumps({"answered": answered, "refused": refused, "complete": True})[1:]
