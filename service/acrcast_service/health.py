"""Is the process alive, and can it answer: for whoever restarts it, and for whoever sends it requests."""

from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter, Request, Response

from acrcast_service.answers import json_answer
from acrcast_service.auth.callers import open_to_all
from acrcast_service.problems import AUDIT_UNAVAILABLE, NOT_READY, STOPPING, HttpProblem, documented
from acrcast_service.server_state import state_of

router = APIRouter(prefix="/health", tags=["health"])


@dataclass(frozen=True, slots=True)
class Alive:
    """The process answers."""

    status: Literal["alive"]


@dataclass(frozen=True, slots=True)
class Ready:
    """A model is loaded and the audit can be written; `model` is its digest, as in every prediction.

    refused: why the model that is now at the same place does not answer. unconfirmed: why that place could not be asked.
    """

    status: Literal["ready"]
    model: str
    refused: str | None
    unconfirmed: str | None


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
    server = state_of(request)
    if server.draining.begun:
        raise HttpProblem(STOPPING)
    standing = server.champion.standing
    digest = server.models.current.model.identity.digest
    server.audit.check()
    return json_answer(Ready("ready", digest, standing.refused, standing.unconfirmed))
