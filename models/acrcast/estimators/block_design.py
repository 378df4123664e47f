"""Designs that are made a block of rows at a time, so that no whole design of many patients needs to exist."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from acrcast.arrays import Floats, Integers

# Numbers of a block: so many stay in the processor's cache.
LARGEST_BLOCK = 2**18
# Numbers of all blocks together up to which they are kept, not made anew each time that they are gone through.
LARGEST_KEPT = 2**21

Rows = slice | Integers


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of so many rows that a block of them holds at most `LARGEST_BLOCK` numbers."""
    at_once = max(1, LARGEST_BLOCK // max(1, columns))
    for first in range(0, rows, at_once):
        yield slice(first, min(first + at_once, rows))


class Stacked(Protocol):
    """(B, n, q) numbers: an array, or what makes its rows when it is indexed, by [b], [b, rows] or [:, rows]."""

    @property
    def shape(self) -> tuple[int, ...]:
        """B, n and q."""
        ...

    def __getitem__(self, key: Any, /) -> Floats:  # noqa: ANN401  as of an array
        """(n, q), (m, q) or (B, m, q)."""
        ...


class Design:
    """B designs of n rows and p columns, or one that all fits share.

    make: from row numbers, or a slice of them, to the rows (B, m, p) or (1, m, p).
    """

    def __init__(
        self, designs: int, rows: int, columns: int, *, make: Callable[[Rows], Floats], together: int = 1
    ) -> None:
        """together: so many rows, of one patient, are never divided between blocks."""
        self.designs, self.rows, self.columns, self.together = designs, rows, columns, together
        self._make = make
        self._kept: list[tuple[slice, Floats]] | None = None

    @classmethod
    def of(cls, X: "Floats | Design") -> "Design":
        """A design that exists. X: (B, n, p)."""
        if isinstance(X, Design):
            return X
        array = X
        return cls(*X.shape, make=lambda rows: array[:, rows])

    def only(self, rows: Integers, together: int = 1) -> "Design":
        """The design of these rows."""
        return Design(self.designs, len(rows), self.columns, make=lambda at: self._make(rows[at]), together=together)

    def blocks(self, fits: Integers) -> Iterator[tuple[slice, Floats]]:
        """Rows and their design, (b, m, p) for b of the fits, ascending, or (1, m, p) where it is shared."""
        if self._kept is None and self.designs * self.rows * self.columns <= LARGEST_KEPT:
            self._kept = list(self._made(len(fits)))
        for rows, X in self._made(len(fits)) if self._kept is None else self._kept:
            yield rows, X if self.designs in (1, len(fits)) else X[fits]

    def _made(self, fits: int) -> Iterator[tuple[slice, Floats]]:
        patients = max(1, LARGEST_BLOCK // (max(self.designs, fits) * self.columns * self.together))
        for first in range(0, self.rows, patients * self.together):
            rows = slice(first, min(first + patients * self.together, self.rows))
            yield rows, self._make(rows)
