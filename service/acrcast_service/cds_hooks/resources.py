"""Walking through FHIR resources as they come, which may be anything: what is not as FHIR has it is passed over."""

from collections.abc import Iterable, Iterator
from typing import Any

from acrcast.contract import Code

Resource = dict[str, Any]


def entries(bundle: Resource) -> Iterator[Resource]:
    """The resources of a Bundle."""
    for entry in members(bundle, "entry"):
        if isinstance(entry.get("resource"), dict):
            yield entry["resource"]


def members(element: Any, name: str) -> Iterator[Resource]:  # noqa: ANN401  whatever was sent
    """The objects of a list."""
    listed = element.get(name) if isinstance(element, dict) else None
    if isinstance(listed, list):
        yield from (member for member in listed if isinstance(member, dict))


def of_type(resources: Iterable[Resource], *types: str) -> Iterator[Resource]:
    return (resource for resource in resources if resource.get("resourceType") in types)


def codes_of(concept: Any) -> Iterator[Code]:  # noqa: ANN401  whatever was sent
    """The codes of a CodeableConcept."""
    for coding in members(concept, "coding"):
        if isinstance(coding.get("system"), str) and isinstance(coding.get("code"), str):
            yield Code(coding["system"], coding["code"])


def address_of(element: Any) -> str | None:  # noqa: ANN401  whatever was sent
    """Where a Reference points to."""
    address = element.get("reference") if isinstance(element, dict) else None
    return address if isinstance(address, str) else None
