"""Who has the disease, who takes the drug, and who is about to be given it."""

import pytest

from acrcast.studies import load_study
from acrcast_service.cds_hooks.eligibility import has, selects, takes
from acrcast_service.cds_hooks.requests import Context

from .records import ATC, ICD10, RXNORM, SNOMED, a_bundle, a_condition, an_order, concept

STUDY = load_study("ld-il2-ra")


@pytest.mark.parametrize(
    ("system", "code"),
    [
        (SNOMED, "69896004"), (ICD10, "M05"), (ICD10, "M05.79"), (ICD10, "M06.9"), (ICD10, "M06"),
        ("http://hl7.org/fhir/sid/icd-10-cm", "M06.09"),
    ],
)  # fmt: skip
def test_rheumatoid_arthritis_is_known_by_its_codes_and_those_below(system, code):
    assert has([a_condition(system, code)], STUDY.diagnosis)


@pytest.mark.parametrize(
    ("system", "code"),
    [
        (ICD10, "M08.0"), (ICD10, "M0"), (ICD10, "M055"), (ICD10, "M06.1"), (ICD10, "M06.4"), (SNOMED, "698960041"),
        (SNOMED, "M05"), ("http://hl7.org/fhir/sid/icd-9-cm", "M05"),
    ],
)  # fmt: skip
def test_other_diseases_are_not_taken_for_it(system, code):
    assert not has([a_condition(system, code)], STUDY.diagnosis)


@pytest.mark.parametrize(
    ("clinical", "verified", "counts"),
    [
        ("active", "confirmed", True), ("relapse", "confirmed", True), (None, None, True), (None, "confirmed", True),
        ("resolved", "confirmed", False), ("inactive", "confirmed", False), ("remission", "confirmed", False),
        ("active", "refuted", False), ("active", "entered-in-error", False), ("active", "provisional", False),
        (None, "differential", False),
    ],
)  # fmt: skip
def test_only_an_active_and_confirmed_diagnosis_counts(clinical, verified, counts):
    assert has([a_condition(clinical=clinical, verified=verified)], STUDY.diagnosis) is counts


@pytest.mark.parametrize("status", ["active", "on-hold"])
@pytest.mark.parametrize(("system", "code"), [(RXNORM, "70223"), (ATC, "L03AC01")])
def test_a_patient_whose_order_of_the_drug_is_in_force_takes_it(system, code, status):
    assert takes([an_order(system, code, status=status)], STUDY.treated)


@pytest.mark.parametrize("status", ["draft", "completed", "stopped", "cancelled", "entered-in-error", "unknown"])
def test_an_order_that_is_not_in_force_is_none(status):
    assert not takes([an_order(status=status)], STUDY.treated)


def test_a_proposal_is_no_order():
    assert not takes([an_order(intent="proposal")], STUDY.treated)


def test_another_drug_is_not_the_drug():
    assert not takes([an_order(ATC, "L04AX03")], STUDY.treated)


def test_a_statement_that_the_patient_takes_it_counts_too():
    statement = an_order() | {"resourceType": "MedicationStatement"}
    del statement["intent"]
    assert takes([statement], STUDY.treated)


def test_a_drug_by_reference_is_found_inside_the_order_or_beside_it():
    drug = {"resourceType": "Medication", "id": "il2", "code": concept(ATC, "L03AC01")}
    inside = an_order(medicationReference={"reference": "#il2"}, contained=[drug])
    beside = an_order(medicationReference={"reference": "Medication/il2"})
    for order in (inside, beside):
        del order["medicationCodeableConcept"]
    assert takes([inside], STUDY.treated)
    assert takes([beside, drug], STUDY.treated)
    assert not takes([beside], STUDY.treated)


def _selecting(*selections, orders):
    return Context.model_validate({"patientId": "p1", "selections": list(selections), "draftOrders": a_bundle(*orders)})


def test_only_what_was_just_selected_counts_and_not_every_draft():
    il2, methotrexate = an_order(name="a", status="draft"), an_order(ATC, "L04AX03", name="b", status="draft")
    assert selects(_selecting("MedicationRequest/a", orders=[il2, methotrexate]), STUDY.treated)
    assert not selects(_selecting("MedicationRequest/b", orders=[il2, methotrexate]), STUDY.treated)
    assert not selects(_selecting("MedicationRequest/c", orders=[il2, methotrexate]), STUDY.treated)
    assert not selects(Context.model_validate({"patientId": "p1"}), STUDY.treated)


@pytest.mark.parametrize(
    "nonsense",
    [
        {}, {"code": None}, {"code": []}, {"code": {"coding": {}}}, {"code": {"coding": [None, 5, {"system": 1}]}},
        {"clinicalStatus": "active"}, {"verificationStatus": {"coding": [{"code": 5}]}}, {"contained": {}},
        {"medicationReference": 5}, {"medicationReference": {"reference": []}}, {"status": {}, "intent": []},
    ],
)  # fmt: skip
def test_what_is_not_as_fhir_has_it_is_passed_over(nonsense):
    for kind in ("Condition", "MedicationRequest", "Medication"):
        has([{"resourceType": kind} | nonsense], STUDY.diagnosis)
        takes([{"resourceType": kind, "status": "active"} | nonsense], STUDY.treated)
