"""`POST /predict`."""

from typing import TYPE_CHECKING

import orjson
from fastapi import APIRouter, Request, Response
from starlette.background import BackgroundTask

from acrcast.prediction import Prediction
from acrcast_service.answers import JsonBytes
from acrcast_service.api_docs.schemas import PATIENT_BODY
from acrcast_service.audit.records import PREDICTION, Entry
from acrcast_service.auth.callers import PREDICT, caller_of, needs
from acrcast_service.bodies import one_header, read_json_body
from acrcast_service.observation.middleware import note_predictions
from acrcast_service.prediction.service import answer_for
from acrcast_service.problems import (
    AUDIT_UNAVAILABLE,
    BAD_REQUEST,
    INVALID_INPUT,
    KEY_IN_USE,
    KEY_REUSED,
    MALFORMED_JSON,
    NOT_READY,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    documented,
)
from acrcast_service.server_state import state_of
from acrcast_service.whole_requests import WholeRequestRoute

if TYPE_CHECKING:
    from acrcast_service.idempotency import Within

SUBJECT_REFERENCE, IDEMPOTENCY_KEY = b"subject-reference", b"idempotency-key"
PRINTABLE = "^[ -~]+$"
HEADERS = [
    {
        "name": "Subject-Reference",
        "in": "header",
        "description": "Your pseudonym of the patient: what was recorded under it can be made unreadable together",
        "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": PRINTABLE},
    },
    {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A name of this request that you choose; sent again within a day it gets the same answer",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": PRINTABLE},
    },
]


router = APIRouter(tags=["prediction"], route_class=WholeRequestRoute)


@router.post(
    "/predict",
    operation_id="predict",
    summary="Predict for one patient",
    response_model=Prediction,
    responses=documented(
        MALFORMED_JSON,
        BAD_REQUEST,
        TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE,
        INVALID_INPUT,
        NOT_READY,
        AUDIT_UNAVAILABLE,
        KEY_IN_USE,
        KEY_REUSED,
    ),
    openapi_extra={"requestBody": PATIENT_BODY, "parameters": HEADERS},
)
@needs(PREDICT)
async def predict(request: Request) -> Response:
    """Probability of response in each arm and their difference, each with its interval, and how far to trust them.

    A measure that is absent or null is averaged over, not taken as zero; `missing` says which.
    The answer leaves when its record is on disk; the same Idempotency-Key with the same body gets the same answer.
    """
    server, caller = state_of(request), caller_of(request)
    served = server.models.current
    body = await read_json_body(request, server.settings.body_limit_bytes)
    patient = served.patients.read(body)
    sent = [name for name, _ in request.scope["headers"]]
    subject = one_header(request, SUBJECT_REFERENCE, 200) if SUBJECT_REFERENCE in sent else None
    key = one_header(request, IDEMPOTENCY_KEY, 255) if IDEMPOTENCY_KEY in sent else None

    shadow: BackgroundTask | None = None

    async def answer(name: str | None = None, within: "Within | None" = None) -> bytes:
        nonlocal shadow
        prediction = answer_for(served.bedside, patient, name)
        content = orjson.dumps(prediction)
        digest = prediction["model"]["digest"]
        entry = Entry(
            PREDICTION,
            prediction["prediction_id"],
            inputs=body,
            answer=content,
            subject=subject,
            tenant=caller.tenant,
            caller=caller.name,
            model=digest,
            study=prediction["study"],
            within=within,
        )
        await server.audit.record(entry)
        note_predictions(request.scope, digest, prediction["support"]["status"])
        shadow = server.shadow.after(patient, entry)
        return content

    if key is None:
        content = await answer()
    else:
        from acrcast_service import idempotency  # noqa: PLC0415  slow to import

        same = body + b"\0" + (subject or "").encode()
        again = idempotency.Request(caller.tenant, "/predict", key, same)
        content = await idempotency.answered_once(server.audit, again, answer)
    return JsonBytes(content, shadow)
