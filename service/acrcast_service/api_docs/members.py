"""What the docstring of a class says of its members, said of each in the schema.

A docstring names a member as the house writes it, `name: what it is.`, or `name, other: what both are.`
"""

import re
from collections.abc import Iterator
from typing import Any


def describe_members(schema: dict[str, Any]) -> None:
    """Moves each sentence about a member from the schema's description to the member, unless it has one."""
    members: dict[str, Any] = schema.get("properties", {})
    text: str = schema.get("description", "")
    places = _places(text, members)
    if not places:
        return
    schema["description"] = text[: places[0].start()].strip()
    for name, sentence in _said(text, places):
        members[name].setdefault("description", sentence)


def _said(text: str, places: list[re.Match[str]]) -> Iterator[tuple[str, str]]:
    for place, end in zip(places, [*(place.start() for place in places[1:]), len(text)], strict=True):
        sentence = " ".join(text[place.end() : end].split()).rstrip(".;")
        for name in re.split(r",\s", place["names"]):
            yield name, sentence[:1].upper() + sentence[1:]


def _places(text: str, members: dict[str, Any]) -> list[re.Match[str]]:
    """Where members are named, at the beginning of a line or a sentence."""
    if not members:
        return []
    name = f"(?:{'|'.join(map(re.escape, members))})"
    return list(re.finditer(rf"(?:^|(?<=\n)|(?<=[.;:]\s))\s*(?P<names>{name}(?:,\s{name})*):\s", text))
