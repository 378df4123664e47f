"""`/v2`: the server, its health, the model, and predictions of many patients as tensors."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Request, Response

from acrcast.protocol import JSON
from acrcast_service.answers import json_answer
from acrcast_service.api_docs.schemas import body_of
from acrcast_service.auth.callers import PREDICT, caller_of, needs, open_to_all
from acrcast_service.batch.routes import note
from acrcast_service.batch.service import Wanted, answers
from acrcast_service.bodies import media_type_of, one_header, read_body
from acrcast_service.health import readiness
from acrcast_service.model_store import ServedModel
from acrcast_service.open_inference.schemas import (
    InferenceAnswer,
    InferenceRequest,
    ModelMetadata,
    ModelReady,
    ServerLive,
    ServerMetadata,
    ServerReady,
)
from acrcast_service.open_inference.service import (
    answer_of,
    check_name,
    check_outputs,
    model_metadata,
    server_metadata,
)
from acrcast_service.open_inference.tensors import read_request
from acrcast_service.problems import (
    AUDIT_UNAVAILABLE,
    BAD_REQUEST,
    BUSY,
    INVALID_INPUT,
    MALFORMED_JSON,
    NOT_FOUND,
    NOT_READY,
    STOPPING,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    HttpProblem,
    documented,
)
from acrcast_service.server_state import state_of

# A client of the protocol sends its length with JSON that tensors in binary follow.
BINARY = b"inference-header-content-length"

MODEL = "/models/{model_name}"
VERSION = MODEL + "/versions/{model_version}"

OF_MODEL = documented(NOT_FOUND, NOT_READY)
OF_READY = documented(NOT_FOUND, NOT_READY, STOPPING, AUDIT_UNAVAILABLE)
OF_INFER = documented(
    MALFORMED_JSON,
    BAD_REQUEST,
    NOT_FOUND,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    INVALID_INPUT,
    NOT_READY,
    AUDIT_UNAVAILABLE,
    BUSY,
)

ModelName = Annotated[str, Path(description="The name of the model that answers", examples=["acr20"])]
ModelVersion = Annotated[str, Path(description="The version of the model that answers", examples=["3"])]

router = APIRouter(prefix="/v2", tags=["open inference"])


@router.get("", summary="Which server this is", response_model=ServerMetadata)
@open_to_all
async def server() -> Response:
    return json_answer(server_metadata())


@router.get("/health/live", summary="Is the process alive?", response_model=ServerLive)
@open_to_all
async def live() -> Response:
    return json_answer(ServerLive(live=True))


@router.get(
    "/health/ready",
    summary="Can it predict?",
    response_model=ServerReady,
    responses=documented(NOT_READY, STOPPING, AUDIT_UNAVAILABLE),
)
@open_to_all
async def ready(request: Request) -> Response:
    readiness(state_of(request))
    return json_answer(ServerReady(ready=True))


@router.get(MODEL, summary="What the model takes and gives", response_model=ModelMetadata, responses=OF_MODEL)
@open_to_all
async def model(request: Request, model_name: ModelName) -> Response:
    """An input for each field of a patient, and an output for each column of an answer."""
    return json_answer(model_metadata(_served(request, model_name)))


@router.get(VERSION, summary="What this version takes and gives", response_model=ModelMetadata, responses=OF_MODEL)
@open_to_all
async def version(request: Request, model_name: ModelName, model_version: ModelVersion) -> Response:
    """The same, as long as it is this version that answers."""
    return json_answer(model_metadata(_served(request, model_name, model_version)))


@router.get(f"{MODEL}/ready", summary="Can the model predict?", response_model=ModelReady, responses=OF_READY)
@open_to_all
async def model_ready(request: Request, model_name: ModelName) -> Response:
    return _ready(request, model_name)


@router.get(f"{VERSION}/ready", summary="Can this version predict?", response_model=ModelReady, responses=OF_READY)
@open_to_all
async def version_ready(request: Request, model_name: ModelName, model_version: ModelVersion) -> Response:
    return _ready(request, model_name, model_version)


@router.post(
    f"{MODEL}/infer",
    summary="Predict for many patients",
    response_model=InferenceAnswer,
    responses=OF_INFER,
    openapi_extra={"requestBody": body_of(InferenceRequest)},
)
@needs(PREDICT)
async def infer(request: Request, model_name: ModelName) -> Response:
    """Each patient's estimates, intervals, support and missing measures, in the order of the request.

    A field without a tensor is missing, not zero; so are null, NaN and an empty text. One patient who is not valid refuses
    the request. Each patient is recorded in the audit as a prediction of its own before the answer leaves.
    """
    return await _inferred(request, _served(request, model_name))


@router.post(
    f"{VERSION}/infer",
    summary="Predict for many patients with this version",
    response_model=InferenceAnswer,
    responses=OF_INFER,
    openapi_extra={"requestBody": body_of(InferenceRequest)},
)
@needs(PREDICT)
async def version_infer(request: Request, model_name: ModelName, model_version: ModelVersion) -> Response:
    """The same, as long as it is this version that answers."""
    return await _inferred(request, _served(request, model_name, model_version))


def _served(request: Request, name: str, version: str | None = None) -> ServedModel:
    served = state_of(request).models.current
    check_name(served, name, version)
    return served


def _ready(request: Request, name: str, version: str | None = None) -> Response:
    served = _served(request, name, version)
    readiness(state_of(request))
    return json_answer(ModelReady(served.model.identity.name, ready=True))


async def _inferred(request: Request, served: ServedModel) -> Response:
    server, wanted = state_of(request), Wanted(state_of(request).settings.level)
    _check_is_json(request)
    server.batches.take()
    try:
        body = await read_body(request, server.settings.batch_limit_bytes)
        asked, batch = await server.batches.run(read_request, served, body, server.settings.batch_rows)
        check_outputs(served, asked)
        chunks = []
        async for chunk in answers(server.batches, server.audit, caller_of(request), served, batch, wanted):
            note(request, chunk)
            chunks.append(chunk)
        content = await server.batches.run(lambda: orjson.dumps(answer_of(served, asked, batch, wanted, chunks)))
    finally:
        server.batches.give_back()
    return Response(content, media_type=JSON)


def _check_is_json(request: Request) -> None:
    """Raises HttpProblem. A client of the protocol need not declare JSON, but nothing else is read."""
    if any(name == BINARY for name, _ in request.scope["headers"]):
        raise HttpProblem(BAD_REQUEST, "tensors in binary are not read: send JSON alone (binary_data=False)")
    if one_header(request, b"content-type", 200) is not None and media_type_of(request) != JSON:
        raise HttpProblem(UNSUPPORTED_MEDIA_TYPE, "send JSON, in UTF-8")
