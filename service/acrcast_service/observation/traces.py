"""OpenTelemetry traces, where an OTLP endpoint is configured by OpenTelemetry's own environment variables; else nothing is imported.

A span has the route's template, method, status, request id and the model's digest. Of what a client sends only `traceparent` is
read: `tracestate`, `baggage` and attributes of the framework could hold anything.
"""

import os
from collections.abc import Mapping
from typing import Protocol

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class Traces(Protocol):
    """Where the spans of a server go."""

    def span(
        self, name: str, began: int, ended: int, traceparent: str, attributes: Mapping[str, str | int], *, failed: bool
    ) -> None:
        """One finished request. began, ended: nanoseconds since 1970."""
        ...

    def stop(self) -> None:
        """Sends what waits."""
        ...


def open_traces() -> Traces | None:
    if not any(os.environ.get(name) for name in ENDPOINTS):
        return None
    from acrcast_service.observation.otlp import OtlpTraces  # noqa: PLC0415  only where it is configured

    return OtlpTraces()
