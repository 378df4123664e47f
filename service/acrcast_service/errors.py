"""What becomes of every exception: the problem that the client sees, and the line that the operator sees.

The log has an event, an identifier and a place in the code, never an exception's message: it may carry a patient's values.
"""

import logging
import traceback
from collections.abc import Mapping
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from acrcast.errors import (
    AcrcastError,
    ArtefactError,
    DataError,
    FitError,
    GateRefusal,
    InputError,
    NewerFormatError,
    OtherContractError,
    Problem,
    TamperedError,
    UsageError,
)
from acrcast_service.champion.registry import UnreachableError
from acrcast_service.error_forms import form_at
from acrcast_service.problems import (
    BAD_REQUEST,
    CANNOT_BE_FITTED,
    INTERNAL,
    INVALID_INPUT,
    METHOD_NOT_ALLOWED,
    MODEL_UNUSABLE,
    NOT_FOUND,
    REFUSED_BY_GATE,
    TOO_LARGE,
    ErrorForm,
    HttpProblem,
    ProblemType,
    problem_response,
)

log = logging.getLogger("acrcast_service")

# Each class stands here by itself, so that a new error of the core is a decision and not an inheritance.
PROBLEM_OF: Mapping[type[AcrcastError], ProblemType] = {
    AcrcastError: INTERNAL,
    InputError: INVALID_INPUT,
    DataError: INVALID_INPUT,
    UsageError: BAD_REQUEST,
    ArtefactError: MODEL_UNUSABLE,
    TamperedError: MODEL_UNUSABLE,
    NewerFormatError: MODEL_UNUSABLE,
    OtherContractError: MODEL_UNUSABLE,
    UnreachableError: MODEL_UNUSABLE,
    FitError: CANNOT_BE_FITTED,
    GateRefusal: REFUSED_BY_GATE,
}

_OF_THE_FRAMEWORK = {kind.status: kind for kind in (BAD_REQUEST, NOT_FOUND, METHOD_NOT_ALLOWED, TOO_LARGE)}


def add_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(HttpProblem, _from_http_problem)
    app.add_exception_handler(AcrcastError, _from_core)
    app.add_exception_handler(HTTPException, _from_framework)
    app.add_exception_handler(RequestValidationError, _from_parameters)


async def _from_http_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HttpProblem)  # noqa: S101  registered for this class alone
    return problem_response(error.kind, error.detail, headers=error.headers, form=form_at(request.scope["path"]))


async def _from_core(request: Request, error: Exception) -> Response:
    assert isinstance(error, AcrcastError)  # noqa: S101  registered for this class alone
    form = form_at(request.scope["path"])
    kind = PROBLEM_OF[next(cls for cls in type(error).__mro__ if cls in PROBLEM_OF)]
    if isinstance(error, InputError):
        return problem_response(kind, errors=error.problems, form=form)
    if kind.status >= 500:
        # its message may name folders of this machine, which are no business of the client's
        return _server_problem(kind, error, form)
    return problem_response(kind, str(error), form=form)


async def _from_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  registered for this class alone
    form = form_at(request.scope["path"])
    kind = _OF_THE_FRAMEWORK.get(error.status_code)
    if kind is None:
        return _server_problem(INTERNAL, error, form)
    return problem_response(kind, headers=error.headers, form=form)


async def _from_parameters(request: Request, error: Exception) -> Response:
    """Of a path or query parameter. The framework's own answer would repeat the value."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for this class alone
    names = dict.fromkeys(str(item["loc"][-1]) for item in error.errors())
    problems = [Problem(name, "not valid, see /openapi.json") for name in names]
    return problem_response(INVALID_INPUT, errors=problems, form=form_at(request.scope["path"]))


def _server_problem(kind: ProblemType, error: Exception, form: ErrorForm) -> Response:
    """A problem that the operator can find in the log by its instance."""
    instance = uuid4().urn
    log.error("%s instance=%s error=%s at=%s", kind.name, instance, type(error).__name__, _place(error))
    return problem_response(kind, instance=instance, form=form)


def _place(error: Exception) -> str:
    """Where in the code it was raised: module, function and line, and nothing that came in."""
    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames:
        return "unknown"
    frame, line = frames[-1]
    return f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_name}:{line}"


class LastResort:
    """Turns an exception that nobody foresaw into a 500, and lets none reach the server, which would log its message."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:  # noqa: BLE001  whatever it is, its message stays here
            response = _server_problem(INTERNAL, error, form_at(scope["path"]))
            if not started:
                await response(scope, receive, send)
