"""What was read out of a record: the values, and every choice that was made on the way."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from acrcast.contract import ContractField
from acrcast.errors import Problem
from acrcast_service.fhir.entries import Entry
from acrcast_service.fhir.values import Value

# code: no measure of the study. superseded: a newer or preferred one was used. The others say what was wrong with it.
Why = Literal["code", "status", "time", "value", "modifier", "superseded", "ambiguous"]


@dataclass(frozen=True, slots=True)
class Used:
    """One measure and where it came from.

    value: in the field's own unit. type, name: of the resource, as others refer to it; None when it has none. place: where it stood. time: as it was sent.
    sent: the answer in words. choice: what was done to it, when it was not taken as it was.
    """

    measure: str
    label: str
    value: Value
    type: str
    name: str | None
    place: str
    time: str | None
    sent: str
    choice: str | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """One resource, or part of one, that was not used. measure: that it is of, when it is of one."""

    name: str | None
    place: str
    why: Why
    reason: str
    measure: str | None = None


@dataclass(slots=True)
class Reading:
    """values: of the study's patient class, flat. subject: who it is, as resources refer to them; None when none does.

    known: measures whose values are known already; what the resources say of them is not looked at.
    cautions: by measure, what whoever reads the prediction has to know of what was left out.
    """

    known: frozenset[str] = frozenset()
    values: dict[str, Value] = field(default_factory=dict)
    used: list[Used] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    cautions: dict[str, str] = field(default_factory=dict)
    subject: str | None = None

    def use(
        self, measure: ContractField, value: Value, entry: Entry, time: str | None, sent: str, choice: str | None = None
    ) -> None:
        self.values[measure.name] = value
        self.used.append(
            Used(measure.name, measure.measure.label, value, entry.type, entry.name, entry.place, time, sent, choice)
        )

    def skip(self, entry: Entry, why: Why, reason: str, measure: ContractField | None = None, part: str = "") -> None:
        named = measure.name if measure is not None else None
        self.skipped.append(Skipped(entry.name, entry.place + part, why, reason, named))

    def refuse(self, problems: Iterable[Problem]) -> None:
        self.problems.extend(problems)
