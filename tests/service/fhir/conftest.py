"""A record of one patient as FHIR R4 holds it, and how it is read."""

from datetime import UTC, datetime, timedelta

import pytest

from acrcast.studies import load_study
from acrcast_service.fhir.entries import entries_of
from acrcast_service.fhir.record import read_resources

AT = datetime(2026, 3, 15, 12, tzinfo=UTC)
WINDOW = timedelta(days=180)
# Of servers, which predict now.
NOW = datetime.now(UTC).date()
TODAY = NOW.isoformat()

LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
OWN = "https://acrcast.example/measures"


def concept(code, system=LOINC):
    return {"coding": [{"system": system, "code": code}]}


def quantity(value, code, **more):
    return {"value": value, "unit": code, "system": UCUM, "code": code} | more


def an_observation(known, value=None, on="2026-03-01", *, system=LOINC, **more):
    """A final one. known: its code. value: a Quantity, or left to `more`. What `more` gives as None is left out."""
    resource = {
        "resourceType": "Observation",
        "id": f"o-{known}",
        "status": "final",
        "code": concept(known, system),
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": on,
        "valueQuantity": value,
    } | more
    return {name: content for name, content in resource.items() if content is not None}


def a_person(**more):
    return {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1971-06-30"} | more


def a_condition(**more):
    return {
        "resourceType": "Condition",
        "id": "c1",
        "code": concept("69896004", SNOMED),
        "subject": {"reference": "Patient/p1"},
        "onsetDateTime": "2021-09-14",
    } | more


def weekly(value, code="mg", **repeat):
    rhythm = {"frequency": 1, "period": 1, "periodUnit": "wk"} | repeat
    return {"timing": {"repeat": rhythm}, "doseAndRate": [{"doseQuantity": quantity(value, code)}]}


def a_statement(*dosages, **more):
    return {
        "resourceType": "MedicationStatement",
        "id": "m1",
        "status": "active",
        "medicationCodeableConcept": concept("6851", "http://www.nlm.nih.gov/research/umls/rxnorm"),
        "subject": {"reference": "Patient/p1"},
        "dosage": list(dosages) or [weekly(12.5)],
    } | more


def joint_counts(tender=14, swollen=9):
    return [
        an_observation("88981-6", quantity(tender, "{#}")),
        an_observation("88980-8", quantity(swollen, "{#}")),
    ]


def on(day, resources):
    """The same resources, the Observations of that day."""
    return [one | ({"effectiveDateTime": day} if "effectiveDateTime" in one else {}) for one in resources]


def a_bundle(*resources, kind="collection", **more):
    return {"resourceType": "Bundle", "type": kind, "entry": [{"resource": one} for one in resources]} | more


def parameters(*given):
    return {"resourceType": "Parameters", "parameter": list(given)}


def plain(**values):
    """A part for each value: of a Quantity's, text's or other form."""
    forms = {bool: "valueBoolean", str: "valueCode", dict: "valueQuantity", int: "valueInteger", float: "valueDecimal"}
    parts = [{"name": name, forms[type(value)]: value} for name, value in values.items()]
    return {"name": "patient-values", "part": parts}


def a_record():
    """Every measure that a record may hold."""
    positive = concept("LA6576-8")
    return [
        a_person(),
        a_condition(),
        a_statement(),
        *joint_counts(),
        an_observation("treg-percent-of-cd4", quantity(5.2, "%"), system=OWN, method={"text": "CD25+FoxP3+"}),
        an_observation("il21-serum", quantity(85.0, "pg/mL"), system=OWN, method={"text": "ELISA"}),
        an_observation("75844-1", quantity(6.5, "{score}")),
        an_observation("75846-6", quantity(60, "mm")),
        an_observation("38214-3", quantity(6.8, "cm")),
        an_observation("75874-8", quantity(1.5, "{score}")),
        an_observation("4537-7", quantity(48, "mm/h")),
        an_observation("1988-5", quantity(2.2, "mg/dL")),
        an_observation("11572-5", valueCodeableConcept=positive),
        an_observation("33935-8", valueCodeableConcept=positive),
        an_observation("72166-2", valueCodeableConcept=concept("266919005", SNOMED)),
    ]


@pytest.fixture(scope="session")
def read():
    """Reads resources of a study; those of `ld-il2-ra` unless told otherwise."""
    study = load_study("ld-il2-ra")

    def reading(*resources, study=study, at=AT, window=WINDOW):
        return read_resources(entries_of(resources), study, at=at, window=window)

    return reading
