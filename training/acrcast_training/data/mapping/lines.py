"""On which line of a TOML file each of its keys stands; the parser of the standard library does not say."""

import re
import tomllib
from collections.abc import Mapping
from typing import Any

Path = tuple[str | int, ...]

KEY = r"(?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|[A-Za-z0-9_-]+)"
KEYS = rf"{KEY}(?:\s*\.\s*{KEY})*"
HEADER = re.compile(rf"\s*(\[\[?)\s*({KEYS})\s*\]\]?\s*(?:#.*)?")
ASSIGNED = re.compile(rf"\s*({KEYS})\s*=")
AT_LINE = re.compile(r"at line (\d+)")


def lines_of(text: str) -> Mapping[Path, int]:
    """Line number of each table and key, by its path: `("tables", 0, "columns", "sex")`. text: valid TOML.

    A key inside braces has the line of what holds it; text that spans several lines is not expected to look like a key.
    """
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    here: Path = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := HEADER.fullmatch(line):
            here = _numbered(_parts(header[2]), counts, opens=header[1] == "[[")
            found.setdefault(here, number)
        elif assigned := ASSIGNED.match(line):
            found.setdefault((*here, *_parts(assigned[1])), number)
    return found


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """The line of what a path names, or of the nearest that holds it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def line_of_error(error: tomllib.TOMLDecodeError) -> int | None:
    """Where the parser stopped, as far as its message says."""
    at = AT_LINE.search(str(error))
    return int(at[1]) if at else None


def _parts(keys: str) -> tuple[str, ...]:
    """The parts of a dotted key, read by the parser itself."""
    found: Any = tomllib.loads(f"{keys} = 0")
    parts = []
    while isinstance(found, dict):
        ((part, found),) = found.items()
        parts.append(part)
    return tuple(parts)


def _numbered(parts: tuple[str, ...], counts: dict[Path, int], *, opens: bool) -> Path:
    """The path of a header: each array of tables that it goes through is at its newest table."""
    path: Path = ()
    for i, part in enumerate(parts):
        path = (*path, part)
        if opens and i == len(parts) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path
