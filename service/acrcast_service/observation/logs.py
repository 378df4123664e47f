"""Log lines: one JSON object each, or text for people at a terminal.

A line has an event, identifiers, and places in the code; never the message of an exception, which may hold a patient's values.
"""

import logging
import os
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

import orjson

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "text"]

OWN = "acrcast_service"
# uvicorn says in its own words what the events `started` and `stopped` say.
QUIET = ("uvicorn", "uvicorn.error", "alembic")

STANDARD_ERROR = 2
NAMES = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warning", logging.ERROR: "error"}
FILLED_IN = re.compile(r"[%:=<>'\"({\[\n]")

Value = str | int | float | bool | None

current_request: ContextVar[str | None] = ContextVar("request_id", default=None)


class Lines:
    """Writes events to one file descriptor, each in one piece. least: what is less grave is left out."""

    def __init__(self, descriptor: int, least: LogLevel, *, as_text: bool) -> None:
        self._descriptor = descriptor
        self._write = _as_text if as_text else _as_json
        self._least: int = logging.getLevelNamesMapping()[least.upper()]

    def takes(self, level: int) -> bool:
        return level >= self._least

    def write(self, level: int, event: str, fields: Mapping[str, Value]) -> None:
        """Nothing is raised: a server whose log is full or gone still answers."""
        if level < self._least:
            return
        line = self._write(datetime.now(UTC), NAMES.get(level, "error"), event, fields)
        try:
            os.write(self._descriptor, line)
        except OSError:
            return


class Handler(logging.Handler):
    """Hands records of the logging module to `Lines`."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Value] = {"request_id": current_request.get(), "logger": record.name}
        if record.name.split(".")[0] == OWN:
            event, _, detail = record.getMessage().partition(" ")
            fields["detail"] = detail or None
        else:
            # the first words that stand in its code, without what it may have put after them
            event = FILLED_IN.split(str(record.msg), maxsplit=1)[0].strip()[:80]
        if record.exc_info and record.exc_info[0] is not None:
            fields["error"] = record.exc_info[0].__name__
        self._lines.write(record.levelno, event, fields)


def open_lines(level: LogLevel, form: LogFormat) -> Lines:
    """Lines on standard error; text when that is a terminal, unless told otherwise."""
    return Lines(STANDARD_ERROR, level, as_text=form == "text" or (form == "auto" and sys.stderr.isatty()))


def log_through(lines: Lines, level: LogLevel) -> None:
    """From now on, whatever is logged in this process."""
    logging.basicConfig(level=level.upper(), handlers=[Handler(lines)], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _as_json(time: datetime, level: str, event: str, fields: Mapping[str, Value]) -> bytes:
    members = {"time": time, "level": level, "event": event}
    members |= {name: value for name, value in fields.items() if value is not None}
    return orjson.dumps(members, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)


def _as_text(time: datetime, level: str, event: str, fields: Mapping[str, Value]) -> bytes:
    rest = " ".join(f"{name}={value}" for name, value in fields.items() if value is not None)
    line = f"{time:%H:%M:%S} {level:<7} {event} {rest}"
    return line.encode(errors="replace").replace(b"\n", b" ") + b"\n"
