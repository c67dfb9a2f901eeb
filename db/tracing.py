"""Traces over OTLP: request -> event -> job -> vendor call in one, through every process. On where an endpoint is set.

Between processes a trace travels as `traceparent` in the headers of events (W3C Trace Context). Spans leave in batches from
a thread of their own; a collector that is away costs spans, never work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from importlib.metadata import version
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

import requests
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span as Recording
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from contracts.errors import HeadwaterError
from contracts.events import Event
from contracts.settings import Settings
from db import spans
from db.queue import Delivery
from db.sinks import Leased

#: How long a batch may take to be sent, and so how long a process may take longer to end, in seconds.
PATIENCE_S = 2.0
#: The headers of an event in which a trace goes on, and the longest that is written there.
CARRIED, LONGEST = ("traceparent", "tracestate"), 512
_W3C = TraceContextTextMapPropagator()
#: Ends of an attempt or a delivery that somebody should look at.
_BAD = frozenset({"failed", "timeout", "dead", "broken", "refused", "outage", "gone"})


def arm(settings: Settings, service: str) -> None:
    """Tell spans to OTEL_EXPORTER_OTLP_ENDPOINT from now on; what is left when the process ends is sent then."""
    assert settings.otel_exporter_otlp_endpoint is not None
    about = {
        "service.name": service,
        "service.version": version("headwater"),
        "deployment.environment.name": settings.env,
    }
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(settings.otel_traces_sampler_arg)), resource=Resource.create(about)
    )
    provider.add_span_processor(BatchSpanProcessor(_exporter(settings, settings.otel_exporter_otlp_endpoint)))
    spans.tracer = Tracing(provider)


def _exporter(settings: Settings, endpoint: str) -> OTLPSpanExporter:
    session = requests.Session()
    # A proxy of the environment is for the outside world, never for this machine.
    session.trust_env = urlsplit(endpoint).hostname not in ("localhost", "127.0.0.1", "::1")
    headers = settings.otel_exporter_otlp_headers
    return OTLPSpanExporter(
        endpoint=f"{endpoint.rstrip('/')}/v1/traces",
        headers=headers_of(headers.get_secret_value()) if headers else {},
        timeout=PATIENCE_S,
        session=session,
    )


def headers_of(text: str) -> dict[str, str]:
    """`name=value,name=value` as the specification has it: values may be percent-encoded."""
    pairs = (each.partition("=") for each in text.split(",") if each.strip())
    return {name.strip().lower(): unquote(value.strip()) for name, _, value in pairs}


class Tracing(spans.Tracer):
    """Makes spans that are recorded."""

    on = True

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("headwater")

    def request(self, method: str, headers: Mapping[str, str]) -> spans.Span:
        attributes = {"http.request.method": method}
        return self._span(method, SpanKind.SERVER, attributes, _W3C.extract(headers, Context()))

    def emit(self, events: Sequence[Event]) -> spans.Span:
        kinds = sorted({event.type for event in events})
        attributes = {"messaging.system": "headwater", "headwater.events": len(events), "headwater.event_types": kinds}
        return self._span(f"emit {kinds[0] if len(kinds) == 1 else 'events'}", SpanKind.PRODUCER, attributes)

    def attempt(self, delivery: Delivery, carried: Mapping[str, str]) -> spans.Span:
        d = delivery
        attributes = {
            "messaging.system": "headwater", "headwater.job": d.job or d.task_name, "headwater.queue": d.queue,
            "headwater.tenant_id": str(d.tenant_id), "headwater.execution_id": str(d.execution_id),
            "headwater.attempt": d.token, "headwater.outcome": "done",
        }  # fmt: skip
        for name, known in (("event_id", d.event_id), ("run_id", d.run_id), ("correlation_id", d.correlation_id)):
            if known is not None:
                attributes[f"headwater.{name}"] = str(known)
        # A job is nobody's child but its event's, wherever its task was begun.
        return self._span(d.job or d.task_name, SpanKind.CONSUMER, attributes, _W3C.extract(carried, Context()))

    def call(self, vendor: str, operation: str) -> spans.Span:
        attributes = {"headwater.vendor": vendor, "headwater.operation": operation}
        return self._span(f"{vendor} {operation}", SpanKind.CLIENT, attributes)

    def deliver(self, leased: Leased, endpoint_id: UUID) -> spans.Span:
        attributes = {
            "messaging.system": "headwater", "headwater.event_type": leased.type, "headwater.event_id": str(leased.event_id),
            "headwater.tenant_id": str(leased.tenant_id), "headwater.endpoint_id": str(endpoint_id),
            "headwater.attempt": leased.attempts + 1,
        }  # fmt: skip
        return self._span(
            f"webhook {leased.type}", SpanKind.CLIENT, attributes, _W3C.extract(leased.headers, Context())
        )

    def heard(self, status: int) -> None:
        span = trace.get_current_span()
        if isinstance(span, Recording) and span.kind is SpanKind.CLIENT:
            span.set_attribute("http.response.status_code", status)

    def trace_id(self) -> str | None:
        context = trace.get_current_span().get_span_context()
        return trace.format_trace_id(context.trace_id) if context.is_valid else None

    def ended(self, outcome: str, code: str | None = None) -> None:
        span = trace.get_current_span()
        span.set_attribute("headwater.outcome", outcome)
        if code is not None:
            span.set_attribute("error.type", code)
        if outcome in _BAD:
            span.set_status(StatusCode.ERROR)

    def _span(self, name: str, kind: SpanKind, attributes: dict[str, Any], parent: Context | None = None) -> spans.Span:
        return _Recorded(
            self._tracer.start_as_current_span(
                # An error's words and its traceback may be somebody's: only its class is told.
                name, parent, kind, attributes, record_exception=False, set_status_on_exception=False,
            )
        )  # fmt: skip


class _Recorded(spans.Span):
    __slots__ = ("_block", "_span")
    _span: trace.Span

    def __init__(self, block: AbstractContextManager[trace.Span]) -> None:
        self._block = block

    def __enter__(self) -> spans.Span:
        self._span = self._block.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            self._span.set_attribute("error.type", _class(error))
            self._span.set_status(StatusCode.ERROR)
        self._block.__exit__(kind, error, where)

    def onto(self, headers: dict[str, str] | None) -> dict[str, str] | None:
        mine = {name: value for name, value in (headers or {}).items() if name not in CARRIED}
        carried: dict[str, str] = {}
        _W3C.inject(carried, trace.set_span_in_context(self._span))
        return mine | {name: value for name, value in carried.items() if len(value) <= LONGEST}

    def answered(self, method: str, route: str, status: int) -> None:
        self._span.update_name(f"{method} {route}")
        self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self._span.set_status(StatusCode.ERROR)


def _class(error: Exception) -> str:
    return error.code if isinstance(error, HeadwaterError) else type(error).__name__
