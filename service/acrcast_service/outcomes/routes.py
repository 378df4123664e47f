"""`POST /outcomes`."""

from fastapi import APIRouter, Request, Response

from acrcast.outcome import Outcome
from acrcast.protocol import OutcomeRecorded
from acrcast_service.answers import json_answer
from acrcast_service.api_docs.schemas import body_of
from acrcast_service.auth.callers import OUTCOME, caller_of, needs
from acrcast_service.bodies import read_json_body
from acrcast_service.outcomes.service import read_outcome, record_outcome
from acrcast_service.problems import (
    AUDIT_UNAVAILABLE,
    BAD_REQUEST,
    INVALID_INPUT,
    MALFORMED_JSON,
    NOT_FOUND,
    NOT_READY,
    OUTCOME_EXISTS,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    documented,
)
from acrcast_service.server_state import state_of

router = APIRouter(tags=["outcomes"])


@router.post(
    "/outcomes",
    operation_id="record_outcome",
    summary="Say what happened after a prediction",
    status_code=201,
    response_model=OutcomeRecorded,
    responses=documented(
        MALFORMED_JSON,
        BAD_REQUEST,
        NOT_FOUND,
        OUTCOME_EXISTS,
        TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE,
        INVALID_INPUT,
        NOT_READY,
        AUDIT_UNAVAILABLE,
    )
    | {200: {"description": "Recorded before", "model": OutcomeRecorded}},
    openapi_extra={"requestBody": body_of(Outcome)},
)
@needs(OUTCOME)
async def outcome(request: Request) -> Response:
    """Links what happened to a prediction. Sent again, the same outcome is recorded once; another one is a correction."""
    server, caller = state_of(request), caller_of(request)
    given = read_outcome(await read_json_body(request, server.settings.body_limit_bytes))
    study = server.models.current.model.study
    recorded, new = await record_outcome(server.audit, caller.tenant, caller.name, given, study)
    answer = json_answer(recorded)
    answer.status_code = 201 if new else 200
    return answer
