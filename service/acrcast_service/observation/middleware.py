"""Around every request: gives it an id, and when it is over writes its log line, counts it and ends its span."""

import logging
import random
import re
import time
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from acrcast_service.observation.logs import Lines, current_request
from acrcast_service.observation.metrics import Metrics
from acrcast_service.observation.traces import Traces

REQUEST_ID = b"x-request-id"
# A UUID, 32 hexadecimal digits or a ULID, as gateways make them. Anything else may be somebody's name or number.
WELL_FORMED = re.compile(
    rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-f]{32}|[0-7][0-9A-HJKMNP-TV-Z]{25}"
)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# A load balancer asks every few seconds.
RARELY_READ = ("/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready", "/metrics")
# What a client sees who went away before there was an answer; the code is nginx's.
WENT_AWAY = 499

PREDICTIONS = "acrcast.predictions"


def note_predictions(scope: Scope, model: str, support: str, count: int = 1) -> None:
    """Predictions that this request was answered with, once they are recorded. model: its digest."""
    scope.setdefault(PREDICTIONS, []).append((model, support, count))


class Observed:
    """The outermost part of the application."""

    def __init__(self, app: ASGIApp, lines: Lines, metrics: Metrics, traces: Traces | None) -> None:
        self._app, self._lines, self._metrics, self._traces = app, lines, metrics, traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent_id, traceparent = _identifying(scope)
        request_id = sent_id or f"{random.getrandbits(128):032x}"
        id_header = (REQUEST_ID, request_id.encode())
        began, status, complete = time.perf_counter(), WENT_AWAY, False

        async def watched(message: Message) -> None:
            nonlocal status, complete
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], id_header]
            await send(message)
            complete = message["type"] == "http.response.body" and not message.get("more_body", False)

        token = current_request.set(request_id)
        self._metrics.began()
        try:
            await self._app(scope, receive, watched)
        finally:
            current_request.reset(token)
            self._over(scope, request_id, status, time.perf_counter() - began, traceparent, complete=complete)

    def _over(
        self, scope: Scope, request_id: str, status: int, seconds: float, traceparent: str, *, complete: bool
    ) -> None:
        route = scope.get("route")
        template: str = getattr(route, "path", "unmatched")
        method = scope["method"] if scope["method"] in METHODS else "other"
        predictions: list[tuple[str, str, int]] = scope.get(PREDICTIONS, [])
        metrics = self._metrics
        metrics.ended(template, method, status, seconds)
        for model, support, count in predictions:
            metrics.predictions(model, support, count)
        audit = scope["app"].state.server.audit if "app" in scope else None
        if audit is not None:
            metrics.audit(audit.waiting, audit.failures)
        level = logging.ERROR if status >= 500 else logging.DEBUG if template in RARELY_READ else logging.INFO
        model_digest = predictions[0][0] if predictions else None
        if self._lines.takes(level):
            fields: dict[str, Any] = {
                "request_id": request_id,
                "method": method,
                "route": template,
                "status": status,
                "ms": round(seconds * 1000, 3),
                "model": model_digest,
                "predictions": sum([count for _, _, count in predictions]) or None,
                "caller": getattr(scope.get("caller"), "name", None),
                "complete": None if complete else False,
            }
            self._lines.write(level, "request", fields)
        if self._traces is not None:
            ended = time.time_ns()
            self._traces.span(
                f"{method} {template}",
                ended - int(seconds * 1e9),
                ended,
                traceparent,
                _attributes(method, template, status, request_id, model_digest),
                failed=status >= 500 or not complete,
            )


def _identifying(scope: Scope) -> tuple[str, str]:
    """The request's id and `traceparent`, where they are sent and well-formed; else empty."""
    request_id = traceparent = b""
    for name, value in scope["headers"]:
        if name == REQUEST_ID and WELL_FORMED.fullmatch(value):
            request_id = value
        elif name == b"traceparent":
            traceparent = value
    return request_id.decode(), traceparent.decode("latin-1")


def _attributes(method: str, template: str, status: int, request_id: str, model: str | None) -> Mapping[str, str | int]:
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "http.route": template,
        "http.response.status_code": status,
        "acrcast.request.id": request_id,
    }
    return attributes | ({"acrcast.model.digest": model} if model else {})
