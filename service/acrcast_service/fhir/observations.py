"""From Observations to values: for each measure the newest that can be used."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from acrcast.contract import Code, ContractField
from acrcast.contract.columns import accepts
from acrcast.errors import InputError, Problem
from acrcast.studies import Study
from acrcast_service.fhir.elements import Answer, CodeableConcept, Observation, Resource, chosen, parsed
from acrcast_service.fhir.entries import Entry
from acrcast_service.fhir.reading import Reading
from acrcast_service.fhir.times import FhirTime
from acrcast_service.fhir.values import ONLY_A_LIMIT, Unusable, Value, as_sent, value_of

# FHIR R4, ObservationStatus: complete, and not withdrawn.
USABLE = frozenset({"final", "amended", "corrected"})
# Members that change what the rest means; whoever does not know how must not read it (FHIR R4, Extensibility).
MODIFIERS = ("modifierExtension", "implicitRules")
# Clocks of two machines differ.
LEEWAY = timedelta(seconds=60)

# Which measure a code is of, and how much it is preferred; 0 is the most.
ByCode = Mapping[Code, tuple[ContractField, int]]


@dataclass(frozen=True, slots=True)
class Found:
    """One answer about one measure. raw, part: as it was sent, and where in the resource. method: how it was measured."""

    field: ContractField
    answer: Answer
    raw: Resource
    entry: Entry
    part: str
    rank: int
    time: FhirTime
    method: str | None


def read_observations(
    entries: Iterable[Entry], study: Study, at: datetime, window: timedelta, reading: Reading
) -> None:
    """Adds to `reading`. at: the time of the prediction; nothing later is used. window: how much older a value may be."""
    by_code = {
        code: (field, rank) for field in study.contract.covariates for rank, code in enumerate(field.measure.codes)
    }
    found: dict[str, list[Found]] = {}
    for entry in entries:
        for one in _found(entry, by_code, at, window, reading):
            found.setdefault(one.field.name, []).append(one)
    for name, of_one_measure in found.items():
        if name not in reading.known:
            _use_newest(of_one_measure, study, reading)
            continue
        for one in of_one_measure:
            reading.skip(one.entry, "superseded", "its measure was given as a plain value", one.field, one.part)


def _found(entry: Entry, by_code: ByCode, at: datetime, window: timedelta, reading: Reading) -> Iterator[Found]:
    try:
        matches = list(_matches(entry, by_code))
    except InputError as error:
        reading.refuse(error.problems)
        return
    if not matches:
        reading.skip(entry, "code", "none of its codes is of a measure of this study")
        return
    first = matches[0][0]
    observation = parsed(Observation, entry.resource, entry.place)
    if isinstance(observation, list):
        reading.refuse(observation)
    elif any(member in entry.resource for member in MODIFIERS):
        reading.skip(entry, "modifier", "it has a modifier, which may change what it means", first)
    elif observation.status not in USABLE:
        reading.skip(entry, "status", f"its status is {observation.status}", first)
    elif observation.focus:
        reading.skip(entry, "modifier", "it is about something other than the patient (focus)", first)
    elif (time := _usable_time(entry, observation, at, window, first, reading)) is not None:
        method = observation.method.words if observation.method is not None else None
        for field, rank, i in matches:
            if i is None:
                yield Found(field, observation, entry.resource, entry, "", rank, time, method)
            else:
                answer, raw = observation.component[i], entry.resource["component"][i]
                yield Found(field, answer, raw, entry, f".component[{i}]", rank, time, method)


def _matches(entry: Entry, by_code: ByCode) -> Iterator[tuple[ContractField, int, int | None]]:
    """The measures that the Observation and its components are of: each with its rank and the component that says so.

    Raises InputError when one part has the codes of two measures, or its code cannot be read.
    """
    parts = entry.resource.get("component", [])
    concepts: list[tuple[int | None, str, object]] = [(None, "", entry.resource.get("code"))]
    for i, part in enumerate(parts if isinstance(parts, list) else ()):
        concepts.append((i, f".component[{i}]", part.get("code") if isinstance(part, dict) else None))
    for number, part, sent in concepts:
        concept = parsed(CodeableConcept, sent, f"{entry.place}{part}.code")
        if isinstance(concept, list):
            raise InputError(concept)
        known = sorted((by_code[code] for code in concept.codes if code in by_code), key=lambda match: match[1])
        if len({field.name for field, _ in known}) > 1:
            raise InputError([Problem(f"{entry.place}{part}.code", "expected codes of one measure, not of two")])
        if known:
            yield (*known[0], number)


def _usable_time(
    entry: Entry, observation: Observation, at: datetime, window: timedelta, field: ContractField, reading: Reading
) -> FhirTime | None:
    members = chosen(entry.resource, "effective")
    if len(members) > 1:
        reading.refuse([Problem(f"{entry.place}.effective", "expected one of effective[x], not several")])
        return None
    period = observation.effective_period
    during = (period.end or period.start) if period is not None else None
    time = observation.effective_date_time or observation.effective_instant or during
    if time is None:
        reading.skip(entry, "time", "it does not say when it was measured (effective)", field)
    elif time.first > at + LEEWAY:
        reading.skip(entry, "time", "it is later than the prediction", field)
    elif time.first_day < at.date() - window:
        reading.skip(entry, "time", f"it is, or may be, more than {window.days} days old", field)
    else:
        return time
    return None


def _use_newest(found: list[Found], study: Study, reading: Reading) -> None:
    """found: of one measure."""
    order = sorted(found, key=lambda one: (one.time.first, -one.rank), reverse=True)
    used: tuple[Found, Value | None] | None = None
    for one in order:
        here = one.entry.place + one.part
        same_time = used is not None and (one.time.first, one.rank) == (used[0].time.first, used[0].rank)
        if used is not None and not same_time:
            reading.skip(one.entry, "superseded", "a newer or preferred one was used", one.field, one.part)
            continue
        try:
            value = value_of(one.field, one.answer, one.raw, here)
        except Unusable as reason:
            reading.skip(one.entry, "value", str(reason), one.field, one.part)
        except InputError as error:
            reading.refuse(error.problems)
            return
        else:
            if used is None:
                used = one, value
            elif value != used[1]:
                message = (
                    f"{one.field.measure.label} ({one.field.name}): another result of the same time differs: send one"
                )
                reading.refuse([Problem(here, message, code="ambiguous")])
                return
            else:
                reading.skip(one.entry, "superseded", "the same result was used already", one.field, one.part)
    if used is None:
        return
    one, value = used
    if value is None:
        # an older number is not taken either: the newest says that it no longer holds
        reading.skip(one.entry, "value", ONLY_A_LIMIT, one.field, one.part)
        reading.cautions[one.field.name] = f"{one.field.measure.label} counts as not known: {ONLY_A_LIMIT}."
    else:
        _use(one, value, study, reading)


def _use(one: Found, value: Value, study: Study, reading: Reading) -> None:
    sent = as_sent(one.answer)
    reading.use(one.field, value, one.entry, one.time.text, sent, _choice(one, value))
    for assay in study.contract.assays:
        if assay.measure.assay_of != one.field.name or not one.method or assay.name in reading.known:
            continue
        if accepts(study.patient, assay.name, one.method):
            reading.use(assay, one.method, one.entry, one.time.text, one.method)
        else:
            reading.skip(one.entry, "value", f"its method is not {assay.expected}", assay, ".method")


def _choice(one: Found, value: Value) -> str | None:
    quantity = one.answer.value_quantity
    if one.field.kind in ("yes_no", "category"):
        if one.answer.value_codeable_concept is not None or one.answer.value_boolean is not None:
            return None
        return "positive or negative by the laboratory's interpretation or reference range"
    number = value["value"] if isinstance(value, dict) else value
    if quantity is not None and quantity.value != number:
        return f"converted to {number:g} {one.field.measure.unit}"
    return None
