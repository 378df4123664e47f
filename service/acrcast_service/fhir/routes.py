"""`POST /fhir/$predict-acr-response`, and what the server says of itself in FHIR."""

import asyncio
from datetime import timedelta
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from starlette.background import BackgroundTask

from acrcast.protocol import JSON
from acrcast_service import idempotency
from acrcast_service.addresses import public_address
from acrcast_service.api_docs.schemas import fhir_body
from acrcast_service.audit.records import PREDICTION, Entry
from acrcast_service.auth.callers import PREDICT, caller_of, needs, open_to_all
from acrcast_service.bodies import ANY_TYPE, accepted_types, media_type_of, one_header, read_body
from acrcast_service.fhir.canonical import FHIR_JSON, OPERATION
from acrcast_service.fhir.capabilities import capability_statement, operation_definition
from acrcast_service.fhir.service import exchanged, sent_of, understood
from acrcast_service.idempotency import Within, answered_once
from acrcast_service.observation.middleware import note_predictions
from acrcast_service.prediction.routes import HEADERS, IDEMPOTENCY_KEY, SUBJECT_REFERENCE
from acrcast_service.prediction.service import predict_patient
from acrcast_service.problems import (
    AUDIT_UNAVAILABLE,
    BAD_REQUEST,
    INVALID_INPUT,
    KEY_IN_USE,
    KEY_REUSED,
    MALFORMED_JSON,
    NOT_ACCEPTABLE,
    NOT_READY,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    HttpProblem,
    ProblemType,
    documented,
)
from acrcast_service.server_state import state_of
from acrcast_service.whole_requests import WholeRequestRoute

PATH = f"/fhir/${OPERATION}"
MEDIA_TYPES = (FHIR_JSON, JSON)
LONGEST_SUBJECT = 200


def answered_with(resource: str, description: str, *kinds: ProblemType) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": description} | fhir_body(resource), **documented(*kinds)}


router = APIRouter(tags=["FHIR"], route_class=WholeRequestRoute)


@router.post(
    PATH,
    summary="Predict for one patient, from FHIR R4 to FHIR R4",
    response_class=Response,
    responses=answered_with(
        "RiskAssessment",
        "The prediction",
        MALFORMED_JSON,
        BAD_REQUEST,
        NOT_ACCEPTABLE,
        TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE,
        INVALID_INPUT,
        NOT_READY,
        AUDIT_UNAVAILABLE,
        KEY_IN_USE,
        KEY_REUSED,
    ),
    openapi_extra={"requestBody": {"required": True} | fhir_body("Parameters", "Bundle"), "parameters": HEADERS},
)
@needs(PREDICT)
async def predict(request: Request) -> Response:
    """A RiskAssessment of a patient that is given as Parameters or a Bundle; every error is an OperationOutcome.

    `GET /fhir/OperationDefinition/predict-acr-response` says what may be in it. Recorded and repeated like `POST /predict`.
    """
    server, caller = state_of(request), caller_of(request)
    served = server.models.current
    if not {*accepted_types(request)} & {*MEDIA_TYPES, *ANY_TYPE}:
        raise HttpProblem(NOT_ACCEPTABLE, f"accept {FHIR_JSON}")
    if media_type_of(request) not in MEDIA_TYPES:
        raise HttpProblem(UNSUPPORTED_MEDIA_TYPE, f"send Content-Type: {FHIR_JSON}, in UTF-8")
    body = await read_body(request, server.settings.fhir_limit_bytes)
    named = one_header(request, SUBJECT_REFERENCE, LONGEST_SUBJECT)
    key = one_header(request, IDEMPOTENCY_KEY, 255)
    window = timedelta(days=server.settings.fhir_window_days)
    asked = await asyncio.to_thread(understood, served, body, window)
    shadow: BackgroundTask | None = None

    async def answer(name: str | None = None, within: Within | None = None) -> bytes:
        nonlocal shadow
        prediction = predict_patient(served.bedside, asked.patient, name)
        entry = Entry(
            PREDICTION,
            str(prediction.prediction_id),
            inputs=orjson.dumps(asked.values),
            answer=exchanged(body, asked, prediction, served),
            subject=named or _pseudonym(asked.subject),
            tenant=caller.tenant,
            caller=caller.name,
            model=prediction.model.digest,
            study=prediction.study,
            within=within,
        )
        await server.audit.record(entry)
        note_predictions(request.scope, prediction.model.digest, prediction.support.status)
        shadow = server.shadow.after(asked.patient, entry)
        return entry.answer

    if key is None:
        recorded = await answer()
    else:
        again = idempotency.Request(caller.tenant, PATH, key, body + b"\0" + (named or "").encode())
        recorded = await answered_once(server.audit, again, answer)
    return Response(sent_of(recorded), media_type=FHIR_JSON, background=shadow)


@router.get(
    "/fhir/metadata",
    summary="CapabilityStatement",
    response_class=Response,
    responses=answered_with("CapabilityStatement", "What this server can do", NOT_READY),
)
@open_to_all
async def metadata(request: Request) -> Response:
    """FHIR R4, capabilities: one operation, and no resource that could be read."""
    server = state_of(request)
    served = server.models.current
    address = public_address(server.settings, request.scope)
    return _resource(capability_statement(served.model.study, address, served.since))


@router.get(
    f"/fhir/OperationDefinition/{OPERATION}",
    summary="OperationDefinition",
    response_class=Response,
    responses=answered_with("OperationDefinition", "What the operation takes", NOT_READY),
)
@open_to_all
async def definition(request: Request) -> Response:
    """What may be sent, with each field of the study that is served."""
    server = state_of(request)
    address = public_address(server.settings, request.scope)
    return _resource(operation_definition(server.models.current.model.study, address))


def _pseudonym(subject: str | None) -> str | None:
    """The reference to the patient, where it can name the subject of a record."""
    fits = subject is not None and 0 < len(subject) <= LONGEST_SUBJECT and subject.isascii() and subject.isprintable()
    return subject if fits else None


def _resource(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), media_type=FHIR_JSON)
