"""`GET /model` and `GET /model/card`."""

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from acrcast.protocol import ModelDescription
from acrcast_service.answers import json_answer
from acrcast_service.auth.callers import open_to_all
from acrcast_service.model_card.service import describe
from acrcast_service.problems import NOT_READY, documented
from acrcast_service.server_state import state_of

router = APIRouter(prefix="/model", tags=["model"])


@router.get(
    "",
    operation_id="describe_model",
    summary="Which model answers",
    response_model=ModelDescription,
    responses=documented(NOT_READY),
)
@open_to_all
async def model(request: Request) -> Response:
    """The model's identity, its study, and every field of a patient with its unit and range."""
    server = state_of(request)
    return json_answer(describe(server.models.current, server.settings.level))


@router.get(
    "/card",
    operation_id="model_card",
    summary="The model's card",
    response_model=dict[str, Any],
    responses=documented(NOT_READY),
)
@open_to_all
async def card(request: Request) -> Response:
    """How the model was made and validated, on which data, what it is not for, and how it became champion."""
    return Response(
        orjson.dumps(state_of(request).models.current.model.card_with_promotion), media_type="application/json"
    )
