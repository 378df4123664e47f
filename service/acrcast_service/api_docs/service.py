"""The OpenAPI document of a server: its routes, and the patient of the study that it serves."""

from collections.abc import Iterator
from importlib import import_module, metadata
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from acrcast_service.api_docs.examples import add_examples
from acrcast_service.api_docs.members import describe_members
from acrcast_service.api_docs.problems import OF_THE_FRAMEWORK, add_problems, schemas_of_forms
from acrcast_service.api_docs.schemas import absent_instead_of_null, lifted, patient_schemas
from acrcast_service.auth.callers import scope_needed
from acrcast_service.auth.guard import REFUSALS
from acrcast_service.model_store import ServedModel

BEARER = "key"
HOW_TO_ASK = (
    "An API key (acr_...) or a token of the identity provider; the scope of each operation stands with it. "
    "For CDS Hooks also a token that a listed record system signs for each request. "
    "Not needed on a server of this machine for which no key was ever made."
)
# Relative to the address of the document, wherever a proxy puts it.
SERVERS: list[dict[str, Any]] = [{"url": ".", "description": "The server that this document is from"}]


def openapi_document(app: FastAPI, served: ServedModel, level: float) -> dict[str, Any]:
    """The document, with an example patient and what the model answers for it. level: of intervals."""
    study, package = served.model.study, metadata.metadata("acrcast")
    routes = [route for route in app.routes if isinstance(route, APIRoute) and route.include_in_schema]
    licence = package["License-Expression"]
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=study.title,
        description=study.intended_use,
        routes=routes,
        tags=list(_tags(routes)),
        servers=SERVERS,
        contact={"name": package["Author"]},
        license_info={"name": licence, "identifier": licence},
    )
    schemas: dict[str, Any] = document["components"]["schemas"]
    operations = [
        (route, document["paths"][route.path_format][method.lower()])
        for route in routes
        for method in route.methods or ()
    ]
    for route, operation in operations:
        scope = scope_needed(route.endpoint)
        operation["operationId"] = operation_id(route)
        operation["security"] = [] if scope is None else [{BEARER: [scope]}]
        add_problems(operation, route.path_format, () if scope is None else REFUSALS, study.contract)
    for name in OF_THE_FRAMEWORK:
        schemas.pop(name, None)
    schemas |= schemas_of_forms(document["paths"])
    for schema in schemas.values():
        absent_instead_of_null(schema)
    schemas |= lifted([operation for _, operation in operations]) | patient_schemas(study)
    for schema in schemas.values():
        describe_members(schema)
    schemes = document["components"].setdefault("securitySchemes", {})
    schemes[BEARER] = {"type": "http", "scheme": "bearer", "description": HOW_TO_ASK}
    add_examples(document["paths"], served, level)
    return document


def operation_id(route: APIRoute) -> str:
    """What generated clients call the operation: its own name, or the room's and the function's."""
    return route.operation_id or f"{_room(route).rpartition('.')[2]}_{route.name}"


def _tags(routes: list[APIRoute]) -> Iterator[dict[str, str]]:
    """Each tag, with what its rooms say of themselves."""
    rooms: dict[str, dict[str, None]] = {}
    for route in routes:
        for tag in route.tags:
            rooms.setdefault(str(tag), {})[_room(route)] = None
    for tag, names in rooms.items():
        said = (import_module(name).__doc__ or "" for name in names)
        yield {"name": tag, "description": " ".join(text.split("\n\n")[0].strip() for text in said)}


def _room(route: APIRoute) -> str:
    """The package of the route's function, or its module where that is all there is of the room."""
    return str(route.endpoint.__module__).removesuffix(".routes")
