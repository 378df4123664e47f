"""What this server says of itself in FHIR: its CapabilityStatement, and the definition of its one operation."""

from collections.abc import Iterator
from typing import Any

import acrcast
from acrcast.contract import ContractField
from acrcast.contract.units import ucum_units
from acrcast.studies import Study
from acrcast_service.fhir.canonical import FHIR_JSON, FHIR_VERSION, OPERATION
from acrcast_service.fhir.request import AT, RESOURCES, SUBJECT, VALUES

ONE, ANY_NUMBER = "1", "*"

# By parameter of a resource: how many there may be, and what for.
OF_RESOURCES = {
    "patient": (ONE, "The patient: age and sex"),
    "observation": (ANY_NUMBER, "A measure; of each the newest that can be used is used"),
    "condition": (ANY_NUMBER, "The disease, since its onset"),
    "medication": (ANY_NUMBER, "A drug that is taken, its order, or what it is"),
    "record": (ANY_NUMBER, "Any of these; resources of no use in it are left out, and named in the answer"),
}
# In the order of the kinds of fields: the type of a plain value. A measure with a unit is a Quantity.
PLAIN_TYPES = {"number": "decimal", "count": "integer", "yes_no": "boolean", "category": "code", "text": "string"}


def capability_statement(study: Study, address: str, date: str) -> dict[str, Any]:
    """address: under which clients reach this server. date: since when it is so."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "experimental": True,
        "date": date,
        "kind": "instance",
        "software": {"name": "acrcast", "version": acrcast.__version__},
        "implementation": {"description": f"{study.title}. {study.intended_use}", "url": f"{address}/fhir"},
        "fhirVersion": FHIR_VERSION,
        "format": [FHIR_JSON],
        "rest": [
            {
                "mode": "server",
                "documentation": "One operation. No resource is stored here or can be read.",
                "security": {"description": "A key or token in Authorization, with the scope predict"},
                "operation": [{"name": OPERATION, "definition": definition_address(address)}],
            }
        ],
    }


def operation_definition(study: Study, address: str) -> dict[str, Any]:
    return {
        "resourceType": "OperationDefinition",
        "id": OPERATION,
        "url": definition_address(address),
        "name": "PredictAcrResponse",
        "title": f"{study.endpoint.title}: {study.title}",
        "status": "active",
        "kind": "operation",
        "experimental": True,
        "description": (
            f"Predicts the probability of {study.endpoint.title} in each arm from what is known at baseline, and records it "
            f"before it answers. Parameters as below, or a Bundle (collection, searchset, document). {study.intended_use}"
        ),
        "affectsState": True,
        "code": OPERATION,
        "system": True,
        "type": False,
        "instance": False,
        "parameter": [*_parameters(study)],
    }


def definition_address(address: str) -> str:
    return f"{address}/fhir/OperationDefinition/{OPERATION}"


def _parameters(study: Study) -> Iterator[dict[str, Any]]:
    for name, types in RESOURCES.items():
        most, documentation = OF_RESOURCES[name]
        # FHIR R4 has one type for a parameter; which resources it may be is in the documentation
        kind = types[0] if len(types) == 1 else "Resource"
        allowed = "" if len(types) == 1 else f": {', '.join(types)}"
        yield _parameter(name, kind, documentation + allowed, most=most)
    yield _parameter(SUBJECT, "Reference", "The patient, when no resource says who it is")
    yield _parameter(AT, "dateTime", "The time of the prediction, with its zone; nothing later is used. Now, if absent")
    plain = [_plain(field) for field in study.contract]
    yield {
        "name": VALUES,
        "use": "in",
        "min": 0,
        "max": ONE,
        "documentation": "Values without a resource; each goes before what the resources say",
        "part": plain,
    }
    yield _parameter("return", "RiskAssessment", "The prediction", use="out", least=1)


def _plain(field: ContractField) -> dict[str, Any]:
    units = [*ucum_units(field)]
    kind = "Quantity" if units else PLAIN_TYPES[field.kind]
    bare = f"; or valueDecimal or valueInteger in {field.measure.unit or units[0]}" if units else ""
    return _parameter(field.name, kind, f"{field.measure.label}: {field.expected}{bare}")


def _parameter(
    name: str, kind: str, documentation: str, *, use: str = "in", least: int = 0, most: str = ONE
) -> dict[str, Any]:
    return {
        "name": name,
        "use": use,
        "min": least,
        "max": most,
        "documentation": documentation,
        "type": kind,
    }
