"""Synthetic patients' records in FHIR R4, as a record system holds them."""

LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
OURS = "https://acrcast.example/measures"
RXNORM, ATC, ICD10 = (
    "http://www.nlm.nih.gov/research/umls/rxnorm",
    "http://www.whocc.no/atc",
    "http://hl7.org/fhir/sid/icd-10",
)
TAKEN = "2026-10-05"


def concept(system, code, text=None):
    return {"coding": [{"system": system, "code": code}]} | ({"text": text} if text else {})


def a_person(name="p1", gender="female", born="1972-03-04", **more):
    return {"resourceType": "Patient", "id": name, "gender": gender, "birthDate": born} | more


def a_value(code, value, unit, system=LOINC, patient="p1", taken=TAKEN, **more):
    """An Observation of a quantity."""
    quantity = {"value": value, "unit": unit, "system": UCUM, "code": unit}
    return {
        "resourceType": "Observation",
        "id": f"{patient}-{code}",
        "status": "final",
        "code": concept(system, code),
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": taken,
        "valueQuantity": quantity,
    } | more


def a_condition(system=SNOMED, code="69896004", patient="p1", clinical="active", verified="confirmed", **more):
    statuses = {
        "clinicalStatus": ("condition-clinical", clinical),
        "verificationStatus": ("condition-ver-status", verified),
    }
    said = {
        name: concept(f"http://terminology.hl7.org/CodeSystem/{system_}", status)
        for name, (system_, status) in statuses.items()
        if status
    }
    return (
        {
            "resourceType": "Condition",
            "id": f"{patient}-{code}",
            "code": concept(system, code),
            "subject": {"reference": f"Patient/{patient}"},
        }
        | said
        | more
    )


def an_order(system=RXNORM, code="70223", patient="p1", status="active", intent="order", name="order-1", **more):
    return {
        "resourceType": "MedicationRequest",
        "id": name,
        "status": status,
        "intent": intent,
        "subject": {"reference": f"Patient/{patient}"},
        "medicationCodeableConcept": concept(system, code),
    } | more


def the_values(patient="p1", **more):
    """Every measure of ld-il2-ra that a code holds, each in a unit that record systems use."""
    ours = {"system": OURS, "patient": patient} | more
    common = {"patient": patient} | more
    return [
        a_value("treg-percent-of-cd4", 5.2, "%", **ours),
        a_value("il21-serum", 85, "ng/L", **ours),
        a_value("88981-6", 14, "{#}", **common),
        a_value("88980-8", 9, "{#}", **common),
        a_value("75844-1", 6.5, "{score}", **common),
        a_value("75846-6", 6.0, "{score}", **common),
        a_value("38214-3", 6.8, "{score}", **common),
        a_value("75874-8", 1.5, "{score}", **common),
        a_value("4537-7", 48, "mm/h", **common),
        a_value("1988-5", 2.2, "mg/dL", **common),
    ]


def a_bundle(*resources, following=None):
    link = [{"relation": "next", "url": following}] if following else []
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(resources)}
    entries = [{"resource": resource} for resource in resources]
    return bundle | ({"entry": entries} if entries else {}) | ({"link": link} if link else {})


def a_prefetch(patient=None, values=None, conditions=None, medications=None):
    """What a record system sends for a patient with rheumatoid arthritis and every measure; name only what matters."""
    return {
        "patient": a_person() if patient is None else patient,
        "observations": a_bundle(*(the_values() if values is None else values)),
        "conditions": a_bundle(*([a_condition()] if conditions is None else conditions)),
        "medications": a_bundle(*(medications or ())),
    }
