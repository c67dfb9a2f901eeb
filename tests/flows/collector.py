"""A collector of traces on a real socket: it reads what comes as OTLP over HTTP and keeps the spans."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Told:
    """A span as it came. Ids are hex; `parent` is empty for the first of a trace; `kind` as in the protocol's enum."""

    trace: str
    id: str
    parent: str
    name: str
    kind: str
    service: str
    failed: bool
    about: dict[str, Any]


@dataclass
class Collector:
    url: str
    spans: list[Told] = field(default_factory=list)
    #: Of each post: path, headers, and the body as it came.
    paths: set[str] = field(default_factory=set)
    headers: list[dict[str, str]] = field(default_factory=list)
    raw: bytes = b""

    def of(self, trace: str) -> list[Told]:
        return [span for span in self.spans if span.trace == trace]


@contextmanager
def collecting() -> Iterator[Collector]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                collector.paths.add(self.path)
                collector.headers.append({name.lower(): value for name, value in self.headers.items()})
                collector.raw += body
                collector.spans += _read(body)
            said = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def _read(body: bytes) -> list[Told]:
    asked = ExportTraceServiceRequest.FromString(body)
    return [
        Told(
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.name,
            type(span).SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
            _values(resource.resource.attributes)["service.name"],
            span.status.code == 2,
            _values(span.attributes),
        )
        for resource in asked.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _values(attributes: Sequence[Any]) -> dict[str, Any]:
    return {each.key: _value(each.value) for each in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)
