"""A data file cell by cell, as text, with the place where each cell stands."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from acrcast.errors import DataError, Problem

# What R writes for a missing value. Other words for it (".", "NULL", "nan") differ between programs and are not guessed.
R_MISSING = "NA"

# Different texts among which one is looked for.
MANY = 50_000
# Texts up to this length take less room in an array of their own than as objects.
SHORT = 12

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
class Texts:
    """A column of n cells as what is said in it: `texts[which]`. Of a million patients it takes a few MB.

    which: (n,) numbers from 0. texts: (d,) what is said, each once but for what is missing.
    """

    which: npt.NDArray[np.unsignedinteger]
    texts: npt.NDArray[np.object_ | np.str_]

    @classmethod
    def of(cls, cells: npt.NDArray[np.object_]) -> Self:
        which, texts = pd.factorize(cells)
        return cls(which.astype(_narrowest(len(texts))), texts)

    def rows(self, index: npt.NDArray[np.intp]) -> "Texts":
        return Texts(self.which[index], self.texts)

    def where(self, of_text: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """(n,) cells that say one of the texts (d,)."""
        cells: npt.NDArray[np.bool_] = of_text[self.which]
        return cells

    def repeated(self) -> npt.NDArray[np.bool_]:
        """(n,) cells that say what one before says."""
        return pd.Series(self.which).duplicated().to_numpy()

    def first_in(self, other: "Texts") -> npt.NDArray[np.intp]:
        """(d,) where the other column says each text first, -1 where it does not."""
        if len(other.texts) == 0:
            return np.full(len(self.texts), -1)
        order = np.argsort(other.texts, kind="stable")
        found = order[np.minimum(np.searchsorted(other.texts, self.texts, sorter=order), len(order) - 1)]
        first = np.empty(len(other.texts), dtype=np.intp)
        first[other.which[::-1]] = np.arange(len(other.which))[::-1]
        return np.where(other.texts[found] == self.texts, first[found], -1)

    def cells(self) -> npt.NDArray[np.object_]:
        """(n,) text."""
        cells: npt.NDArray[np.object_] = self.texts.astype(object)[self.which]
        return cells


class TextsByName(Mapping[str, npt.NDArray[np.object_]]):
    """Columns of text by their names; the cells of one are made when it is asked for."""

    def __init__(self, columns: Mapping[str, Texts]) -> None:
        self._columns = columns

    def __getitem__(self, name: str) -> npt.NDArray[np.object_]:
        return self._columns[name].cells()

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def texts(self, name: str) -> Texts:
        return self._columns[name]


class Collected:
    """A column whose cells come some at a time."""

    def __init__(self) -> None:
        self._numbered: tuple[Texts, ...] = ()
        self._number, self._which = _Numbers(), array("I")

    def extend(self, cells: Iterable[str]) -> None:
        self._which.extend(map(self._number.__getitem__, cells))
        if len(self._number) > MANY:
            # where hardly any cell says what another says, as an identifier, looking for it takes more than it saves
            self._set_aside()

    def texts(self) -> Texts:
        """All of them; NA is missing."""
        self._set_aside()
        if len(self._numbered) == 1:
            return self._numbered[0]
        texts, number = np.unique(np.concatenate([part.texts for part in self._numbered]), return_inverse=True)
        number, which, before = number.astype(_narrowest(len(texts))), [], 0
        for part in self._numbered:
            which.append(number[before : before + len(part.texts)][part.which])
            before += len(part.texts)
        return Texts(np.concatenate(which), texts)

    def _set_aside(self) -> None:
        said = ["" if text == R_MISSING else text for text in self._number]
        short = max(map(len, said), default=0) <= SHORT
        which = np.array(self._which, dtype=_narrowest(len(said)))
        self._numbered += (Texts(which, np.array(said, dtype=np.str_ if short else object)),)
        self._number, self._which = _Numbers(), array("I")


class _Numbers(dict[str, int]):
    """Each text's number, in the order in which they come."""

    def __missing__(self, text: str) -> int:
        self[text] = len(self)
        return self[text]


def _narrowest(numbers: int) -> np.dtype[np.unsignedinteger]:
    return np.min_scalar_type(max(0, numbers - 1))


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

    def texts(self, name: str) -> Texts:
        """What is said in a column."""
        return self.columns.texts(name) if isinstance(self.columns, TextsByName) else Texts.of(self.columns[name])

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
    columns: Sequence[Iterable[str] | Collected],
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
    texts = [_collected(column).texts() for column in columns]
    named = TextsByName({name: column for name, column in zip(header, texts, strict=True) if name})
    unnamed = sum(1 for name, column in zip(header, texts, strict=True) if not name and any(column.texts))
    return Table(file, named, np.fromiter(rows, dtype=np.int64), unnamed, dict(labels or {}), tuple(notes))


def _collected(column: Iterable[str] | Collected) -> Collected:
    if isinstance(column, Collected):
        return column
    collected = Collected()
    collected.extend(column)
    return collected


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
