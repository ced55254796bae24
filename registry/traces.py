"""Traces of requests by OpenTelemetry, sent by OTLP over HTTP; imported with the setting `traces` alone.

The SDK itself reads the OTEL_ variables of its specification: where to send traces to, with which headers, which of
them are kept, what the service is called. Attributes are those of the semantic conventions for HTTP servers.
"""

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from registry.tracing import Traits

NAME = "cove"
_LAST_SECONDS = 2


class Traces:
    """A `Tracing`, and the spans of what the storage does for a request. Sends from a thread of its own."""

    def __init__(self, version: str) -> None:
        usual = Resource.create({"service.name": NAME, "service.version": version})
        self._provider = TracerProvider(resource=usual.merge(OTELResourceDetector().detect()))
        self._exporter = OTLPSpanExporter()
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer(NAME, version)
        self._marked = list(logging.getLogger().handlers)
        for handler in self._marked:
            handler.addFilter(_mark)

    def request(self, headers: Mapping[str, str]) -> AbstractContextManager[Span]:
        came_with = propagate.extract(headers)
        return self._tracer.start_as_current_span("request", context=came_with, kind=SpanKind.SERVER)

    def tell(self, traits: Traits, request_id: str) -> None:
        span = trace.get_current_span()
        span.update_name(_name(traits))
        span.set_attributes(_attributes(traits, request_id))
        _judge(span, traits)

    def repeated(self, traits: Traits, request_id: str, seconds: float) -> None:
        began = time.time_ns() - int(seconds * 1e9)
        attributes = _attributes(traits, request_id)
        self._tracer.start_span(
            _name(traits), kind=SpanKind.SERVER, attributes=attributes, start_time=began, context=Context()
        ).end()

    def within(self, name: str) -> AbstractContextManager[object]:
        """A span of what is done for a request; what is done for none, such as clean-ups, has none.

        What it raises is an answer for the most part: that something is not there. The request says which one.
        """
        if not trace.get_current_span().get_span_context().is_valid:
            return nullcontext()
        return self._tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False)

    def close(self) -> None:
        """Send what is left; a receiver that does not answer is not waited for."""
        for handler in self._marked:
            handler.removeFilter(_mark)
        patience = threading.Timer(_LAST_SECONDS, self._exporter.shutdown)
        patience.start()
        self._provider.shutdown()
        patience.cancel()


def _mark(record: logging.LogRecord) -> bool:
    """A filter of log lines that gives each the id of the trace that it belongs to."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        record.trace_id = trace.format_trace_id(context.trace_id)
    return True


def _name(traits: Traits) -> str:
    return traits.method if traits.route == "none" else f"{traits.method} {_template(traits)}"


def _template(traits: Traits) -> str:
    return traits.route.replace(":path}", "}")


def _attributes(traits: Traits, request_id: str) -> dict[str, AttributeValue]:
    known: dict[str, AttributeValue | None] = {
        "http.request.method": traits.method,
        "http.route": None if traits.route == "none" else _template(traits),
        "http.response.status_code": traits.status,
        "url.path": traits.path,
        "client.address": traits.client,
        "user.name": traits.user,
        "cove.repository": traits.repository,
        "cove.request_id": request_id,
    }
    return {name: value for name, value in known.items() if value is not None}


def _judge(span: Span, traits: Traits) -> None:
    """Only what is the server's fault is an error of its span."""
    if traits.status >= 500:
        span.set_status(Status(StatusCode.ERROR))
