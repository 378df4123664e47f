"""Answers and inputs of a batch as JSON, an object for each row: the bytes of the object, put together from columns.

A column's values become JSON together, and a row is a template with its values: several times as fast as an object for each.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from acrcast_service.batch.schemas import Answered

PLAIN = {int, float, bool, type(None)}
TEXTS = {str, type(None)}


def answers_in_rows(answered: Answered) -> list[bytes]:
    """The answer of each row that was answered, in order."""
    numbers = (answered.rows + 1).tolist()
    if answered.full is not None:
        return [orjson.dumps({"row": row} | answer) for row, answer in zip(numbers, answered.full, strict=True)]
    if not numbers:
        return []
    columns = answered.columns
    cells = [_plain(numbers), answered.ids_in_json.split(b",")]
    template = b'{"row":%b,"prediction_id":%b'
    for arm, estimate in (("control", "probability"), ("treated", "probability"), ("benefit", "difference")):
        if f"{arm}_{estimate}" not in columns:
            continue
        template += f',"{arm}":{{"{estimate}":%b,"interval":[%b,%b]'.encode()
        names = [f"{arm}_{part}" for part in (estimate, "low", "high")]
        if (positive := f"{arm}_probability_positive") in columns:
            template += b',"probability_positive":%b'
            names.append(positive)
        template += b"}"
        cells += [numbers_as_json(columns[name]).split(b",") for name in names]
    template += b',"support":{"status":%b,"measures":%b},"missing":%b}'
    cells.append(_each_once(columns["support"].tolist(), orjson.dumps))
    cells += [_each_once(columns[name].tolist(), _words) for name in ("support_measures", "missing")]
    return [template % row for row in zip(*cells, strict=True)]


def inputs_in_rows(columns: Mapping[str, Sequence[Any]], rows: Sequence[int]) -> list[bytes]:
    """The object of each of the rows, of columns of values from JSON."""
    if not rows:
        return []
    names = b",".join([orjson.dumps(name).replace(b"%", b"%%") + b":%b" for name in columns])
    template = b"{" + names + b"}"
    cells = [_cells([column[i] for i in rows]) for column in columns.values()]
    return [template % row for row in zip(*cells, strict=True)]


def written(value: object) -> bytes:
    """A value as JSON again; what JSON has no word for becomes a list, which no field takes."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, default=lambda _: []).encode()


def numbers_as_json(values: npt.NDArray[Any]) -> bytes:
    """Numbers with commas between them; NaN is null."""
    return orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]


def _cells(values: list[Any]) -> list[bytes]:
    kinds = set(map(type, values))
    if kinds <= PLAIN:
        return _plain(values)
    return _each_once(values, orjson.dumps) if kinds <= TEXTS else list(map(written, values))


def _plain(values: list[Any]) -> list[bytes]:
    """Of values that have no comma."""
    try:
        return orjson.dumps(values)[1:-1].split(b",")
    except TypeError:
        return list(map(written, values))


def _each_once(texts: list[Any], written: Callable[[Any], bytes]) -> list[bytes]:
    """Of texts of which the same few stand in many rows."""
    different = {text: written(text) for text in set(texts)}
    return [different[text] for text in texts]


def _words(text: str) -> bytes:
    return orjson.dumps(text.split())
