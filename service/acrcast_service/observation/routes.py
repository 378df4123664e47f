"""`GET /metrics`."""

import asyncio

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from acrcast_service.auth.callers import ADMIN, needs
from acrcast_service.server_state import state_of

router = APIRouter(tags=["operation"])


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
@needs(ADMIN)
async def metrics(request: Request) -> Response:
    """Requests, their durations, predictions by model and support, and the audit's queue, of all worker processes together."""
    metrics = state_of(request).metrics
    metrics.count()
    return Response(await asyncio.to_thread(metrics.written), headers={"Content-Type": CONTENT_TYPE_LATEST})
