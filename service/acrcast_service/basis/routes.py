"""`GET /basis/{prediction_id}`: where a card's link leads."""

from fastapi import APIRouter, Request, Response

from acrcast_service.auth.callers import needs_signed_link
from acrcast_service.basis.pages import basis_page, problem_page
from acrcast_service.basis.service import basis_of
from acrcast_service.problems import HttpProblem
from acrcast_service.server_state import state_of

router = APIRouter(include_in_schema=False)


@router.get("/basis/{prediction_id}")
@needs_signed_link
async def basis(request: Request, prediction_id: str) -> Response:
    """The record of one prediction, for whoever was given its link."""
    try:
        return basis_page(request, await basis_of(state_of(request).audit, prediction_id))
    except HttpProblem as problem:
        # whoever follows a link reads a page
        return problem_page(request, problem.kind)
