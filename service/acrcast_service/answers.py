"""Answers as JSON, written from the dataclasses that document them."""

from collections.abc import Iterable
from typing import Any

from fastapi import Response
from pydantic import TypeAdapter
from pydantic_core import SchemaSerializer
from starlette.background import BackgroundTask

from acrcast.errors import Problem

# A writer is compiled from its dataclass once. It is several times faster than `as_answer` with any JSON library.
_WRITERS: dict[type[Any], SchemaSerializer] = {}

JSON_TYPE = (b"content-type", b"application/json")


class JsonBytes(Response):
    """An answer of which the JSON is written; the framework would work its headers out anew each time."""

    def __init__(self, content: bytes, background: BackgroundTask | None = None) -> None:
        self.status_code, self.body, self.background = 200, content, background
        self.raw_headers = [(b"content-length", b"%d" % len(content)), JSON_TYPE]


def json_answer(content: object) -> Response:
    return JsonBytes(written(content))


def written(content: object) -> bytes:
    """`content`, a dataclass, as JSON. A member that is None is absent: an answer holds no null."""
    return _writer(content).to_json(content, exclude_none=True)


def plain(content: object) -> Any:  # noqa: ANN401  any JSON
    """What `written` writes, as plain data."""
    return _writer(content).to_python(content, mode="json", exclude_none=True)


def _writer(content: object) -> SchemaSerializer:
    kind = type(content)
    writer = _WRITERS.get(kind)
    if writer is None:
        writer = _WRITERS[kind] = TypeAdapter(kind).serializer
    return writer


def plain_problems(problems: Iterable[Problem]) -> list[dict[str, str]]:
    """What an answer says of each: the field, and what was expected of it."""
    return [{"field": problem.field, "message": problem.message} for problem in problems]
