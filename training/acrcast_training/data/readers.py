"""Data files as text: what each cell says, and where it stands. What a cell means is for the contract to say."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from acrcast.errors import DataError, Problem

ENDINGS = (".csv", ".parquet")

# What R writes for a missing value. Other words for it (".", "NULL", "nan") differ between programs and are not guessed.
R_MISSING = "NA"

# Every whole number up to here has a float of its own.
LARGEST_EXACT = 2**53

PIECE = 256


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """One file, cell by cell.

    columns: (n,) text for each named column, in the file's order, without spaces at the ends; "" is missing.
    rows: (n,) where each row stands: in a CSV file the line that an editor shows, the header being line 1; in a Parquet
        file its number, the first row being 1.
    unnamed: columns without a name, which hold something and are left out.
    """

    file: str
    columns: Mapping[str, npt.NDArray[np.object_]]
    rows: npt.NDArray[np.int64]
    unnamed: int = 0

    def __len__(self) -> int:
        return len(self.rows)


def read_table(path: Path) -> Table:
    """The table of a .csv or .parquet file.

    CSV: UTF-8, with or without a byte order mark; commas between cells; the first line names the columns; rows whose
    cells are all empty are skipped. An empty cell and NA are missing, in Parquet also null and NaN.
    Numbers of a Parquet file become the text that a CSV file would have: 14.0 is "14", true is "true".

    Raises DataError when the file is absent, is none of the two, or cannot be split into rows and columns for certain.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise DataError([_unreadable(path, f"expected a file that ends in {' or '.join(ENDINGS)}")])
    if not path.is_file():
        raise DataError([_unreadable(path, "there is no such file")])
    return _read_csv(path) if ending == ".csv" else _read_parquet(path)


def _read_csv(path: Path) -> Table:
    records = _records(path)
    row, header = next(records, (1, []))
    if not header:
        raise DataError([_unreadable(path, "the file is empty: the first line must name the columns")])
    if len(header) == 1 and any(sign in header[0] for sign in ";\t"):
        raise DataError([_unreadable(path, "expected commas between the cells, not semicolons or tabs", row)])
    columns: list[list[str]] = [[] for _ in header]
    rows: list[int] = []
    uneven: list[int] = []
    # in pieces, so that a row's list is short-lived: hundreds of thousands of them keep the garbage collector busy
    while piece := list(islice(records, PIECE)):
        uneven += [row for row, cells in piece if len(cells) != len(header)]
        even = [(row, cells) for row, cells in piece if len(cells) == len(header)]
        rows += [row for row, _ in even]
        for column, cells in zip(columns, zip(*(cells for _, cells in even), strict=True), strict=False):
            column.extend(cells)
    if uneven:
        message = f"expected {len(header)} cells as in the header (a decimal comma also makes one more)"
        raise DataError([Problem("", message, path.name, row, "DATA002") for row in uneven])
    return _table(path, header, columns, rows)


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, each with the line on which it begins."""
    lines = csv.reader(io.StringIO(_decoded(path), newline=""), strict=True)
    start = 1
    try:
        for record in lines:
            cells = [cell.strip() for cell in record]
            if any(cells):
                yield start, cells
            # a record spans several lines when a quoted cell holds a line break
            start = lines.line_num + 1
    except csv.Error as error:
        problem = _unreadable(path, 'expected CSV with commas between cells and " around a cell that holds one', start)
        raise DataError([problem]) from error


def _decoded(path: Path) -> str:
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError([_unreadable(path, 'expected text in UTF-8 (in Excel: "CSV UTF-8")')]) from error
    if "\0" in content:
        raise DataError([_unreadable(path, 'expected text in UTF-8 (in Excel: "CSV UTF-8"), found binary data')])
    return content


def _read_parquet(path: Path) -> Table:
    try:
        # a file by itself: reading it as a dataset would make columns of the names of its folders
        with pq.ParquetFile(path) as file:
            table = file.read()
        columns = [_texts(table.column(i)) for i in range(table.num_columns)]
    except (pa.ArrowException, OSError, ValueError, OverflowError, NotImplementedError) as error:
        raise DataError([_unreadable(path, "expected a Parquet file")]) from error
    if any("\0" in cell for column in columns for cell in column):
        raise DataError([_unreadable(path, "expected text, found binary data")])
    return _table(path, [name.strip() for name in table.column_names], columns, range(1, table.num_rows + 1))


def _texts(column: Any) -> list[str]:  # noqa: ANN401  pyarrow has no types
    values = column.to_pylist()
    if pa.types.is_float16(column.type) or pa.types.is_float32(column.type):
        # the shortest text that gives the number back at its own width: 0.1, not 0.10000000149011612
        return [text_of(value if value is None else float(str(np.float32(value)))) for value in values]
    return [text_of(value) for value in values]


def text_of(value: object) -> str:
    """The text that a CSV file would have for a value of a data frame."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float() if isnan(value):
            return ""
        case float() if value.is_integer() and abs(value) < LARGEST_EXACT:
            return str(int(value))
        case _:
            text = str(value).strip()
            return "" if text == R_MISSING else text


def _table(path: Path, header: Sequence[str], columns: Sequence[Sequence[str]], rows: Iterable[int]) -> Table:
    twice = [name for name, count in Counter(name for name in header if name).items() if count > 1]
    if twice:
        raise DataError(
            [Problem(shown(name), "expected one column of this name", path.name, None, "DATA003") for name in twice]
        )
    cells = [np.array(column, dtype=object) for column in columns]
    for column in cells:
        column[column == R_MISSING] = ""
    named = {name: column for name, column in zip(header, cells, strict=True) if name}
    unnamed = sum(1 for name, column in zip(header, cells, strict=True) if not name and any(column))
    return Table(path.name, named, np.fromiter(rows, dtype=np.int64), unnamed)


def _unreadable(path: Path, message: str, row: int | None = None) -> Problem:
    return Problem("", message, path.name, row, "DATA001")


def shown(name: str) -> str:
    """A column's name as a message may show it: printable, and no longer than a name needs to be."""
    printable = "".join(character if character.isprintable() else "?" for character in name)
    return printable if len(printable) <= 60 else printable[:59] + "…"
