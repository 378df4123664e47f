"""What a command shows: tables, progress and colours on a terminal, plain lines elsewhere, JSON where it is asked for.

rich comes with the extras that bring commands, and is imported only where there is a terminal.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal
from unicodedata import east_asian_width

import click

LINES_OF_PROGRESS = 4
BETWEEN_COLUMNS = "  "
COLOURS = {"good": "green", "bad": "red"}

json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON, as docs/cli.md describes.")


def write_json(data: object) -> None:
    """One JSON document. Raises ValueError for a number that JSON does not have."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1) -> None:
    """Print a table. words: how many columns, from the first, are text and stand to the left; the others are figures."""
    if sys.stdout.isatty():
        _rich_table(headings, rows, words)
    else:
        # a pipe or a file gets whole lines, however wide
        click.echo("\n".join(aligned(headings, rows, words=words)))


def aligned(headings: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1) -> Iterator[str]:
    """The table's lines as plain text, its columns aligned by spaces."""
    lines = [headings, *rows]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (_padded(cell, width, left=i < words) for i, (cell, width) in enumerate(zip(line, widths, strict=True)))
        yield BETWEEN_COLUMNS.join(cells).rstrip()


def coloured(text: str, kind: Literal["good", "bad"]) -> str:
    """The text in the colour of good or bad news; as it is where nobody wants colours (https://no-color.org)."""
    return click.style(text, fg=COLOURS[kind]) if _wants_colours() else text


@contextmanager
def progress(task: str, total: int) -> Iterator[Callable[[int], None]]:
    """Gives a function to call with the steps done; on a terminal it says how much time is left.

    Goes to standard error, so that the output stays clean.
    """
    if not sys.stderr.isatty():
        yield _plain_progress(task, total)
        return
    from rich.console import Console  # noqa: PLC0415  only on a terminal
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415  only on a terminal

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        number = bar.add_task(task, total=total)
        yield lambda steps: bar.advance(number, steps)


def _plain_progress(task: str, total: int) -> Callable[[int], None]:
    done = 0

    def advance(steps: int) -> None:
        nonlocal done
        before, done = done * LINES_OF_PROGRESS // total, done + steps
        if done * LINES_OF_PROGRESS // total > before:
            click.echo(f"{task}: {done} of {total}", err=True)

    return advance


def _rich_table(headings: Sequence[str], rows: Sequence[Sequence[str]], words: int) -> None:
    from rich import box  # noqa: PLC0415  only on a terminal
    from rich.console import Console  # noqa: PLC0415  only on a terminal
    from rich.table import Table  # noqa: PLC0415  only on a terminal

    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for number, heading in enumerate(headings):
        # a cell that does not fit goes on in the next line: nothing is cut off
        grid.add_column(heading, justify="left" if number < words else "right", overflow="fold")
    for row in rows:
        grid.add_row(*row)
    Console(highlight=False, markup=False).print(grid)


def _wants_colours() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _width(text: str) -> int:
    """In columns of a terminal: Chinese characters take two."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def _padded(text: str, width: int, *, left: bool) -> str:
    spaces = " " * (width - _width(text))
    return text + spaces if left else spaces + text
