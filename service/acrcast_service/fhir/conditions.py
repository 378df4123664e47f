"""How long the study's disease has lasted, from the Conditions of a record."""

from collections.abc import Iterable
from datetime import datetime

from acrcast.contract import ContractField
from acrcast.errors import InputError, Problem
from acrcast.studies import Diagnosis, Study
from acrcast_service.fhir.elements import CodeableConcept, Condition, chosen, parsed
from acrcast_service.fhir.entries import Entry
from acrcast_service.fhir.observations import LEEWAY, MODIFIERS
from acrcast_service.fhir.reading import Reading
from acrcast_service.fhir.times import FhirTime, years_between
from acrcast_service.fhir.values import number_in_range

VERIFICATION_STATUS = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
CONFIRMED = "confirmed"


def read_conditions(entries: Iterable[Entry], study: Study, at: datetime, reading: Reading) -> None:
    """Adds to `reading` the years since the earliest onset of the diagnosis, for each field that is held there."""
    held = [field for field in study.contract.covariates if field.measure.held_in == "Condition.onset"]
    asked = [field for field in held if field.name not in reading.known]
    if study.diagnosis is None or not asked:
        return
    known: list[tuple[FhirTime, Entry]] = []
    for entry in entries:
        onset = _onset(entry, study.diagnosis, asked[0], at, reading)
        if onset is not None:
            known.append((onset, entry))
    if not known:
        return
    onset, entry = min(known, key=lambda one: one[0].first)
    for _, other in known:
        if other is not entry:
            reading.skip(other, "superseded", "another one has the earlier onset", asked[0])
    middle = None if onset.is_to_the_day else "the middle of what the date says was taken"
    day = min(onset.day, at.date()) if not onset.is_to_the_day else onset.day
    for field in asked:
        try:
            years = number_in_range(field, years_between(day, at.date()), f"{entry.place}.onset")
        except InputError as error:
            reading.refuse(error.problems)
        else:
            reading.use(field, years, entry, onset.text, "onset", middle)


def _onset(entry: Entry, diagnosis: Diagnosis, field: ContractField, at: datetime, reading: Reading) -> FhirTime | None:
    code = parsed(CodeableConcept, entry.resource.get("code", {}), f"{entry.place}.code")
    if isinstance(code, list):
        reading.refuse(code)
        return None
    if not any(map(diagnosis.includes, code.codes)):
        reading.skip(entry, "code", f"none of its codes is of {diagnosis.title}")
        return None
    condition = parsed(Condition, entry.resource, entry.place)
    if isinstance(condition, list):
        reading.refuse(condition)
        return None
    status = condition.verification_status
    said = {one.code for one in status.codes if one.system == VERIFICATION_STATUS} if status is not None else set()
    period = condition.onset_period
    onset = condition.onset_date_time or (period.start if period is not None else None)
    if any(member in entry.resource for member in MODIFIERS):
        reading.skip(entry, "modifier", "it has a modifier, which may change what it means", field)
    elif said and CONFIRMED not in said:
        reading.skip(entry, "status", "the diagnosis is not confirmed", field)
    elif len(chosen(entry.resource, "onset")) > 1:
        reading.refuse([Problem(f"{entry.place}.onset", "expected one of onset[x], not several")])
    elif onset is None:
        reading.skip(entry, "time", "it has no onset as a date (onsetDateTime, or the start of onsetPeriod)", field)
    elif onset.first > at + LEEWAY:
        reading.skip(entry, "time", "its onset is later than the prediction", field)
    else:
        return onset
    return None
