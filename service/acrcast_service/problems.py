"""Every kind of error that a client can meet: one table (RFC 9457), the answer made from it, and its documentation."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Response

from acrcast.errors import Problem
from acrcast.protocol import PROBLEM, FieldProblem, ProblemBody
from acrcast_service.answers import written

# Where a documented response lists the names of its problems, until they are written out.
PROBLEMS = "x-problems"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of error. `name` is permanent: clients branch on `/problems/{name}`."""

    name: str
    status: int
    title: str
    help: str

    @property
    def uri(self) -> str:
        return f"/problems/{self.name}"


MALFORMED_JSON = ProblemType(
    "malformed-json",
    400,
    "The body is not JSON",
    "The body could not be read as one JSON value in UTF-8: it is empty, broken off, nested too deeply or not JSON. "
    "detail says where reading stopped.",
)
BAD_REQUEST = ProblemType(
    "bad-request", 400, "The request cannot be answered", "detail says what is wrong with it, or does not exist."
)
NOT_HTTP = ProblemType(
    "not-http",
    400,
    "This is not HTTP",
    "The connection is closed. Send requests of HTTP/1.1; TLS ends at a proxy in front.",
)
NOT_FOUND = ProblemType(
    "not-found", 404, "There is nothing at this address", "The addresses that exist are in /openapi.json."
)
METHOD_NOT_ALLOWED = ProblemType(
    "method-not-allowed",
    405,
    "This address does not answer that method",
    "The Allow header of the answer lists the methods that it answers.",
)
REFUSED_BY_GATE = ProblemType(
    "refused-by-gate", 409, "A check refused", "detail begins with the permanent code of the check."
)
NOT_ACCEPTABLE = ProblemType(
    "not-acceptable",
    406,
    "The answer cannot have this form",
    "detail says which media types the Accept header may name.",
)
TOO_LARGE = ProblemType(
    "too-large", 413, "The body is too large", "detail says how many bytes this server reads at most."
)
UNSUPPORTED_MEDIA_TYPE = ProblemType(
    "unsupported-media-type",
    415,
    "The body must be of another type",
    "Send Content-Type: application/json, in UTF-8 and not compressed; a batch may also be Arrow or Parquet.",
)
INVALID_INPUT = ProblemType(
    "invalid-input",
    422,
    "The input is not valid",
    "errors says for each field what was expected. It never repeats what was sent. GET /model lists the fields.",
)
CANNOT_BE_FITTED = ProblemType(
    "cannot-be-fitted", 422, "These data cannot be fitted", "detail says why, and what would help."
)
INTERNAL = ProblemType(
    "internal",
    500,
    "The server failed",
    "The fault is the server's. Give its operator the instance of the answer: the log names it.",
)
NOT_READY = ProblemType(
    "not-ready",
    503,
    "No model is loaded yet",
    "The server is starting or stopping. Try again after Retry-After seconds.",
)
BUSY = ProblemType(
    "busy",
    503,
    "The server works on as many batches as it may",
    "Nothing was answered or recorded. Try again after Retry-After seconds.",
)
STOPPING = ProblemType(
    "stopping",
    503,
    "The server is stopping",
    "It still answers what reaches it, and takes nothing more in a moment. Send requests to another.",
)
MODEL_UNUSABLE = ProblemType(
    "model-unusable",
    503,
    "The model cannot be used",
    "The model on the server's disk is incomplete, was changed, or does not fit this version. Its operator must act.",
)
AUDIT_UNAVAILABLE = ProblemType(
    "audit-unavailable",
    503,
    "The audit cannot be written",
    "No answer leaves before it is recorded, and the database does not take it now. Try again after Retry-After seconds.",
)
KEY_IN_USE = ProblemType(
    "idempotency-key-in-use",
    409,
    "A request with this Idempotency-Key is being answered",
    "Try again after Retry-After seconds: the answer to the first request will be repeated.",
)
KEY_REUSED = ProblemType(
    "idempotency-key-reused",
    422,
    "This Idempotency-Key was used for another request",
    "A key belongs to one body: choose a new key for a new request.",
)
OUTCOME_EXISTS = ProblemType(
    "outcome-exists",
    409,
    "This prediction has another outcome",
    'To replace it, send the outcome again with "correction": true. Both stay in the audit.',
)

UNAUTHENTICATED = ProblemType(
    "unauthenticated",
    401,
    "This server does not know who asks",
    "Send Authorization: Bearer with an API key (acr_...) or a token of the identity provider that the server trusts. "
    "detail says what is wrong with what was sent. A key that was just made is known within seconds.",
)
MISSING_SCOPE = ProblemType(
    "missing-scope",
    403,
    "This caller may not do that",
    "The key or token is valid and lacks the scope that detail names: predict, outcome, audit or admin.",
)
BODY_TOO_SLOW = ProblemType(
    "body-too-slow",
    408,
    "The body took too long to arrive",
    "The connection is closed. Send the body at once, or over a faster line.",
)
TOO_MANY_REQUESTS = ProblemType(
    "too-many-requests",
    429,
    "This key asks too often",
    "Each key may ask so often as RateLimit-Policy says. Try again after Retry-After seconds.",
)
OVERLOADED = ProblemType(
    "overloaded",
    503,
    "The server has as many requests as it can answer in time",
    "Nothing was done. Try again after Retry-After seconds, and wait longer after each further refusal.",
)
IDENTITY_UNAVAILABLE = ProblemType(
    "identity-unavailable",
    503,
    "The server cannot find out who asks",
    "The keys of the identity provider, or the API keys in the database, could not be read. Nobody is let in meanwhile. "
    "Try again after Retry-After seconds.",
)
LINK_EXPIRED = ProblemType(
    "link-expired",
    410,
    "This link is no longer good",
    "A link to the basis of a prediction opens for an hour. Open the patient's record anew: the new card has a new link.",
)
FHIR_DATA_MISSING = ProblemType(
    "fhir-data-missing",
    412,
    "The patient's data could not be had",
    "The record system did not send what the service asks for in its prefetch, and it could not be read from the FHIR "
    "server either. It says for each key of the prefetch why.",
)
HEADERS_TOO_LARGE = ProblemType(
    "headers-too-large",
    431,
    "The request's headers are too large",
    "The connection is closed. Send fewer or shorter headers.",
)

HEADERS_TOO_SLOW = ProblemType(
    "headers-too-slow",
    408,
    "The request's headers took too long to arrive",
    "The connection is closed. Open one when there is something to send.",
)

PROBLEM_TYPES: Mapping[str, ProblemType] = {
    kind.name: kind
    for kind in (
        MALFORMED_JSON,
        BAD_REQUEST,
        NOT_HTTP,
        NOT_FOUND,
        METHOD_NOT_ALLOWED,
        NOT_ACCEPTABLE,
        REFUSED_BY_GATE,
        TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE,
        INVALID_INPUT,
        CANNOT_BE_FITTED,
        INTERNAL,
        NOT_READY,
        BUSY,
        STOPPING,
        MODEL_UNUSABLE,
        AUDIT_UNAVAILABLE,
        KEY_IN_USE,
        KEY_REUSED,
        OUTCOME_EXISTS,
        UNAUTHENTICATED,
        MISSING_SCOPE,
        BODY_TOO_SLOW,
        TOO_MANY_REQUESTS,
        OVERLOADED,
        IDENTITY_UNAVAILABLE,
        LINK_EXPIRED,
        FHIR_DATA_MISSING,
        HEADERS_TOO_LARGE,
        HEADERS_TOO_SLOW,
    )
}


@dataclass(frozen=True, slots=True)
class ErrorForm:
    """How a problem is written.

    schema: the dataclass that documents it. of: what becomes of a problem's body. write: its bytes. headers: that go with it.
    """

    media_type: str
    schema: type
    of: Callable[[ProblemBody], object]
    write: Callable[[object], bytes] = written
    headers: tuple[tuple[str, str], ...] = ()


RFC_9457 = ErrorForm(PROBLEM, ProblemBody, lambda body: body)


class HttpProblem(Exception):  # noqa: N818  RFC 9457's own word
    """Ends a request with a problem that the core knows nothing of."""

    def __init__(self, kind: ProblemType, detail: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        self.kind, self.detail, self.headers = kind, detail, headers
        super().__init__(kind.title)


def problem_response(
    kind: ProblemType,
    detail: str | None = None,
    *,
    errors: Iterable[Problem] = (),
    instance: str | None = None,
    headers: Mapping[str, str] | None = None,
    form: ErrorForm = RFC_9457,
) -> Response:
    fields = tuple(FieldProblem(problem.field, problem.message) for problem in errors)
    body = ProblemBody(kind.uri, kind.title, kind.status, detail, instance, fields or None)
    return Response(form.write(form.of(body)), kind.status, {**dict(form.headers), **(headers or {})}, form.media_type)


def documented(*kinds: ProblemType) -> dict[int | str, dict[str, Any]]:
    """What a route says of the problems it answers with; `api_docs.problems` writes them out for the OpenAPI document."""
    by_status: dict[int, list[ProblemType]] = {}
    for kind in kinds:
        by_status.setdefault(kind.status, []).append(kind)
    return {
        status: {"description": "; ".join(kind.title for kind in same), PROBLEMS: [kind.name for kind in same]}
        for status, same in by_status.items()
    }
