"""Whether a patient is one that the study asks about: who has the disease, and does not take the drug yet."""

from collections.abc import Iterable, Sequence

from acrcast.studies import Arm, Diagnosis
from acrcast_service.cds_hooks.requests import Context
from acrcast_service.cds_hooks.resources import Resource, address_of, codes_of, entries, members, of_type

CONDITION_STATUS = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION_STATUS = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
# The codes below `active`, and what counts where a status is said at all (FHIR R4, Condition).
ACTIVE = frozenset({"active", "recurrence", "relapse"})
CONFIRMED = frozenset({"confirmed"})
# An order or a statement of these is of a drug that the patient takes, or is to take again (FHIR R4, MedicationRequest).
IN_FORCE = ("active", "on-hold")
ONLY_THOUGHT_OF = ("proposal", "plan", "option")


def has(resources: Iterable[Resource], diagnosis: Diagnosis) -> bool:
    """Whether one of the Conditions is the diagnosis, active and confirmed; a status that is not said is no obstacle."""
    return any(
        any(map(diagnosis.includes, codes_of(condition.get("code"))))
        and _has_status(condition, "clinicalStatus", CONDITION_STATUS, ACTIVE)
        and _has_status(condition, "verificationStatus", VERIFICATION_STATUS, CONFIRMED)
        for condition in of_type(resources, "Condition")
    )


def takes(resources: Sequence[Resource], arm: Arm) -> bool:
    """Whether the arm's drug is ordered or taken now. A drug that the resources do not name by a code is not recognised."""
    return any(
        item.get("status") in IN_FORCE
        and item.get("intent") not in ONLY_THOUGHT_OF
        and _is_of_drug(item, resources, arm)
        for item in of_type(resources, "MedicationRequest", "MedicationStatement")
    )


def selects(context: Context, arm: Arm) -> bool:
    """Whether the arm's drug is among the orders that were just selected."""
    drafts = list(entries(context.draft_orders)) if context.draft_orders is not None else []
    return any(
        f"{order.get('resourceType')}/{order.get('id')}" in context.selections and _is_of_drug(order, drafts, arm)
        for order in of_type(drafts, "MedicationRequest")
    )


def _has_status(condition: Resource, name: str, system: str, wanted: frozenset[str]) -> bool:
    said = {code.code for code in codes_of(condition.get(name)) if code.system == system}
    return not said or bool(said & wanted)


def _is_of_drug(order: Resource, resources: Iterable[Resource], arm: Arm) -> bool:
    """The drug stands in the order, in a resource contained in it, or in one that came with it."""
    codes = set(codes_of(order.get("medicationCodeableConcept")))
    address = address_of(order.get("medicationReference"))
    if address is not None and address.startswith("#"):
        inside = members(order, "contained")
        codes |= {code for drug in inside if f"#{drug.get('id')}" == address for code in codes_of(drug.get("code"))}
    elif address is not None:
        name = address.rpartition("/")[2]
        beside = of_type(resources, "Medication")
        codes |= {code for drug in beside if drug.get("id") == name for code in codes_of(drug.get("code"))}
    return not codes.isdisjoint(arm.drug)
