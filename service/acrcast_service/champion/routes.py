"""`POST /admin/model/refresh`."""

from fastapi import APIRouter, Request, Response

from acrcast_service.answers import json_answer
from acrcast_service.auth.callers import ADMIN, needs
from acrcast_service.champion.schemas import Refreshed
from acrcast_service.problems import NOT_READY, documented
from acrcast_service.server_state import state_of

router = APIRouter(prefix="/admin", tags=["operation"])


@router.post(
    "/model/refresh",
    operation_id="refresh_model",
    summary="Look for another model now",
    response_model=Refreshed,
    responses=documented(NOT_READY),
)
@needs(ADMIN)
async def refresh(request: Request) -> Response:
    """Asks the model's source now instead of at the next interval. Each worker process looks by itself: this is one."""
    server = state_of(request)
    outcome = await server.champion.refresh()
    standing = server.champion.standing
    digest = server.models.current.model.identity.digest
    return json_answer(Refreshed(outcome, digest, standing.refused, standing.unconfirmed))
