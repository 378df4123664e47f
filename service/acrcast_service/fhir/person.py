"""Who the resources are about: one patient, and nobody else; their age and sex."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from acrcast.contract import Code, Contract, ContractField
from acrcast.contract.answers import GENDER
from acrcast.contract.measure import NO_ANSWER
from acrcast.errors import InputError, Problem
from acrcast_service.fhir.elements import Identifier, Person, Reference, parsed
from acrcast_service.fhir.entries import Entry
from acrcast_service.fhir.reading import Reading
from acrcast_service.fhir.times import FhirTime, completed_years
from acrcast_service.fhir.values import level_of, number_in_range

ABOUT_A_PATIENT = frozenset({"Observation", "Condition", "MedicationStatement", "MedicationRequest"})
PATIENT = "Patient"


@dataclass(slots=True)
class Identity:
    """Under which names the patient is known. address: that of the Bundle's entry."""

    names: set[str] = field(default_factory=set)
    address: str | None = None
    identifiers: list[Identifier] = field(default_factory=list)

    def includes(self, sent: Reference) -> bool:
        if sent.reference is None:
            return sent.identifier is not None and sent.identifier in self.identifiers
        name = sent.reference.partition("/_history/")[0]
        tail = "/".join(name.split("/")[-2:])
        elsewhere = "://" in name and self.address is not None and "://" in self.address
        return name in self.names or (not elsewhere and "://" in name and tail in self.names)


def read_person(entries: Sequence[Entry], contract: Contract, at: datetime, reading: Reading) -> Person | None:
    """The Patient, when there is one. Adds to `reading`: among it a problem for each resource of somebody else."""
    patients = [entry for entry in entries if entry.type == PATIENT]
    person, identity = None, Identity()
    if patients:
        first = patients[0]
        parsed_person = parsed(Person, first.resource, first.place)
        if isinstance(parsed_person, list):
            reading.refuse(parsed_person)
            return None
        person = parsed_person
        identity.address, identity.identifiers = first.full_url, person.identifier
        identity.names = {name for name in (first.full_url, f"{PATIENT}/{person.id}" if person.id else None) if name}
        reading.subject = f"{PATIENT}/{person.id}" if person.id else first.full_url
        reading.refuse(
            Problem(other.place, "expected one Patient: these are resources of two", code="patients")
            for other in patients[1:]
            if other.name is None or other.name not in {first.name, *identity.names}
        )
        _read_fields(first, person, contract, at, reading)
    _refuse_others(entries, identity, reading, anybody=not patients)
    return person


def _refuse_others(entries: Iterable[Entry], identity: Identity, reading: Reading, *, anybody: bool) -> None:
    """anybody: there is no Patient; whoever the first resource is about is the patient."""
    for entry in entries:
        if entry.type not in ABOUT_A_PATIENT:
            continue
        here = f"{entry.place}.subject"
        subject = parsed(Reference, entry.resource.get("subject"), here)
        if isinstance(subject, list) or (subject.reference is None and subject.identifier is None):
            reading.refuse([Problem(here, "expected a reference to the patient, as in every resource that is sent")])
        elif anybody and not identity.names and not identity.identifiers:
            name = (subject.reference or "").partition("/_history/")[0]
            identity.names, identity.identifiers = {name} - {""}, [subject.identifier] if subject.identifier else []
            reading.subject = name or None
        elif not identity.includes(subject):
            reading.refuse([Problem(here, "expected resources of one patient: this is of another", code="patients")])


def _read_fields(entry: Entry, person: Person, contract: Contract, at: datetime, reading: Reading) -> None:
    for measured in contract.covariates:
        if measured.name in reading.known:
            continue
        if measured.measure.held_in == "Patient.birthDate" and person.birth_date is not None:
            _read_age(entry, person.birth_date, measured, at, reading)
        elif measured.measure.held_in == "Patient.gender" and person.gender is not None:
            _read_gender(entry, person.gender, measured, reading)


def _read_age(entry: Entry, born: FhirTime, measured: ContractField, at: datetime, reading: Reading) -> None:
    place = f"{entry.place}.birthDate"
    try:
        age = number_in_range(measured, float(completed_years(born.day, at.date())), place)
    except InputError as error:
        reading.refuse(error.problems)
        return
    middle = None if born.is_to_the_day else "the middle of what the date says was taken"
    reading.use(measured, age, entry, born.text, "birthDate", middle)


def _read_gender(entry: Entry, gender: str, measured: ContractField, reading: Reading) -> None:
    level = level_of(measured.measure.answers, [Code(GENDER, gender)])
    if level is None:
        reading.refuse([Problem(f"{entry.place}.gender", "expected male, female, other or unknown", code="code")])
    elif level == NO_ANSWER:
        reading.skip(entry, "value", f"its gender is none of {', '.join(measured.levels)}", measured, ".gender")
    else:
        reading.use(measured, level == "true" if measured.kind == "yes_no" else level, entry, None, "gender")
