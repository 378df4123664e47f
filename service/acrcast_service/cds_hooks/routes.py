"""`GET /cds-services`, `POST /cds-services/{id}` and its feedback."""

import asyncio
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request, Response

from acrcast.errors import Problem
from acrcast_service.addresses import public_address
from acrcast_service.answers import json_answer
from acrcast_service.api_docs.schemas import body_of
from acrcast_service.auth.callers import OUTCOME, PREDICT, also_of_cds_clients, caller_of, needs
from acrcast_service.bodies import read_json_body
from acrcast_service.cds_hooks.discovery import CdsService, CdsServices, services_of
from acrcast_service.cds_hooks.feedback import Feedback, read_feedback, record_feedback
from acrcast_service.cds_hooks.prefetch import DataMissing
from acrcast_service.cds_hooks.requests import HookRequest, read_request
from acrcast_service.cds_hooks.schemas import Cards
from acrcast_service.cds_hooks.service import answer_hook
from acrcast_service.fhir.outcomes import OPERATION_OUTCOME
from acrcast_service.observation.middleware import note_predictions
from acrcast_service.problems import (
    AUDIT_UNAVAILABLE,
    BAD_REQUEST,
    FHIR_DATA_MISSING,
    INVALID_INPUT,
    MALFORMED_JSON,
    NOT_FOUND,
    NOT_READY,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    HttpProblem,
    documented,
    problem_response,
)
from acrcast_service.server_state import ServerState, state_of

PROBLEMS = documented(
    MALFORMED_JSON,
    BAD_REQUEST,
    NOT_FOUND,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    INVALID_INPUT,
    NOT_READY,
    AUDIT_UNAVAILABLE,
)

router = APIRouter(prefix="/cds-services", tags=["CDS Hooks"])


@router.get("", summary="Which services there are, and what each asks for", response_model=CdsServices)
@also_of_cds_clients
@needs(PREDICT)
async def discovery(request: Request) -> Response:
    """CDS Hooks 2.0, Discovery. Empty for a study whose measures have no codes."""
    return json_answer(CdsServices(_services(state_of(request))))


@router.post(
    "/{service_id}",
    summary="Cards for a patient",
    response_model=Cards,
    responses=PROBLEMS | documented(FHIR_DATA_MISSING),
    openapi_extra={"requestBody": body_of(HookRequest)},
)
@also_of_cds_clients
@needs(PREDICT)
async def call(request: Request, service_id: str) -> Response:
    """CDS Hooks 2.0, Calling a CDS Service. The prediction of a card is on disk before the card leaves.

    Every error is an OperationOutcome: 412 for data that were neither prefetched nor could be read from the FHIR server.
    """
    server, caller = state_of(request), caller_of(request)
    service = _service(server, service_id)
    body = await read_json_body(request, server.settings.hook_limit_bytes)
    # some megabytes take their time, and others wait for the event loop
    asked = await asyncio.to_thread(read_request, body)
    try:
        answer = await answer_hook(server, caller, service, asked, public_address(server.settings, request.scope))
    except DataMissing as missing:
        problems = [Problem(*reason) for reason in missing.reasons.items()]
        return problem_response(FHIR_DATA_MISSING, errors=problems, form=OPERATION_OUTCOME)
    response = json_answer(answer.cards)
    if answer.predicted is not None:
        patient, prediction, entry = answer.predicted
        note_predictions(request.scope, prediction.model.digest, prediction.support.status)
        response.background = server.shadow.after(patient, entry)
    return response


@router.post(
    "/{service_id}/feedback",
    summary="What became of a card",
    response_class=Response,
    responses=PROBLEMS,
    openapi_extra={"requestBody": body_of(Feedback)},
)
@also_of_cds_clients
@needs(OUTCOME)
async def feedback(request: Request, service_id: str) -> Response:
    """CDS Hooks 2.0, Feedback: recorded in the audit with the card's prediction."""
    server, caller = state_of(request), caller_of(request)
    _service(server, service_id)
    given = read_feedback(await read_json_body(request, server.settings.body_limit_bytes))
    await record_feedback(server.audit, caller, given)
    return Response()


def _services(server: ServerState) -> tuple[CdsService, ...]:
    since = datetime.now(UTC) - timedelta(days=server.settings.fhir_window_days)
    return services_of(server.models.current.model.study, since.date())


def _service(server: ServerState, service_id: str) -> CdsService:
    for service in _services(server):
        if service.id == service_id:
            return service
    raise HttpProblem(NOT_FOUND, "there is no CDS service of that id: GET /cds-services lists them")
