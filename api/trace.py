"""The outermost layer: names each request, logs and measures it, and turns what nobody caught into an answer."""

from __future__ import annotations

import re
import time
from uuid import UUID, uuid4

import structlog
from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import answer
from api.metrics import METHODS, HttpMetrics
from db import spans

_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
#: What every answer says unless its route says otherwise.
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
#: Asked every few seconds by machines: not worth a line or a trace each.
QUIET = ("/healthz", "/readyz", "/metrics")

log = structlog.get_logger("api")


class Trace:
    """`request.state.request_id` (text) and `.correlation_id` (UUID) are set for everything inside."""

    def __init__(self, app: ASGIApp, *, metrics: HttpMetrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        _name(request)
        seen = {"status": 0}

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request.state.request_id
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        began = time.perf_counter()
        # A fresh task runs each request, so what is bound here ends with it.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(requestId=request.state.request_id)
        method = scope["method"] if scope["method"] in METHODS else "OTHER"
        quiet = scope["path"] in QUIET
        with spans.NOBODYS if quiet else spans.tracer.request(method, request.headers) as span:
            try:
                await self.app(scope, receive, noting)
            except Exception as error:
                response = answer(request, error)
                if seen["status"]:
                    # Half an answer has left: cutting the connection is all that tells the client.
                    raise
                await response(scope, receive, noting)
            finally:
                self._note(scope, seen["status"], time.perf_counter() - began)
                span.answered(method, _route(scope), seen["status"])

    def _note(self, scope: Scope, status: int, took_s: float) -> None:
        route = _route(scope)
        self.metrics.observe(scope["method"], route, status, took_s)
        if route not in QUIET:
            log.info(
                "request_served", method=scope["method"], route=route, status=status, durationMs=round(took_s * 1000, 2)
            )


def _route(scope: Scope) -> str:
    template: str = getattr(scope.get("route"), "path", "unmatched")
    return template


def _name(request: Request) -> None:
    given = request.headers.get("x-request-id", "")
    fresh = uuid4()
    request.state.request_id = given if _GIVEN.fullmatch(given) else str(fresh)
    try:
        request.state.correlation_id = UUID(given)
    except ValueError:
        request.state.correlation_id = fresh
