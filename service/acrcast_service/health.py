"""Is the process alive, and can it answer: for whoever restarts it, and for whoever sends it requests."""

from fastapi import APIRouter, Request, Response

from acrcast.protocol import Alive, Ready
from acrcast_service.answers import json_answer
from acrcast_service.auth.callers import open_to_all
from acrcast_service.problems import AUDIT_UNAVAILABLE, NOT_READY, STOPPING, HttpProblem, documented
from acrcast_service.server_state import ServerState, state_of

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", summary="Is the process alive?", response_model=Alive)
@open_to_all
async def live() -> Response:
    return json_answer(Alive("alive"))


@router.get(
    "/ready",
    summary="Can it predict?",
    response_model=Ready,
    responses=documented(NOT_READY, STOPPING, AUDIT_UNAVAILABLE),
)
@open_to_all
async def ready(request: Request) -> Response:
    return json_answer(readiness(state_of(request)))


def readiness(server: ServerState) -> Ready:
    """Raises HttpProblem (503) when the server is stopping, has no model, or could not record a prediction now."""
    if server.draining.begun:
        raise HttpProblem(STOPPING)
    standing = server.champion.standing
    digest = server.models.current.model.identity.digest
    server.audit.check()
    return Ready("ready", digest, standing.refused, standing.unconfirmed)
