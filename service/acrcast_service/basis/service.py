"""A recorded prediction, put together for whoever wants to see for themselves what it rests on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from acrcast.contract import ContractField
from acrcast.studies import Study
from acrcast_service.audit.lookup import prediction
from acrcast_service.audit.trail import AuditTrail
from acrcast_service.fhir.values import Value, in_words
from acrcast_service.problems import NOT_FOUND, HttpProblem

# The member of a recorded answer that says where its values were taken from.
ORIGIN = "origin"


@dataclass(frozen=True, slots=True)
class Row:
    """One field of the patient.

    value: with its unit, empty when it was not known. sent: as the record had it, and what was done to it. date: of what
    was measured. origin: the resource.
    """

    label: str
    value: str
    sent: str
    date: str
    origin: str


@dataclass(frozen=True, slots=True)
class Basis:
    """Everything that the page shows, from the record alone. answer: the prediction as it was recorded."""

    recorded: str
    answer: Mapping[str, Any]
    arms: tuple[tuple[str, Mapping[str, Any]], ...]
    values: tuple[Row, ...]
    notes: tuple[str, ...]


async def basis_of(audit: AuditTrail, name: str, study: Study) -> Basis:
    """study: the one that is served, for its labels. Raises HttpProblem (404) when there is no such prediction any more."""
    found = await audit.ask(prediction, audit.chain, name)
    if found is None:
        raise HttpProblem(NOT_FOUND)
    row, inputs, recorded = found
    answer: dict[str, Any] = orjson.loads(recorded)
    origin = answer.pop(ORIGIN, {})
    known = study if study.key == row.study else None
    return Basis(
        recorded=row.time,
        answer=answer,
        arms=tuple(_arms(answer, known)),
        values=tuple(_values(orjson.loads(inputs), origin.get("values", {}), known)),
        notes=tuple(origin.get("notes", ())),
    )


def _arms(answer: Mapping[str, Any], study: Study | None) -> Iterator[tuple[str, Mapping[str, Any]]]:
    titles = {arm.key: arm.title for arm in study.arms} if study is not None else {}
    for arm in ("treated", "control"):
        if arm in answer:
            yield titles.get(answer[arm]["arm"], answer[arm]["arm"]), answer[arm]


def _values(patient: Mapping[str, Any], origins: Mapping[str, Any], study: Study | None) -> Iterator[Row]:
    """Each field of the study, known or not; of another study those that were given."""
    names = [field.name for field in study.contract] if study is not None else list(patient)
    for name in names:
        field = study.contract[name] if study is not None else None
        origin = origins.get(name, {})
        yield Row(
            field.measure.label if field is not None else name,
            _shown(patient.get(name), field),
            "; ".join(origin[name] for name in ("sent", "choice") if name in origin),
            origin.get("date", "")[:10],
            origin.get("from", ""),
        )


def _shown(value: Value | None, field: ContractField | None) -> str:
    """Empty when it is not known."""
    if value is None:
        return ""
    return str(value) if field is None else in_words(field, value)
