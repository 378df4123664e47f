"""The OpenAPI document of a server: its routes, and the patient of the study that it serves."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from acrcast.studies import Study
from acrcast_service.api_docs.schemas import PATIENT, PATIENT_BODY, REF, absent_instead_of_null, patient_schemas
from acrcast_service.problems import MEDIA_TYPE, ProblemBody


def openapi_document(app: FastAPI, study: Study) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=study.title,
        description=study.intended_use,
        routes=app.routes,
    )
    schemas: dict[str, Any] = document["components"]["schemas"]
    schemas.update(_problem_schemas())
    for schema in schemas.values():
        absent_instead_of_null(schema)
    schemas.update(patient_schemas(study))
    for operation in _operations(document):
        operation["responses"]["default"] = {
            "description": "Any other problem",
            "content": {MEDIA_TYPE: {"schema": {"$ref": REF.format(model=ProblemBody.__name__)}}},
        }
        if operation.get("requestBody") == PATIENT_BODY:
            operation["requestBody"] = _with_example(schemas[PATIENT]["examples"][0])
    return document


def _problem_schemas() -> dict[str, Any]:
    schema = TypeAdapter(ProblemBody).json_schema(mode="serialization", ref_template=REF)
    return {**schema.pop("$defs", {}), ProblemBody.__name__: schema}


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]


def _with_example(example: dict[str, Any]) -> dict[str, Any]:
    content = {media: {**body, "example": example} for media, body in PATIENT_BODY["content"].items()}
    return {**PATIENT_BODY, "content": content}
