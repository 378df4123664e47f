"""SAS files: transport files of version 5 and 8 (XPT), and sas7bdat.

Each of SAS's missing values, `.`, `._` and `.A` to `.Z`, is missing; a numeric column with a format of dates or times becomes
ISO 8601 text; blanks at the end of a text do not count. Value labels stand in a catalogue of its own, which is not read: codes
stay codes. TS-140, SAS Institute: the layout of transport files.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyreadstat

from acrcast.errors import DataError, Problem
from acrcast_training.data.table import Table, shown, table_of, text_of, unreadable

CARD = 80
MEMBER = b"HEADER RECORD*******MEM"
OBSERVATIONS = (b"HEADER RECORD*******OBS     ", b"HEADER RECORD*******OBSV8   ")
CUT_OFF = "it is not whole: it ends in the middle of a row"

# the library's types do not tell that this form gives lists by name, and whatever it says of the columns
Read = Callable[..., Any]


def read_xpt(path: Path, encoding: str | None = None) -> Table:
    """The one data set of a transport file. Raises DataError when it holds several, or is not whole as far as it tells.

    Version 8 says how many rows there are. Version 5 does not: a file that was cut off between two rows is read as it is.
    """
    content = _content(path)
    if not content.startswith(b"HEADER RECORD*******"):
        raise unreadable(path.name, "expected a SAS transport file (XPT), which begins with HEADER RECORD")
    if len(content) % CARD:
        raise unreadable(path.name, CUT_OFF)
    members = sum(content.startswith(MEMBER, at) for at in range(0, len(content), CARD))
    if members > 1:
        raise unreadable(path.name, f"it holds {members} data sets: write each into a file of its own")
    read: Read = partial(pyreadstat.read_xport, path, output_format="dict", encoding=encoding)
    columns, about = _values(path, read)
    _check_rows(path, content, about)
    return _table(path, columns, about)


def read_sas7bdat(path: Path, encoding: str | None = None) -> Table:
    """A .sas7bdat file, which says in which encoding its text is and how many rows it has."""
    read: Read = partial(pyreadstat.read_sas7bdat, path, output_format="dict", encoding=encoding)
    return _table(path, *_values(path, read))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path.name, "it cannot be opened") from error


def _values(path: Path, read: Read) -> tuple[Mapping[str, Sequence[object]], Any]:
    try:
        columns, about = read()
    except (UnicodeDecodeError, OverflowError, ValueError) as error:
        raise _cell_in_the_way(path, read, isinstance(error, UnicodeDecodeError)) from error
    except pyreadstat.ReadstatError as error:
        raise unreadable(path.name, f"expected a whole {path.suffix.lower()} file") from error
    return columns, about


def _cell_in_the_way(path: Path, read: Read, is_text: bool) -> DataError:  # noqa: FBT001  which of two
    """Where the first cell of each column is that cannot be read; the library itself gives up without saying."""
    expected = (
        "expected text in UTF-8: give the encoding in a mapping, or write the file anew"
        if is_text
        else "expected a date or time between the years 1 and 9999"
    )
    try:
        names = list(read(metadataonly=True)[1].column_names)
    except UnicodeDecodeError:
        return unreadable(path.name, f"the names or labels of its columns: {expected}")
    problems = []
    for name in names:
        row = _first_unreadable(partial(read, usecols=[name]))
        if row is not None:
            problems.append(Problem(shown(name), f"{expected} (the first such cell)", path.name, row, "DATA011"))
    return DataError(problems) if problems else unreadable(path.name, expected)


def _first_unreadable(read: Read) -> int | None:
    """The number of the first row that cannot be read, by halving; None when all can be."""
    if _readable(read, 0):
        return None
    high = 1
    while _readable(read, high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _readable(read, middle) else (low, middle)
    return high


def _readable(read: Read, rows: int) -> bool:
    """Whether the first rows can be read; 0 is all of them."""
    try:
        read(row_limit=rows)
    except (UnicodeDecodeError, OverflowError, ValueError):
        return False
    return True


def _check_rows(path: Path, content: bytes, about: Any) -> None:  # noqa: ANN401  pyreadstat's container
    """Version 8: as many rows as it says. Version 5: nothing but blanks behind the last whole row."""
    at = max(content.find(mark) for mark in OBSERVATIONS)
    told = content[at + 48 : at + 63].strip()
    if content.startswith(OBSERVATIONS[1], at) and told.isdigit() and int(told) != about.number_rows:
        raise unreadable(path.name, f"it says that it has {int(told)} rows and holds {about.number_rows}")
    width = sum(about.variable_storage_width.values())
    if content[at + CARD + width * about.number_rows :].strip(b" "):
        raise unreadable(path.name, CUT_OFF)


def _table(path: Path, columns: Mapping[str, Sequence[object]], about: Any) -> Table:  # noqa: ANN401  as above
    texts = [_texts(values) for values in columns.values()]
    rows = range(1, (len(texts[0]) if texts else 0) + 1)
    labels = {name: label for name, label in about.column_names_to_labels.items() if label}
    return table_of(path.name, list(columns), texts, rows, labels)


def _texts(values: Sequence[object]) -> list[str]:
    """Each distinct value is written once: in a laboratory's table of many rows there are few."""
    written = {value: text_of(value) for value in set(values)}
    return [written[value] for value in values]
