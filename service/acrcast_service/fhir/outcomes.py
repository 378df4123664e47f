"""Every error under `/fhir`, and of a service of CDS Hooks, is an OperationOutcome, wherever in the server it arose."""

import re
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from acrcast_service.fhir.canonical import FHIR_JSON, PROBLEMS
from acrcast_service.problems import MEDIA_TYPE

PREFIX = "/fhir/"
# CDS Hooks asks for them too (CDS Hooks 2.0, HTTP Status Codes; 3.0 ballot, Returning OperationOutcome).
PREFIXES = (PREFIX, "/cds-services/")

# FHIR R4, IssueType, by the status that a problem is answered with.
ISSUE_TYPES: Mapping[int, str] = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    408: "timeout",
    409: "conflict",
    410: "expired",
    412: "incomplete",
    413: "too-long",
    415: "not-supported",
    422: "invalid",
    429: "throttled",
    431: "too-long",
    500: "exception",
    503: "transient",
}

# A place in the request, as FHIRPath writes it; anything else is the name of a field.
PLACE = re.compile(r"(?:Bundle|Parameters)(?:\.[A-Za-z]+(?:\[\d+\])?)*")


class FhirErrors:
    """Around what speaks FHIR: turns problems into OperationOutcomes, and lets everything else through."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIXES):
            await self._app(scope, receive, send)
            return
        held: Message | None = None
        body = b""

        async def outcome(message: Message) -> None:
            nonlocal held, body
            if message["type"] == "http.response.start" and _is_problem(message):
                held = message
            elif held is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    content = orjson.dumps(operation_outcome(orjson.loads(body)))
                    await send({**held, "headers": _headers(held, len(content))})
                    await send({"type": "http.response.body", "body": content})

        await self._app(scope, receive, outcome)


def operation_outcome(problem: Mapping[str, Any]) -> dict[str, Any]:
    """problem: as RFC 9457 has it."""
    details = {"coding": [{"system": PROBLEMS, "code": problem["type"].rpartition("/")[2]}], "text": problem["title"]}
    issue = {"severity": "error", "code": ISSUE_TYPES[problem["status"]], "details": details}
    told = [problem[name] for name in ("detail", "instance") if name in problem]
    issues = [issue | _of_field(error) for error in problem.get("errors", ())]
    return {
        "resourceType": "OperationOutcome",
        "issue": issues or [issue | ({"diagnostics": "; ".join(told)} if told else {})],
    }


def _of_field(error: Mapping[str, str]) -> dict[str, Any]:
    field, message = error["field"], error["message"]
    if PLACE.fullmatch(field):
        return {"diagnostics": message, "expression": [field]}
    return {"diagnostics": f"{field}: {message}" if field else message}


def _is_problem(start: Message) -> bool:
    return any(name.lower() == b"content-type" and value == MEDIA_TYPE.encode() for name, value in start["headers"])


def _headers(start: Message, length: int) -> list[tuple[bytes, bytes]]:
    of_the_body = (b"content-type", b"content-length")
    kept = [(name, value) for name, value in start["headers"] if name.lower() not in of_the_body]
    return [*kept, (b"content-type", FHIR_JSON.encode()), (b"content-length", str(length).encode())]
