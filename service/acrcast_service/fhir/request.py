"""What `$predict-acr-response` is asked with: a Bundle, or Parameters with resources and plain values."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from acrcast.contract import Contract, ContractField
from acrcast.errors import InputError, Problem
from acrcast_service.fhir.elements import Element, Quantity, Reference, Resource, Text, Time, chosen, parsed
from acrcast_service.fhir.entries import Entry, entries_of_bundle
from acrcast_service.fhir.observations import LEEWAY
from acrcast_service.fhir.times import FhirTime
from acrcast_service.fhir.values import Unusable, Value, measured, number_in_range
from acrcast_service.problems import TOO_LARGE, HttpProblem

# Parameters whose part is a resource, and which types it may be of.
RESOURCES = {
    "patient": ("Patient",),
    "observation": ("Observation",),
    "condition": ("Condition",),
    "medication": ("MedicationStatement", "MedicationRequest", "Medication"),
    "record": ("Bundle",),
}
VALUES, AT, SUBJECT = "patient-values", "at", "subject"
NAMES = (*RESOURCES, VALUES, AT, SUBJECT)

# Far more than a prediction needs; each is looked at.
MOST_RESOURCES = 1000
# No measure here is older, and days can be counted back from it.
EARLIEST = date(1900, 1, 1)


@dataclass(slots=True)
class Asked:
    """entries: all resources. named: places of those that were sent one by one. values: plain, of the patient class.

    at: the time of the prediction. subject: who it is, when a parameter says so.
    """

    at: datetime
    entries: list[Entry] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    values: dict[str, Value] = field(default_factory=dict)
    subject: str | None = None


class Parameter(Element):
    name: Text
    value_date_time: Time | None = None
    value_instant: Time | None = None
    value_reference: Reference | None = None
    value_decimal: float | None = None
    value_integer: int | None = None
    value_boolean: bool | None = None
    value_string: Text | None = None
    value_code: Text | None = None
    value_quantity: Quantity | None = None


def parameters_of(values: Mapping[str, object], contract: Contract) -> dict[str, Any]:
    """The same patient as Parameters of plain values. values: bare, of the patient class."""
    members = {"yes_no": "valueBoolean", "category": "valueCode", "text": "valueString"}
    parts = [{"name": name, members.get(contract[name].kind, "valueDecimal"): value} for name, value in values.items()]
    return {"resourceType": "Parameters", "parameter": [{"name": VALUES, "part": parts}]}


def asked_of(sent: object, contract: Contract, now: datetime) -> Asked:
    """sent: the body. now: the time of the prediction unless a parameter says another.

    Raises InputError with where and what was expected, HttpProblem (413) for more resources than are looked at.
    """
    kind = sent.get("resourceType") if isinstance(sent, dict) else None
    if not isinstance(sent, dict) or kind not in ("Bundle", "Parameters"):
        raise InputError([Problem("", "expected a FHIR R4 resource of type Parameters or Bundle")])
    asked = Asked(now)
    if kind == "Bundle":
        asked.entries = entries_of_bundle(sent)
    else:
        _read_parameters(sent, contract, asked)
    if len(asked.entries) > MOST_RESOURCES:
        raise HttpProblem(TOO_LARGE, f"at most {MOST_RESOURCES} resources are looked at")
    return asked


def _read_parameters(sent: Resource, contract: Contract, asked: Asked) -> None:
    times: dict[str, int] = {}
    for place, name, parameter in _parameters(sent.get("parameter"), "Parameters.parameter"):
        times[name] = times.get(name, 0) + 1
        if name in (VALUES, AT, SUBJECT) and times[name] > 1:
            raise _refused(place, f"the parameter {name} once")
        if name in RESOURCES:
            _read_resource(place, name, parameter, asked)
        elif name == VALUES:
            _read_values(place, parameter, contract, asked)
        elif name == AT:
            asked.at = _moment(place, _parameter(parameter, place), asked.at)
        elif name == SUBJECT:
            reference = _parameter(parameter, place).value_reference
            if reference is None or not reference.reference:
                raise _refused(f"{place}.valueReference", "a reference to the patient")
            asked.subject = reference.reference
        else:
            raise _refused(f"{place}.name", "one of " + ", ".join(NAMES))


def _parameters(listed: object, place: str) -> Iterator[tuple[str, str, Resource]]:
    if not isinstance(listed, list) or not listed:
        raise _refused(place, "a list with at least one parameter")
    for i, parameter in enumerate(listed):
        here = f"{place}[{i}]"
        name = parameter.get("name") if isinstance(parameter, dict) else None
        if not isinstance(parameter, dict) or not isinstance(name, str):
            raise _refused(here, "an object with a name")
        yield here, name, parameter


def _read_resource(place: str, name: str, parameter: Resource, asked: Asked) -> None:
    resource, types = parameter.get("resource"), RESOURCES[name]
    if not isinstance(resource, dict) or resource.get("resourceType") not in types:
        raise _refused(f"{place}.resource", "a resource of type " + " or ".join(types))
    if name == "record":
        asked.entries += entries_of_bundle(resource, f"{place}.resource")
    else:
        asked.entries.append(Entry(resource, f"{place}.resource"))
        asked.named.add(f"{place}.resource")


def _parameter(sent: Resource, place: str) -> Parameter:
    parameter = parsed(Parameter, sent, place)
    if isinstance(parameter, list):
        raise InputError(parameter)
    if len(chosen(sent, "value")) != 1:
        raise _refused(place, "one value[x]")
    return parameter


def _moment(place: str, parameter: Parameter, now: datetime) -> datetime:
    """In the zone in which it was said: there the patient has had a birthday or not."""
    time: FhirTime | None = parameter.value_date_time or parameter.value_instant
    if time is None or time.first != time.last:
        raise _refused(place, "valueDateTime or valueInstant with a time and its zone")
    if time.first > now + LEEWAY or time.first_day < EARLIEST:
        raise _refused(place, f"a time since {EARLIEST.year} that is not in the future")
    return time.first


def _read_values(place: str, sent: Resource, contract: Contract, asked: Asked) -> None:
    problems: list[Problem] = []
    for here, name, part in _parameters(sent.get("part"), f"{place}.part"):
        if name in asked.values:
            problems.append(Problem(here, f"{name}: given more than once", code="repeated"))
        elif name not in contract:
            problems.append(
                Problem(f"{here}.name", "expected the name of a field: GET /model lists them", code="unknown")
            )
        else:
            try:
                asked.values[name] = _plain_value(contract[name], _parameter(part, here), here)
            except InputError as error:
                problems += error.problems
    if problems:
        raise InputError(problems)


def _plain_value(field: ContractField, part: Parameter, place: str) -> Value:
    """The value in the field's own unit, which a Quantity may differ from and says."""
    readers: dict[str, Callable[[], Value | None]] = {
        "number": lambda: _number(field, part, place),
        "count": lambda: _number(field, part, place),
        "yes_no": lambda: part.value_boolean,
        "category": lambda: part.value_code or part.value_string,
        "text": lambda: part.value_string,
    }
    value = readers[field.kind]()
    if value is None:
        forms = {"yes_no": "valueBoolean", "category": "valueCode", "text": "valueString"}
        form = forms.get(field.kind, "valueDecimal, valueInteger or valueQuantity")
        raise _refused(place, f"{form}: {field.expected}", field)
    return value


def _number(field: ContractField, part: Parameter, place: str) -> Value | None:
    bare = part.value_decimal if part.value_decimal is not None else part.value_integer
    if bare is not None:
        return number_in_range(field, float(bare), place)
    if part.value_quantity is None:
        return None
    try:
        return measured(field, part.value_quantity, f"{place}.valueQuantity")
    except Unusable:
        return None


def _refused(place: str, expected: str, field: ContractField | None = None) -> InputError:
    named = f"{field.measure.label} ({field.name}): " if field is not None else ""
    return InputError([Problem(place, f"{named}expected {expected}")])
