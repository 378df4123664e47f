"""Spans sent to an OTLP endpoint over HTTP, in the background. Imported only where one is configured."""

from collections.abc import Mapping

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import acrcast


class OtlpTraces:
    """Endpoint, headers, sampling and the service's name are those of OpenTelemetry's environment variables."""

    def __init__(self) -> None:
        resource = Resource({SERVICE_NAME: "acrcast", SERVICE_VERSION: acrcast.__version__}).merge(Resource.create())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("acrcast_service", acrcast.__version__)
        self._parent = TraceContextTextMapPropagator()

    def span(
        self, name: str, began: int, ended: int, traceparent: str, attributes: Mapping[str, str | int], *, failed: bool
    ) -> None:
        parent = self._parent.extract({"traceparent": traceparent}) if traceparent else None
        span = self._tracer.start_span(name, parent, SpanKind.SERVER, dict(attributes), start_time=began)
        if failed:
            span.set_status(StatusCode.ERROR)
        span.end(ended)

    def stop(self) -> None:
        self._provider.shutdown()
