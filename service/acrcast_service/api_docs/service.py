"""The OpenAPI document of a server: its routes, and the patient of the study that it serves."""

from typing import Any
from uuid import UUID

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from acrcast.answer import Bedside
from acrcast.response_model import ResponseModel
from acrcast_service.api_docs.schemas import (
    PATIENT_BODY,
    REF,
    absent_instead_of_null,
    example_patient,
    fhir_body,
    patient_schemas,
)
from acrcast_service.auth.callers import scope_needed
from acrcast_service.auth.guard import REFUSALS
from acrcast_service.fhir.canonical import FHIR_JSON, OPERATION
from acrcast_service.fhir.outcomes import PREFIX as FHIR_PATHS
from acrcast_service.fhir.outcomes import PREFIXES as WITH_OUTCOMES
from acrcast_service.fhir.request import parameters_of
from acrcast_service.prediction.service import answer_for
from acrcast_service.problems import MEDIA_TYPE, ProblemBody, documented

BEARER = "key"
HOW_TO_ASK = (
    "An API key (acr_...) or a token of the identity provider; the scope of each operation stands with it. "
    "For CDS Hooks also a token that a listed record system signs for each request. Not needed on a server of this machine for which no key was ever made."
)


def openapi_document(app: FastAPI, model: ResponseModel, level: float) -> dict[str, Any]:
    """The document, with an example patient and what the model answers for it."""
    study = model.study
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
    schemes = document["components"].setdefault("securitySchemes", {})
    schemes[BEARER] = {"type": "http", "scheme": "bearer", "description": HOW_TO_ASK}
    for route in app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in route.methods or ():
                _add_access(document["paths"][route.path_format][method.lower()], scope_needed(route.endpoint))
    for operation in _operations(document):
        operation["responses"]["default"] = {
            "description": "Any other problem",
            "content": {MEDIA_TYPE: {"schema": {"$ref": REF.format(model=ProblemBody.__name__)}}},
        }
    for path, operations in document["paths"].items():
        if path.startswith(WITH_OUTCOMES):
            _tell_problems_as_outcomes(operations)
    example = example_patient(study)
    if example is not None:
        _add_example(document["paths"]["/predict"]["post"], example, model, level)
        operation = document["paths"][f"{FHIR_PATHS}${OPERATION}"]["post"]
        operation["requestBody"]["content"][FHIR_JSON]["example"] = parameters_of(example, study.contract)
    return document


def _tell_problems_as_outcomes(operations: dict[str, Any]) -> None:
    """Under these paths every problem leaves as an OperationOutcome: its description stays."""
    for operation in operations.values():
        for response in operation["responses"].values():
            if MEDIA_TYPE in response.get("content", {}):
                response.update(fhir_body("OperationOutcome"))


def _add_access(operation: dict[str, Any], scope: str | None) -> None:
    """Who may, and what is answered to those who may not."""
    if scope is None:
        operation["security"] = []
        return
    operation["security"] = [{BEARER: [scope]}]
    responses: dict[str, Any] = operation["responses"]
    for status, refusal in documented(*REFUSALS).items():
        known = responses.get(str(status))
        if known is None:
            responses[str(status)] = refusal
        else:
            known["description"] += f"; {refusal['description']}"
            known["content"][MEDIA_TYPE]["examples"] |= refusal["content"][MEDIA_TYPE]["examples"]


def _add_example(predict: dict[str, Any], example: dict[str, Any], model: ResponseModel, level: float) -> None:
    patient = model.study.patient.model_validate(example)
    answer = answer_for(Bedside(model, level), patient, name=str(UUID(int=0)))
    predict["responses"]["200"]["content"]["application/json"]["example"] = answer
    body = PATIENT_BODY["content"]["application/json"]
    predict["requestBody"] = PATIENT_BODY | {"content": {"application/json": body | {"example": example}}}


def _problem_schemas() -> dict[str, Any]:
    schema = TypeAdapter(ProblemBody).json_schema(mode="serialization", ref_template=REF)
    return {**schema.pop("$defs", {}), ProblemBody.__name__: schema}


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]
