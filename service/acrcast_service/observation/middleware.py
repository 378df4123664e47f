"""Of every request: its id, and when it is over its log line, its part in the metrics and its span."""

import logging
import random
import re
import time
from collections.abc import Mapping
from contextvars import Token
from dataclasses import dataclass
from typing import Any

from starlette.types import Scope

from acrcast_service.audit.trail import AuditTrail
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


@dataclass(slots=True)
class Seen:
    """One request, as far as it has come. began: seconds of the clock that measures. token: of `current_request`."""

    request_id: str
    traceparent: str
    began: float
    token: Token[str | None]
    status: int = WENT_AWAY
    complete: bool = False

    @property
    def header(self) -> tuple[bytes, bytes]:
        return REQUEST_ID, self.request_id.encode()

    @property
    def is_answered(self) -> bool:
        """Whether an answer has begun."""
        return self.status != WENT_AWAY


class Observer:
    """Told of each request when it begins and when it is over."""

    def __init__(self, lines: Lines, metrics: Metrics, traces: Traces | None, audit: AuditTrail) -> None:
        self._lines, self._metrics, self._traces, self._audit = lines, metrics, traces, audit

    def began(self, scope: Scope) -> Seen:
        sent_id, traceparent = _identifying(scope)
        request_id = sent_id or f"{random.getrandbits(128):032x}"
        self._metrics.began()
        return Seen(request_id, traceparent, time.perf_counter(), current_request.set(request_id))

    def over(self, scope: Scope, seen: Seen) -> None:
        """Counts the request, writes its line and ends its span."""
        current_request.reset(seen.token)
        seconds, status, complete = time.perf_counter() - seen.began, seen.status, seen.complete
        route = scope.get("route")
        template: str = getattr(route, "path", "unmatched")
        method = scope["method"] if scope["method"] in METHODS else "other"
        predictions: list[tuple[str, str, int]] = scope.get(PREDICTIONS, [])
        metrics = self._metrics
        for model, support, count in predictions:
            metrics.predictions(model, support, count)
        metrics.ended(template, method, status, seconds)
        metrics.audit(self._audit.waiting, self._audit.failures)
        level = logging.ERROR if status >= 500 else logging.DEBUG if template in RARELY_READ else logging.INFO
        model_digest = predictions[0][0] if predictions else None
        if self._lines.takes(level):
            fields: dict[str, Any] = {
                "request_id": seen.request_id,
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
                seen.traceparent,
                _attributes(method, template, status, seen.request_id, model_digest),
                failed=status >= 500 or not complete,
            )


def _identifying(scope: Scope) -> tuple[str, str]:
    """The request's id and `traceparent`, where they are sent and well-formed; else empty."""
    request_id = traceparent = ""
    for name, value in scope["headers"]:
        if name == REQUEST_ID and WELL_FORMED.fullmatch(value):
            request_id = value.decode()
        elif name == b"traceparent":
            traceparent = value.decode("latin-1")
    return request_id, traceparent


def _attributes(method: str, template: str, status: int, request_id: str, model: str | None) -> Mapping[str, str | int]:
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "http.route": template,
        "http.response.status_code": status,
        "acrcast.request.id": request_id,
    }
    return attributes | ({"acrcast.model.digest": model} if model else {})
