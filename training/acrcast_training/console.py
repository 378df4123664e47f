"""What a command shows while it works: a bar on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import isnan
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from acrcast.validation.performance import Estimate

LINES_OF_PROGRESS = 4


@contextmanager
def progress(task: str, total: int) -> Iterator[Callable[[int], None]]:
    """Gives a function to call with the steps done. Goes to standard error, so that the output stays clean."""
    if sys.stderr.isatty():
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            number = bar.add_task(task, total=total)
            yield lambda steps: bar.advance(number, steps)
    else:
        yield _plain_progress(task, total)


def _plain_progress(task: str, total: int) -> Callable[[int], None]:
    done = 0

    def advance(steps: int) -> None:
        nonlocal done
        before, done = done * LINES_OF_PROGRESS // total, done + steps
        if done * LINES_OF_PROGRESS // total > before:
            sys.stderr.write(f"{task}: {done} of {total}\n")
            sys.stderr.flush()

    return advance


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; the first column is text, the others are figures."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, heading in enumerate(headings):
        grid.add_column(heading, justify="left" if number == 0 else "right", no_wrap=True)
    for row in rows:
        grid.add_row(*row)
    # a pipe or a file gets whole lines, however wide
    width = None if sys.stdout.isatty() else 200
    Console(width=width, highlight=False, markup=False).print(grid)


def figure(estimate: "Estimate", decimals: int, sign: str = "") -> str:
    """A dash for a figure that does not exist, as a C statistic where nobody responded; the value alone without an interval."""
    if isnan(estimate.value):
        return "-"
    value, low, high = (f"{number:{sign}.{decimals}f}" for number in (estimate.value, estimate.low, estimate.high))
    return value if isnan(estimate.low + estimate.high) else f"{value} ({low} to {high})"
