"""A recorded prediction, put together for whoever wants to see for themselves what it rests on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from acrcast_service.audit.lookup import prediction
from acrcast_service.audit.trail import AuditTrail
from acrcast_service.problems import NOT_FOUND, HttpProblem

# The member of a recorded answer that says where its values were taken from.
ORIGIN = "origin"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one value was taken from.

    sent: as the record had it, and what was done to it. date: of what was measured. resource: its name.
    """

    sent: str
    date: str
    resource: str


@dataclass(frozen=True, slots=True)
class Basis:
    """Everything that the page shows, from the record alone. inputs: the patient. answer: the prediction as it was recorded.

    origins: by field, of those that were taken from a resource. notes: what else is to be known of them.
    """

    recorded: str
    inputs: Mapping[str, Any]
    answer: Mapping[str, Any]
    origins: Mapping[str, Origin]
    notes: tuple[str, ...]


async def basis_of(audit: AuditTrail, name: str) -> Basis:
    """Raises HttpProblem (404) when there is no such prediction any more."""
    found = await audit.ask(prediction, audit.chain, name)
    if found is None:
        raise HttpProblem(NOT_FOUND)
    row, inputs, recorded = found
    answer: dict[str, Any] = orjson.loads(recorded)
    notes = answer.get(ORIGIN, {}).get("notes", ())
    return Basis(row.time, orjson.loads(inputs), answer, origins_of(answer), tuple(notes))


def origins_of(answer: Mapping[str, Any]) -> Mapping[str, Origin]:
    """By field, of those values that were taken from a resource. answer: as it was recorded."""
    return {field: _origin(of) for field, of in answer.get(ORIGIN, {}).get("values", {}).items()}


def _origin(of: Mapping[str, str]) -> Origin:
    sent = "; ".join(of[name] for name in ("sent", "choice") if name in of)
    return Origin(sent, of.get("date", "")[:10], of.get("from", ""))
