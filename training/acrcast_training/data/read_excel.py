"""Excel workbooks (.xlsx): the values as they are stored, with a note of what Excel may have changed.

Excel turns what looks like a date into one, drops zeros at the front, and shows numbers otherwise than it stores them. What it
stored is read, and which columns that may concern is told: a CSV or SAS file needs no such care.
"""

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from acrcast.errors import DataError, Problem
from acrcast_training.data.table import Table, shown, table_of, text_of, unreadable

NOTE = "DATA107"
NO_TIME = time()


def read_excel(path: Path, sheet: str | None = None) -> Table:
    """The sheet of this name, or the only one. Its first row that holds something names the columns.

    Raises DataError when there are several sheets and none is named, when cells are merged, and for each cell that holds an
    error or a formula whose result was not stored.
    """
    values, formulas = (_workbook(path, data_only) for data_only in (True, False))
    name = _sheet_name(path, values, sheet)
    found, written = values[name], formulas[name]
    file = path.name if sheet is None else f"{path.name}#{name}"
    if found.merged_cells.ranges:
        where = ", ".join(sorted(str(cells) for cells in found.merged_cells.ranges)[:5])
        raise unreadable(file, f"cells are merged ({where}): split them, each row with values of its own")
    rows = [(row[0].row, row) for row in found.iter_rows() if any(text_of(cell.value) for cell in row)]
    if not rows:
        raise unreadable(file, f"the sheet {shown(name)} is empty: its first row must name the columns")
    header = [text_of(cell.value) for cell in rows[0][1]]
    columns = [[row[j] for _, row in rows[1:]] for j in range(len(header))]
    problems = [
        Problem(shown(title), message, file, cell.row, "DATA011")
        for title, cells in zip(header, columns, strict=True)
        for cell, message in _unread(cells, written)
    ]
    if problems:
        raise DataError(problems)
    texts = [[_text(cell.value) for cell in cells] for cells in columns]
    note = Problem("", "; ".join(_changed(header, columns)), file, None, NOTE)
    return table_of(file, header, texts, (number for number, _ in rows[1:]), notes=[note])


def _workbook(path: Path, data_only: bool) -> Any:  # noqa: ANN401, FBT001  openpyxl has no types; values or formulas
    try:
        with warnings.catch_warnings():
            # what it leaves out are styles and extensions, and no cells
            warnings.simplefilter("ignore", UserWarning)
            return load_workbook(path, data_only=data_only)
    except Exception as error:  # a damaged one fails anywhere in it: archive, compression, XML, or openpyxl itself
        raise unreadable(path.name, "expected a whole .xlsx file") from error


def _sheet_name(path: Path, workbook: Any, sheet: str | None) -> str:  # noqa: ANN401  openpyxl has no types
    names = [found.title for found in workbook.worksheets if found.sheet_state == "visible"]
    if sheet is None and len(names) == 1:
        return str(names[0])
    if sheet in workbook.sheetnames:
        return str(sheet)
    told = ", ".join(map(shown, names))
    raise unreadable(path.name, f"expected the name of a sheet, as {path.name}#NAME: there are {told}")


def _unread(cells: Sequence[Any], formulas: Any) -> Iterator[tuple[Any, str]]:  # noqa: ANN401  openpyxl has no types
    for cell in cells:
        if cell.data_type == "e":
            yield cell, "expected a value, found an error of Excel"
        elif cell.value is None and formulas[cell.coordinate].data_type == "f":
            yield cell, "the result of this formula is not in the file: save it with Excel, or as values"


def _text(value: object) -> str:
    if isinstance(value, datetime) and value.time() == NO_TIME:
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, datetime | date | time) else text_of(value)


def _changed(header: Sequence[str], columns: Sequence[Sequence[Any]]) -> Iterator[str]:
    """What to look at, column by column: what Excel does to what is typed."""
    yield "read from Excel, which changes what is typed: compare with the source"
    kinds = {
        "dates": lambda cell: isinstance(cell.value, datetime | date | time),
        "numbers with zeros at the front, which are not stored": lambda cell: (
            isinstance(cell.value, int | float) and str(cell.number_format).startswith("00")
        ),
    }
    for kind, concerns in kinds.items():
        if named := [shown(name) for name, cells in zip(header, columns, strict=True) if any(map(concerns, cells))]:
            yield f"{kind} in {', '.join(named)}"
    mixed = [shown(name) for name, cells in zip(header, columns, strict=True) if _mixed(cells)]
    if mixed:
        yield f"numbers beside text in {', '.join(mixed)}"


def _mixed(cells: Sequence[Any]) -> bool:
    kinds = Counter(type(cell.value) in (int, float) for cell in cells if text_of(cell.value))
    return len(kinds) > 1
