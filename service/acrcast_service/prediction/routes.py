"""`POST /predict`."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from acrcast.prediction import Prediction
from acrcast_service.answers import json_answer
from acrcast_service.api_docs.schemas import PATIENT_BODY
from acrcast_service.bodies import read_json_body
from acrcast_service.prediction.service import predict_patient
from acrcast_service.problems import (
    BAD_REQUEST,
    INVALID_INPUT,
    MALFORMED_JSON,
    NOT_READY,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    documented,
)
from acrcast_service.server_state import state_of


class WholeRequestRoute(APIRoute):
    """A route whose function takes the request as it is: documented like any other, with no parameters to look for.

    Its errors go to the handlers of the application, as any route's do.
    """

    def __init__(self, path: str, endpoint: Callable[[Request], Coroutine[Any, Any, Response]], **options: Any) -> None:  # noqa: ANN401  the framework's
        super().__init__(path, endpoint, **options)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            response = await endpoint(Request(scope, receive, send))
            await response(scope, receive, send)

        self.app = app


router = APIRouter(tags=["prediction"], route_class=WholeRequestRoute)


@router.post(
    "/predict",
    summary="Predict for one patient",
    response_model=Prediction,
    responses=documented(MALFORMED_JSON, BAD_REQUEST, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID_INPUT, NOT_READY),
    openapi_extra={"requestBody": PATIENT_BODY},
)
async def predict(request: Request) -> Response:
    """Probability of response in each arm and their difference, each with its interval, and how far to trust them.

    A measure that is absent or null is averaged over, not taken as zero; `missing` says which.
    """
    server = state_of(request)
    served = server.models.current
    patient = served.patients.read(await read_json_body(request, server.settings.body_limit_bytes))
    return json_answer(predict_patient(served.bedside, patient))
