"""The dose of a drug over time, where a record says it so that it can be read in one way only."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from acrcast.contract import Contract, ContractField
from acrcast.errors import InputError
from acrcast_service.fhir.elements import CodeableConcept, Dosage, MedicationUse, Resource, parsed
from acrcast_service.fhir.entries import Entry
from acrcast_service.fhir.observations import MODIFIERS
from acrcast_service.fhir.reading import Reading
from acrcast_service.fhir.values import UCUM, number_in_range

USES = frozenset({"MedicationStatement", "MedicationRequest"})
# An order that is only thought of is no dose that is taken (FHIR R4, MedicationRequest.intent).
ONLY_THOUGHT_OF = frozenset({"proposal", "plan", "option"})

# Days in FHIR's units of time, where they are the same everywhere: not of months and years.
DAYS = {"h": 1 / 24, "d": 1.0, "wk": 7.0}
# What may be said of a Timing so that it can be read in one way.
READ_OF_A_TIMING = frozenset({"frequency", "period", "periodUnit", "dayOfWeek", "boundsPeriod"})


class Ambiguous(Exception):  # noqa: N818  a reason, and no error
    """The dose could be read in more than one way, or in none."""


def read_doses(entries: Sequence[Entry], contract: Contract, at: datetime, reading: Reading) -> None:
    """Adds to `reading` the dose at a time for each field that is one. Several that agree are one; if they differ, none."""
    asked = [field for field in contract.covariates if field.measure.dose_of]
    for entry in entries:
        if entry.type in USES and not any(_is_of(entry, entries, field) for field in asked):
            reading.skip(entry, "code", "none of its codes is of a drug whose dose is asked for")
    for field in asked:
        if field.name in reading.known:
            continue
        uses = [entry for entry in entries if entry.type in USES and _is_of(entry, entries, field)]
        _read(field, uses, at, reading)


def _read(field: ContractField, entries: Iterable[Entry], at: datetime, reading: Reading) -> None:
    found: list[tuple[Entry, float, str]] = []
    for entry in entries:
        current = _current(field, entry, at, reading)
        if current is not None:
            found.append((entry, *current))
    if len({dose for _, dose, _ in found}) > 1:
        for entry, _, _ in found:
            reading.skip(entry, "ambiguous", "current doses of the drug differ", field)
    elif found:
        entry, dose, sent = found[0]
        try:
            reading.use(field, number_in_range(field, dose, f"{entry.place}.dosage"), entry, None, sent)
        except InputError as error:
            reading.refuse(error.problems)
        for other, _, _ in found[1:]:
            reading.skip(other, "superseded", "the same dose was used already", field)


def _current(field: ContractField, entry: Entry, at: datetime, reading: Reading) -> tuple[float, str] | None:
    """The dose that is taken, in the field's unit and in words; None when this is none, which is then said."""
    use = parsed(MedicationUse, entry.resource, entry.place)
    if isinstance(use, list):
        reading.refuse(use)
    elif any(member in entry.resource for member in MODIFIERS):
        reading.skip(entry, "modifier", "it has a modifier, which may change what it means", field)
    elif use.status != "active" or use.intent in ONLY_THOUGHT_OF or _is_over(use, at):
        reading.skip(entry, "status", "it does not say that the drug is taken now", field)
    else:
        try:
            return _dose(field, use, entry.resource)
        except Ambiguous as reason:
            reading.skip(entry, "ambiguous", str(reason), field)
    return None


def _is_over(use: MedicationUse, at: datetime) -> bool:
    timings = [dosage.timing for dosage in (*use.dosage, *use.dosage_instruction) if dosage.timing is not None]
    periods = [use.effective_period, *(timing.repeat.bounds_period for timing in timings if timing.repeat is not None)]
    return use.do_not_perform or any(
        period is not None and period.end is not None and period.end.last < at for period in periods
    )


def _dose(field: ContractField, use: MedicationUse, raw: Resource) -> tuple[float, str]:
    """In the field's unit, and in words. Raises Ambiguous."""
    dosages = use.dosage or use.dosage_instruction
    sent = raw.get("dosage") or raw.get("dosageInstruction")
    if len(dosages) != 1 or not isinstance(sent, list):
        raise Ambiguous("it has no dosage, or more than one")
    (dosage,), (as_it_was,) = dosages, sent
    if as_it_was.get("asNeededBoolean") or "asNeededCodeableConcept" in as_it_was or "maxDosePerPeriod" in as_it_was:
        raise Ambiguous("its dosage is as needed, or has a maximum")
    quantity = dosage.dose_and_rate[0].dose_quantity if len(dosage.dose_and_rate) == 1 else None
    amount, _, time = field.measure.ucum.partition("/")
    if quantity is None or quantity.value is None or quantity.comparator is not None:
        raise Ambiguous("its dosage has no one doseQuantity")
    if (quantity.system, quantity.code) != (UCUM, amount):
        raise Ambiguous(f"its doseQuantity is not in the unit {amount}, with system {UCUM} and code")
    times, days = _rhythm(dosage, as_it_was)
    return round(
        quantity.value * times / days * DAYS[time], 6
    ), f"{quantity.value:g} {amount}, {times} in {days:g} days"


def _rhythm(dosage: Dosage, raw: Resource) -> tuple[int, float]:
    """How many times in how many days."""
    repeat = dosage.timing.repeat if dosage.timing is not None else None
    if repeat is None or repeat.period is None or repeat.period_unit not in DAYS or repeat.period <= 0:
        raise Ambiguous("its timing does not say how often in how many hours, days or weeks")
    if not raw["timing"]["repeat"].keys() <= READ_OF_A_TIMING or repeat.frequency < 1:
        raise Ambiguous("its timing says more than how often")
    if repeat.day_of_week and (repeat.period, repeat.period_unit, len(repeat.day_of_week)) != (
        1,
        "wk",
        repeat.frequency,
    ):
        raise Ambiguous("its days of the week do not agree with how often")
    return repeat.frequency, repeat.period * DAYS[repeat.period_unit]


def _is_of(entry: Entry, entries: Iterable[Entry], field: ContractField) -> bool:
    """The drug stands in the use itself, in a resource contained in it, or in one that came with it."""
    resource = entry.resource
    reference = resource.get("medicationReference")
    address = reference.get("reference") if isinstance(reference, dict) else None
    concepts = [resource.get("medicationCodeableConcept")]
    if isinstance(address, str) and address.startswith("#"):
        inside = resource.get("contained")
        inside = inside if isinstance(inside, list) else []
        concepts += [drug.get("code") for drug in inside if isinstance(drug, dict) and f"#{drug.get('id')}" == address]
    elif isinstance(address, str):
        drugs = (other for other in entries if other.type == "Medication")
        concepts += [drug.resource.get("code") for drug in drugs if _refers(address, drug)]
    for sent in concepts:
        concept = parsed(CodeableConcept, sent, entry.place)
        if not isinstance(concept, list) and not set(concept.codes).isdisjoint(field.measure.dose_of):
            return True
    return False


def _refers(address: str, drug: Entry) -> bool:
    name = address.partition("/_history/")[0]
    return name == drug.name or "/".join(name.split("/")[-2:]) == f"Medication/{drug.resource.get('id')}"
