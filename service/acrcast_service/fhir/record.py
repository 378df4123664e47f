"""From the resources of a record to a patient of the study."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from acrcast.errors import Problem
from acrcast.studies import Study
from acrcast_service.fhir.conditions import read_conditions
from acrcast_service.fhir.doses import read_doses
from acrcast_service.fhir.entries import Entry
from acrcast_service.fhir.observations import read_observations
from acrcast_service.fhir.person import read_person
from acrcast_service.fhir.reading import Reading


def read_resources(
    entries: Sequence[Entry], study: Study, *, at: datetime, window: timedelta, known: Iterable[str] = ()
) -> Reading:
    """What the resources say about the study's measures at a time, and how each was chosen.

    at: with its zone; nothing later is used. window: how much older than that an Observation may be. What is wrong is
    among `problems`, and then nothing may be predicted from `values`; a measure that is nowhere is absent from them.
    known: measures that are not looked for, because their values are known already.
    Resources of other types than those that are read are passed over.
    """
    reading = Reading(known=frozenset(known))
    read_person(entries, study.contract, at, reading)
    of_record, reading_of_observations = _by_type(entries), Reading(known=reading.known)
    read_observations(of_record.get("Observation", []), study, at, window, reading_of_observations)
    _combine(reading, reading_of_observations)
    read_conditions(of_record.get("Condition", []), study, at, reading)
    read_doses(entries, study.contract, at, reading)
    return reading


def _by_type(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.type, []).append(entry)
    return found


def _combine(reading: Reading, observed: Reading) -> None:
    """The Patient goes before an Observation; a category that the two say differently is a problem."""
    for used in observed.used:
        name = used.measure
        if name not in reading.values:
            reading.values[name] = observed.values[name]
            reading.used.append(used)
        elif isinstance(reading.values[name], str) and reading.values[name] != observed.values[name]:
            message = f"{used.label} ({name}): the Patient says otherwise: send one of them"
            reading.refuse([Problem(used.place, message, code="ambiguous")])
    reading.skipped += observed.skipped
    reading.cautions |= {name: said for name, said in observed.cautions.items() if name not in reading.values}
    reading.refuse(observed.problems)
