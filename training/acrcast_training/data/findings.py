"""What the checks found: one finding for each cause and column, with all its rows; told as problems up to a limit."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acrcast.errors import Problem
from acrcast_training.data.table import Table

LIMIT = 100
OF_MAPPING = "DATA06"


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause in one column; `rows` is empty when it concerns the file as a whole."""

    code: str
    message: str
    field: str = ""
    file: str | None = None
    rows: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        return max(1, len(self.rows))

    def problems(self, most: int) -> list[Problem]:
        """The first `most` of them."""
        rows = self.rows[:most] or (None,)
        return [Problem(self.field, self.message, self.file, row, self.code) for row in rows]


class Findings:
    """Collects findings while the checks run."""

    def __init__(self) -> None:
        self._found: list[Finding] = []

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._found)

    def about(self, code: str, message: str, table: Table | None = None, field: str = "") -> None:
        """Something about a file as a whole, or about no file."""
        file, name = table.place(field) if table is not None else (None, field)
        self._found.append(Finding(code, message, name, file))

    def at(
        self,
        rows: npt.NDArray[np.bool_] | npt.NDArray[np.intp],
        code: str,
        message: str,
        table: Table,
        field: str = "",
    ) -> None:
        """Something about the rows of `table` that a mask or positions select; nothing when there are none."""
        self._found += [
            Finding(code, message, name, file, numbers) for file, name, numbers in table.places(rows, field) if numbers
        ]

    def of(self, problems: Iterable[Problem]) -> None:
        """Problems that a reader raised; those that differ in the row only become one finding."""
        causes: dict[tuple[str, str, str, str | None], list[int]] = {}
        for p in problems:
            causes.setdefault((p.code, p.message, p.field, p.file), []).extend([] if p.row is None else [p.row])
        self._found += [Finding(*cause, rows=tuple(numbers)) for cause, numbers in causes.items()]


def total(findings: Sequence[Finding]) -> int:
    """How many problems the findings stand for."""
    return sum(finding.count for finding in findings)


def listed(findings: Sequence[Finding], limit: int) -> tuple[Problem, ...]:
    """At most `limit` problems, shared out so that one cause with many rows does not hide the others."""
    problems: list[Problem] = []
    for place, finding in enumerate(sorted(findings, key=lambda finding: finding.count)):
        left = limit - len(problems)
        if left == 0:
            break
        problems += finding.problems(max(1, left // (len(findings) - place)))
    return tuple(sorted(problems, key=_place))


def _place(problem: Problem) -> tuple[str, str, str, int]:
    """By column; but what is wrong with a mapping, by its lines, as they are gone through."""
    field = "" if problem.code.startswith(OF_MAPPING) else problem.field
    return problem.file or "", problem.code, field, problem.row or 0
