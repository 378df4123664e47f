"""CSV: UTF-8, with or without a byte order mark; commas between cells; the first line names the columns."""

import csv
from array import array
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from acrcast.errors import DataError, Problem
from acrcast_training.data.table import Collected, Table, table_of, unreadable

PIECE = 256


def read_csv(path: Path, encoding: str | None = None) -> Table:
    """Rows whose cells are all empty are skipped; an empty cell and NA are missing.

    Raises DataError when the file cannot be split into rows and columns for certain.
    """
    records = _records(path, encoding)
    row, header = next(records, (1, []))
    if not header:
        raise unreadable(path.name, "the file is empty: the first line must name the columns")
    if len(header) == 1 and any(sign in header[0] for sign in ";\t"):
        raise unreadable(path.name, "expected commas between the cells, not semicolons or tabs", row)
    columns = [Collected() for _ in header]
    rows = array("q")
    uneven: list[int] = []
    # in pieces, so that a row's list is short-lived: hundreds of thousands of them keep the garbage collector busy
    while piece := list(islice(records, PIECE)):
        uneven += [row for row, cells in piece if len(cells) != len(header)]
        even = [(row, cells) for row, cells in piece if len(cells) == len(header)]
        rows.extend(row for row, _ in even)
        for column, cells in zip(columns, zip(*(cells for _, cells in even), strict=True), strict=False):
            column.extend(cells)
    if uneven:
        message = f"expected {len(header)} cells as in the header (a decimal comma also makes one more)"
        raise DataError([Problem("", message, path.name, row, "DATA002") for row in uneven])
    return table_of(path.name, header, columns, rows)


def _records(path: Path, encoding: str | None) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, each with the line on which it begins."""
    lines = csv.reader(_lines(path, encoding), strict=True)
    start = 1
    try:
        for record in lines:
            cells = [cell.strip() for cell in record]
            if any(cells):
                yield start, cells
            # a record spans several lines when a quoted cell holds a line break
            start = lines.line_num + 1
    except csv.Error as error:
        message = 'expected CSV with commas between cells and " around a cell that holds one'
        raise unreadable(path.name, message, start) from error


def _lines(path: Path, encoding: str | None) -> Iterator[str]:
    """The file's lines, one after the other: the text as a whole would be larger than what is made of it."""
    expected = 'expected text in UTF-8 (in Excel: "CSV UTF-8")' if encoding is None else f"expected text in {encoding}"
    try:
        with path.open(encoding=encoding or "utf-8-sig", newline="") as file:
            for line in file:
                if "\0" in line:
                    raise unreadable(path.name, f"{expected}, found binary data")
                yield line
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path.name, expected) from error
