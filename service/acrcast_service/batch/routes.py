"""`POST /predict/batch`."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from acrcast.errors import InputError, Problem
from acrcast.protocol import ARROW, JSON, PARQUET, BatchAnswer
from acrcast_service.auth.callers import PREDICT, caller_of, needs
from acrcast_service.batch.reading import read_json
from acrcast_service.batch.schemas import (
    BATCH_BODY,
    BATCH_PARAMETERS,
    MEDIA_TYPES,
    Answered,
    Batch,
    Form,
)
from acrcast_service.batch.service import Pool, Wanted, answers, head_of, names_of_columns
from acrcast_service.batch.writing import AnswerWriter, writer_of
from acrcast_service.bodies import ANY_TYPE, accepted_types, media_type_of, read_body
from acrcast_service.model_store import ServedModel
from acrcast_service.observation.middleware import note_predictions
from acrcast_service.prediction.routes import IDEMPOTENCY_KEY, SUBJECT_REFERENCE
from acrcast_service.problems import (
    AUDIT_UNAVAILABLE,
    BAD_REQUEST,
    BUSY,
    INVALID_INPUT,
    MALFORMED_JSON,
    NOT_ACCEPTABLE,
    NOT_READY,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    HttpProblem,
    documented,
)
from acrcast_service.server_state import state_of
from acrcast_service.whole_requests import WholeRequestRoute

# A client that takes nothing for so long, in seconds, gives its place to another.
PATIENCE_SECONDS = 60

router = APIRouter(tags=["prediction"], route_class=WholeRequestRoute)


@router.post(
    "/predict/batch",
    operation_id="predict_batch",
    summary="Predict for many patients",
    response_model=BatchAnswer,
    responses={
        200: {
            "content": {
                ARROW: {"schema": {"type": "string", "format": "binary"}},
                PARQUET: {"schema": {"type": "string", "format": "binary"}},
            }
        },
        **documented(
            MALFORMED_JSON,
            BAD_REQUEST,
            NOT_ACCEPTABLE,
            TOO_LARGE,
            UNSUPPORTED_MEDIA_TYPE,
            INVALID_INPUT,
            NOT_READY,
            AUDIT_UNAVAILABLE,
            BUSY,
        ),
    },
    openapi_extra={"requestBody": BATCH_BODY, "parameters": BATCH_PARAMETERS},
)
@needs(PREDICT)
async def predict_batch(request: Request) -> Response:
    """Each patient's answer or errors, in the order of the request and in its form, or in that of the Accept header.

    An Arrow or Parquet request has a column for each field; a result below a limit of detection is the limit, with "<" in
    the column `<field>_comparator`; `subject_reference` is your pseudonym of the patient.
    An answer is whole when JSON ends with `"complete": true`, and when an Arrow stream or a Parquet file ends as these do.
    """
    server = state_of(request)
    served = server.models.current
    wanted = _wanted(request, server.settings.level)
    sent = media_type_of(request)
    if sent not in MEDIA_TYPES.values():
        raise HttpProblem(UNSUPPORTED_MEDIA_TYPE, f"send {JSON}, {ARROW} or {PARQUET}")
    if any(name in (IDEMPOTENCY_KEY, SUBJECT_REFERENCE) for name, _ in request.scope["headers"]):
        raise HttpProblem(
            BAD_REQUEST, "a batch takes no Idempotency-Key and no Subject-Reference; subjects are in the body"
        )
    accepted = _accepted(request, sent)
    server.batches.take()
    try:
        body = await read_body(request, server.settings.batch_limit_bytes)
        batch, form = await server.batches.run(_read, served, body, sent, server.settings.batch_rows)
        del body
        form = _answered_in(form, accepted, wanted)
        writer = writer_of(form, head_of(served, batch, wanted), names_of_columns(served))
        chunks = answers(server.batches, server.audit, caller_of(request), served, batch, wanted)
        # before the answer begins: what cannot be recorded is refused with a status of its own
        first = await anext(chunks)
    except BaseException:
        server.batches.give_back()
        raise
    return Streamed(server.batches, _pieces(request, server.batches, writer, first, chunks), MEDIA_TYPES[form])


class Streamed(StreamingResponse):
    """Gives its place back when it ends, however it ends."""

    def __init__(self, pool: Pool, pieces: AsyncIterator[bytes], media_type: str) -> None:
        super().__init__(pieces, media_type=media_type)
        self._pool = pool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def patiently(message: object) -> None:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await send(message)  # type: ignore[arg-type]

        try:
            await super().__call__(scope, receive, patiently)
        finally:
            self._pool.give_back()


def _read(served: ServedModel, body: bytes, media_type: str, most: int) -> tuple[Batch, Form]:
    if media_type == JSON:
        return read_json(served, body, most)
    from acrcast_service.batch.arrow import read_arrow  # noqa: PLC0415  only for those who send it

    form: Form = "arrow" if media_type == ARROW else "parquet"
    return read_arrow(served, body, form, most), form


async def _pieces(
    request: Request, pool: Pool, writer: AnswerWriter, first: Answered, rest: AsyncIterator[Answered]
) -> AsyncIterator[bytes]:
    note(request, first)
    answered, refused = len(first.rows), len(first.refused)
    yield writer.begin()
    yield await pool.run(writer.rows, first)
    async for chunk in rest:
        answered, refused = answered + len(chunk.rows), refused + len(chunk.refused)
        note(request, chunk)
        yield await pool.run(writer.rows, chunk)
    for piece in writer.end(answered, refused):
        yield piece


def note(request: Request, answered: Answered) -> None:
    """What was recorded: counted by where the patients lie, whatever becomes of the answer."""
    for status, count in Counter(answered.support).items():
        note_predictions(request.scope, answered.model, status, count)


def _wanted(request: Request, level: float) -> Wanted:
    """Raises InputError when a parameter is unknown, given twice or has another value than it may."""
    allowed = {"detail": ("short", "full")}
    given = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    chosen = dict(given)
    problems = [
        Problem(name, f"expected once, {' or '.join(values)}")
        for name, values in allowed.items()
        if name in chosen and (chosen[name] not in values or [key for key, _ in given].count(name) > 1)
    ]
    if chosen.keys() - allowed.keys():
        problems.append(Problem("", f"unknown parameters; there are {' and '.join(allowed)}"))
    if problems:
        raise InputError(problems)
    return Wanted(level, chosen.get("detail") == "full")


def _accepted(request: Request, sent: str) -> str:
    """The media type of the answer: the request's own, unless the header asks for another. Raises HttpProblem (406)."""
    for wanted in accepted_types(request):
        if wanted in MEDIA_TYPES.values():
            return wanted
        if wanted in ANY_TYPE:
            return sent
    raise HttpProblem(NOT_ACCEPTABLE, f"accept {JSON}, {ARROW} or {PARQUET}")


def _answered_in(form: Form, accepted: str, wanted: Wanted) -> Form:
    """The form of the answer: the request's, where the media type leaves it open."""
    if accepted == JSON:
        form = form if form in ("patients", "columns") else "patients"
    else:
        form = "arrow" if accepted == ARROW else "parquet"
    if wanted.full and form != "patients":
        raise InputError(
            [Problem("detail", "complete answers are rows of JSON: send patients, and accept application/json")]
        )
    return form
