"""JSON Schema of what comes in and goes out, with what the contract knows of each field."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from acrcast.contract import Contract, ContractField
from acrcast.contract.units import accepted_units
from acrcast.studies import Study
from acrcast_service.fhir.canonical import FHIR_JSON

REF = "#/components/schemas/{model}"
PATIENT = "Patient"
DEFINITIONS = "$defs"
# Keywords that say something about a value and nothing of what it may be.
ANNOTATIONS = frozenset({"default", "examples", "title"})

# The body of a request about one patient of the server's study.
PATIENT_BODY: dict[str, Any] = {
    "required": True,
    "content": {"application/json": {"schema": {"$ref": REF.format(model=PATIENT)}}},
}


def fhir_body(*types: str) -> dict[str, Any]:
    """A body that is one of these resources of FHIR, as far as this document says; FHIR says the rest."""
    kind = {"enum": [*types], "description": "The kind of resource"}
    schema = {"type": "object", "required": ["resourceType"], "properties": {"resourceType": kind}}
    return {"content": {FHIR_JSON: {"schema": schema | {"additionalProperties": True}}}}


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """What a route that reads its JSON body itself says of it. Its schemas become components of the document."""
    schema = model.model_json_schema(ref_template=REF)
    parts: dict[str, Any] = schema.pop(DEFINITIONS, {})
    reference = {"$ref": REF.format(model=model.__name__), DEFINITIONS: {model.__name__: schema, **parts}}
    return {"required": True, "content": {"application/json": {"schema": reference}}}


def lifted(operations: list[dict[str, Any]]) -> dict[str, Any]:
    """The schemas that came with the bodies of operations, taken out of them."""
    found: dict[str, Any] = {}
    for operation in operations:
        for content in operation.get("requestBody", {}).get("content", {}).values():
            found |= content["schema"].pop(DEFINITIONS, {})
    return found


def schemas_of(answer: type[Any]) -> dict[str, Any]:
    """A dataclass's schema under its name, and those that it refers to."""
    schema = TypeAdapter(answer).json_schema(mode="serialization", ref_template=REF)
    parts: dict[str, Any] = schema.pop(DEFINITIONS, {})
    return {**parts, answer.__name__: schema}


def patient_schemas(study: Study) -> dict[str, Any]:
    """The patient's schema under its name, and those that it refers to."""
    schema = TypeAdapter(study.patient).json_schema(ref_template=REF)
    parts: dict[str, Any] = schema.pop(DEFINITIONS, {})
    _add_measures(schema["properties"], study.contract)
    schema["title"] = study.title
    return {**parts, PATIENT: schema}


def example_patient(study: Study) -> dict[str, Any] | None:
    """Each field's first example; None when together they are no valid patient, as in a study that gives none."""
    examples = {name: field.examples[0] for name, field in study.patient.model_fields.items() if field.examples}
    try:
        study.patient.model_validate(examples)
    except ValidationError:
        return None
    return examples


def _add_measures(properties: dict[str, Any], contract: Contract) -> None:
    for field in contract:
        schema: dict[str, Any] = properties[field.name]
        if accepted_units(field):
            schema["anyOf"] = [*_bare(schema), *_with_unit(field)]
        schema |= _of_measure(field)


def _bare(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The forms that a value has without a unit, taken out of the schema."""
    options: list[dict[str, Any]] | None = schema.pop("anyOf", None)
    return options or [{name: schema.pop(name) for name in [*schema] if name not in ANNOTATIONS}]


def _with_unit(field: ContractField) -> Iterator[dict[str, Any]]:
    """A number with its unit, in place of a bare one; where it may be below a limit of detection, that limit too."""
    members = {
        "value": {"type": "number", "description": "In that unit"},
        "unit": {"enum": [*accepted_units(field)], "description": f"The value is converted to {field.measure.unit}"},
    }
    form = {"type": "object", "additionalProperties": False}
    yield form | {"properties": members, "required": ["value", "unit"]}
    if field.may_be_undetectable:
        limit = members | {"comparator": {"const": "<", "description": "The value is the limit of detection"}}
        yield form | {"properties": limit, "required": ["comparator", "value", "unit"]}


def _of_measure(field: ContractField) -> dict[str, Any]:
    """What a bare JSON type does not say of the field. Extensions (`x-`) that do not apply are absent."""
    measure = field.measure
    extensions = {
        "x-unit": measure.unit,
        "x-ucum": measure.ucum,
        "x-codes": [{"system": code.system, "code": code.code} for code in measure.codes],
        "x-assay-of": measure.assay_of,
        "x-source": measure.source,
    }
    sentences = [measure.help, f"Expected: {field.expected}{field.or_undetectable}"]
    return {
        "title": measure.label,
        "description": ". ".join(sentence for sentence in sentences if sentence) + ".",
        **{name: value for name, value in extensions.items() if value},
    }


def absent_instead_of_null(schema: dict[str, Any]) -> None:
    """Says of an answer what its writer does: a member that may be None is left out, and never null."""
    members: dict[str, Any] = schema.get("properties", {})
    for name, member in members.items():
        options = member.get("anyOf", [])
        kept = [option for option in options if option != {"type": "null"}]
        if len(kept) == len(options):
            continue
        rest = {key: value for key, value in member.items() if key not in ("anyOf", "default")}
        members[name] = rest | (kept[0] if len(kept) == 1 else {"anyOf": kept})
        if name in schema.get("required", []):
            schema["required"].remove(name)
