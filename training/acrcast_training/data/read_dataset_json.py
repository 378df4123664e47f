"""CDISC Dataset-JSON 1.1 and 1.0, and its form with a line a row (NDJSON).

Dataset-JSON Specification 1.1, CDISC 2024-12-05: a missing value is null, a number is a JSON number or, as `decimal`, a text
with a point; dates and times are ISO 8601 text. In 1.0 the same stands inside clinicalData or referenceData.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acrcast.errors import DataError, Problem
from acrcast_training.data.table import Table, refuse_binary, shown, table_of, text_of, unreadable

FORM = "expected CDISC Dataset-JSON 1.1 or 1.0"
DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")

# What a value of each logical type is in JSON; null is missing in all of them.
TYPES: Mapping[str, Callable[[object], bool]] = {
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "double": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "decimal": lambda value: isinstance(value, str) and bool(DECIMAL.fullmatch(value)),
    "boolean": lambda value: isinstance(value, bool),
    **dict.fromkeys(("string", "datetime", "date", "time", "URI"), lambda value: isinstance(value, str)),
}


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    label: str
    data_type: str


def read_dataset_json(path: Path) -> Table:
    """A .json file; a row is its number, the first being 1. Raises DataError when it is not of this form, or incomplete."""
    data = _parsed(path, _text(path), "cut off, or no JSON")
    if isinstance(data, dict) and ("clinicalData" in data or "referenceData" in data):
        return _of_version_1_0(path, data)
    columns = _columns(path, data, "columns", "dataType")
    return _table(path, columns, _list(path, data.get("rows", [])), data.get("records"), first_row=1)


def read_dataset_ndjson(path: Path) -> Table:
    """A .ndjson file: a line with the columns, then a line a row; a row is the line that an editor shows."""
    lines = _text(path).rstrip().splitlines()
    if not lines:
        raise unreadable(path.name, f"{FORM}, found an empty file")
    data = _parsed(path, lines[0], "no JSON object of the columns", 1)
    columns = _columns(path, data, "columns", "dataType")
    rows = [_parsed(path, line, "cut off, or no JSON array", i) for i, line in enumerate(lines[1:], 2)]
    return _table(path, columns, rows, data.get("records"), first_row=2)


def _of_version_1_0(path: Path, data: Mapping[str, Any]) -> Table:
    groups = [
        group
        for kind in ("clinicalData", "referenceData")
        if isinstance(data.get(kind), dict)
        for group in dict(data[kind].get("itemGroupData") or {}).values()
    ]
    if len(groups) != 1 or not isinstance(groups[0], dict):
        raise unreadable(path.name, f"{FORM} with one data set, found {len(groups)}")
    columns = _columns(path, groups[0], "items", "type")
    return _table(path, columns, _list(path, groups[0].get("itemData", [])), groups[0].get("records"), first_row=1)


def _columns(path: Path, data: object, key: str, type_key: str) -> list[_Column]:
    if not isinstance(data, dict) or not isinstance(data.get(key), list) or not data[key]:
        raise unreadable(path.name, f"{FORM}: an object with {key}")
    columns = []
    for item in data[key]:
        given = item if isinstance(item, dict) else {}
        name, data_type = given.get("name"), str(given.get(type_key))
        if not isinstance(name, str) or not name.strip() or data_type not in TYPES:
            raise unreadable(path.name, f"{FORM}: every column with a name and a {type_key} of {', '.join(TYPES)}")
        columns.append(_Column(name.strip(), str(given.get("label", "")), data_type))
    return columns


def _table(path: Path, columns: Sequence[_Column], rows: Sequence[Any], records: object, first_row: int) -> Table:
    numbers = range(first_row, first_row + len(rows))
    uneven = [n for n, row in zip(numbers, rows, strict=True) if not isinstance(row, list) or len(row) != len(columns)]
    if uneven:
        message = f"expected {len(columns)} values, one for each column"
        raise DataError([Problem("", message, path.name, number, "DATA002") for number in uneven])
    if records is not None and records != len(rows):
        raise unreadable(path.name, f"it says that it has {records} records and holds {len(rows)}: it is not whole")
    problems = []
    texts: list[list[str]] = []
    for j, column in enumerate(columns):
        values, fits = [row[j] for row in rows], TYPES[column.data_type]
        problems += [
            Problem(shown(column.name), f"expected a {column.data_type} or null", path.name, number, "DATA011")
            for number, value in zip(numbers, values, strict=True)
            if value is not None and not fits(value)
        ]
        texts.append([text_of(value) for value in values])
    if problems:
        raise DataError(problems)
    refuse_binary(path.name, texts)
    labels = {column.name: column.label for column in columns if column.label}
    return table_of(path.name, [column.name for column in columns], texts, numbers, labels)


def _list(path: Path, found: object) -> Sequence[Any]:
    if not isinstance(found, list):
        raise unreadable(path.name, f"{FORM}: rows as a list")
    return found


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path.name, "expected text in UTF-8, as Dataset-JSON is") from error


def _parsed(path: Path, text: str, otherwise: str, row: int | None = None) -> Any:  # noqa: ANN401  JSON of any form
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise unreadable(path.name, f"{FORM}: {otherwise}", row) from error


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
