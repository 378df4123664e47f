"""A data file cell by cell, as text, with the place where each cell stands."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import Self

import numpy as np
import numpy.typing as npt

from acrcast.errors import DataError, Problem

# What R writes for a missing value. Other words for it (".", "NULL", "nan") differ between programs and are not guessed.
R_MISSING = "NA"

# Every whole number up to here has a float of its own.
LARGEST_EXACT = 2**53


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where the cells of a column stand that was taken from other files.

    names: (n,) what its column is called there, files: (n,) and rows: (n,) where each cell is; row 0 where there is none.
    """

    names: npt.NDArray[np.object_]
    files: npt.NDArray[np.object_]
    rows: npt.NDArray[np.int64]

    @classmethod
    def of(cls, name: str, file: str, rows: npt.NDArray[np.int64]) -> Self:
        """All of one column of one file."""
        return cls(np.full(len(rows), name, dtype=object), np.full(len(rows), file, dtype=object), rows)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """One file, or what a mapping made of several.

    columns: (n,) text for each named column, in the file's order, without spaces at the ends; "" is missing.
    rows: (n,) where each row stands: in text and in a sheet the line that is shown, elsewhere its number from 1.
    unnamed: columns without a name, which hold something and are left out.
    labels: what the file says of a column, by name. notes: what reading it left to tell.
    origins: of columns that stand elsewhere than `file` and `rows` say.
    """

    file: str
    columns: Mapping[str, npt.NDArray[np.object_]]
    rows: npt.NDArray[np.int64]
    unnamed: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Problem, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def places(
        self, at: npt.NDArray[np.bool_] | npt.NDArray[np.intp], name: str
    ) -> Iterator[tuple[str, str, tuple[int, ...]]]:
        """File, column and row numbers of the cells of column `name` in the rows that a mask or positions select.

        name: also several, with ", " between them, which stand where the first does.
        """
        origin = self._origin(name)
        if origin is None:
            yield self.file, name, tuple(self.rows[at].tolist())
            return
        numbers = origin.rows[at]
        told: dict[tuple[str, str], list[int]] = {}
        for file, column, number in zip(origin.files[at], origin.names[at], numbers.tolist(), strict=True):
            if number:
                told.setdefault((file, column), []).append(number)
        yield from ((file, column, tuple(rows)) for (file, column), rows in told.items())
        yield self.file, name, tuple(self.rows[at][numbers == 0].tolist())

    def place(self, name: str) -> tuple[str, str]:
        """File and name of a column as a whole."""
        origin = self._origin(name)
        if origin is None or not np.any(origin.rows):
            return self.file, name
        first = int(np.flatnonzero(origin.rows)[0])
        return str(origin.files[first]), str(origin.names[first])

    def _origin(self, name: str) -> Origin | None:
        found = [self.origins.get(part) for part in name.split(", ")]
        known = [origin for origin in found if origin is not None]
        if not known or len(known) < len(found):
            return None
        names = known[0].names
        for origin in known[1:]:
            names = names + ", " + origin.names
        return Origin(names, known[0].files, known[0].rows)


def text_of(value: object) -> str:
    """The text that a CSV file would have for a value: 14.0 is "14", true is "true", a day is 2026-01-31."""
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


def table_of(
    file: str,
    header: Sequence[str],
    columns: Sequence[Sequence[str]],
    rows: Iterable[int],
    labels: Mapping[str, str] | None = None,
    notes: Sequence[Problem] = (),
) -> Table:
    """The table of a header and its columns of text. Raises DataError when two columns have the same name."""
    twice = [name for name, count in Counter(name for name in header if name).items() if count > 1]
    if twice:
        raise DataError(
            [Problem(shown(name), "expected one column of this name", file, None, "DATA003") for name in twice]
        )
    cells = [np.array(column, dtype=object) for column in columns]
    for column in cells:
        column[column == R_MISSING] = ""
    named = {name: column for name, column in zip(header, cells, strict=True) if name}
    unnamed = sum(1 for name, column in zip(header, cells, strict=True) if not name and any(column))
    return Table(file, named, np.fromiter(rows, dtype=np.int64), unnamed, dict(labels or {}), tuple(notes))


def refuse_binary(file: str, columns: Iterable[Iterable[str]]) -> None:
    """Raises DataError when a cell holds a NUL, which no text does."""
    if any("\0" in cell for column in columns for cell in column):
        raise unreadable(file, "expected text, found binary data")


def unreadable(file: str, message: str, row: int | None = None) -> DataError:
    """The error of a file that cannot be split into rows and columns for certain."""
    return DataError([Problem("", message, file, row, "DATA001")])


def shown(name: str) -> str:
    """A name as a message may show it: printable, and no longer than a name needs to be."""
    printable = "".join(character if character.isprintable() else "?" for character in name)
    return printable if len(printable) <= 60 else printable[:59] + "…"
