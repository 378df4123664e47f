"""What a CDS Hooks service answers (CDS Hooks 2.0, CDS Service Response). Members that are None are absent."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Coding:
    """One reason for which a card may be dismissed.

    system: of all reasons. code: of this one. display: in words.
    """

    system: str
    code: str
    display: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where a card comes from.

    label: in words. url: of the server's page.
    """

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Link:
    """Where more is to be read.

    label: in words. url: good for an hour. type: always absolute.
    """

    label: str
    url: str
    type: Literal["absolute"] = "absolute"


@dataclass(frozen=True, slots=True)
class Card:
    """What is shown in the record.

    uuid: of a card with a prediction its prediction_id, by which feedback finds it; a card without one has none.
    summary: shorter than 140 characters. detail: GitHub Flavored Markdown. source: where it comes from.
    indicator: always info. overrideReasons: for which it may be dismissed. links: to what it rests on.
    """

    summary: str
    detail: str
    source: Source
    indicator: Literal["info"] = "info"
    uuid: str | None = None
    overrideReasons: tuple[Coding, ...] | None = None  # noqa: N815  the specification's own name
    links: tuple[Link, ...] | None = None


@dataclass(frozen=True, slots=True)
class Cards:
    """What a service answers.

    cards: empty when there is nothing to say.
    """

    cards: tuple[Card, ...]


OVERRIDE_REASONS = tuple(
    Coding("https://acrcast.example/override-reasons", code, display)
    for code, display in (
        ("not-my-patient", "The card does not apply to this patient"),
        ("data-wrong", "The values used are wrong or out of date"),
        ("already-decided", "The treatment is decided already"),
        ("not-convincing", "The prediction is too uncertain to help"),
        ("not-now", "Not now"),
    )
)
