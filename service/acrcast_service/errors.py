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
from starlette.types import Scope

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
from acrcast_service.champion.signature import UnsignedError
from acrcast_service.error_forms import form_of
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
    UnsignedError: MODEL_UNUSABLE,
    FitError: CANNOT_BE_FITTED,
    GateRefusal: REFUSED_BY_GATE,
}

_OF_THE_FRAMEWORK = {kind.status: kind for kind in (BAD_REQUEST, NOT_FOUND, METHOD_NOT_ALLOWED, TOO_LARGE)}


def add_error_handlers(app: FastAPI) -> None:
    for kind in (HttpProblem, AcrcastError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _handled)


async def _handled(request: Request, error: Exception) -> Response:
    return answer_to(error, request.scope)


def answer_to(error: Exception, scope: Scope) -> Response:
    """What the client is told of it, in the form that the address has, or as a page when a browser opened it.

    One that nobody foresaw is the server's: its message may hold a patient's values and stays here.
    """
    form = form_of(scope)
    if isinstance(error, HttpProblem):
        return problem_response(error.kind, error.detail, headers=error.headers, form=form)
    if isinstance(error, AcrcastError):
        return _from_core(error, form)
    if isinstance(error, HTTPException) and error.status_code in _OF_THE_FRAMEWORK:
        return problem_response(_OF_THE_FRAMEWORK[error.status_code], headers=error.headers, form=form)
    if isinstance(error, RequestValidationError):
        # of a path or query parameter; the framework's own answer would repeat the value
        names = dict.fromkeys(str(item["loc"][-1]) for item in error.errors())
        problems = [Problem(name, "not valid, see /openapi.json") for name in names]
        return problem_response(INVALID_INPUT, errors=problems, form=form)
    return _server_problem(INTERNAL, error, form)


def _from_core(error: AcrcastError, form: ErrorForm) -> Response:
    kind = PROBLEM_OF[next(cls for cls in type(error).__mro__ if cls in PROBLEM_OF)]
    if isinstance(error, InputError):
        return problem_response(kind, errors=error.problems, form=form)
    if kind.status >= 500:
        # its message may name folders of this machine, which are no business of the client's
        return _server_problem(kind, error, form)
    return problem_response(kind, str(error), form=form)


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
