"""`GET /cds-services`, `POST /cds-services/{id}` and its feedback."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request, Response

from acrcast_service.addresses import public_address
from acrcast_service.answers import json_answer
from acrcast_service.auth.callers import OUTCOME, PREDICT, also_of_cds_clients, caller_of, needs
from acrcast_service.bodies import read_json_body
from acrcast_service.cds_hooks.discovery import CdsService, CdsServices, services_of
from acrcast_service.cds_hooks.feedback import read_feedback, record_feedback
from acrcast_service.cds_hooks.requests import read_request
from acrcast_service.cds_hooks.schemas import Cards
from acrcast_service.cds_hooks.service import cards_for
from acrcast_service.problems import NOT_FOUND, HttpProblem
from acrcast_service.server_state import ServerState, state_of

router = APIRouter(prefix="/cds-services", tags=["CDS Hooks"])


@router.get("", summary="Which services there are, and what each asks for", response_model=CdsServices)
@also_of_cds_clients
@needs(PREDICT)
async def discovery(request: Request) -> Response:
    """CDS Hooks 2.0, Discovery. Empty for a study whose measures have no codes."""
    return json_answer(CdsServices(_services(state_of(request))))


@router.post("/{service_id}", summary="Cards for a patient", response_model=Cards)
@also_of_cds_clients
@needs(PREDICT)
async def call(request: Request, service_id: str) -> Response:
    """CDS Hooks 2.0, Calling a CDS Service. The prediction of a card is on disk before the card leaves."""
    server, caller = state_of(request), caller_of(request)
    service = _service(server, service_id)
    asked = read_request(await read_json_body(request, server.settings.hook_limit_bytes))
    cards = await cards_for(server, caller, service, asked, public_address(server.settings, request.scope))
    return json_answer(cards)


@router.post("/{service_id}/feedback", summary="What became of a card", response_class=Response)
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
