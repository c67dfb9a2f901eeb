"""The vendors as one ASGI application, with a control API under `/__control`.

POST /__control/faults     a fault (see `faults.py`)        GET lists those still on order
POST /__control/latency    {"ms": 80, "vendor"?: "tavily"}  added to every answer
GET  /__control/requests   what was asked, how often, at what cost (see `meter.py`)
POST /__control/reset      no faults, no latency, counters at zero
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from worker.providers.sandbox.answer import Answer, json_answer
from worker.providers.sandbox.faults import BILLED, Fault, Faults, spoil
from worker.providers.sandbox.meter import Meter, fingerprint
from worker.providers.sandbox.register import lei_records
from worker.providers.sandbox.web import search
from worker.providers.sandbox.world import World

PROJECT_PREFIX = "headwater-"


class Latency(BaseModel):
    """Milliseconds added to the answers of one vendor, or of all."""

    model_config = ConfigDict(extra="forbid")

    ms: float = Field(ge=0, le=600_000)
    vendor: str | None = None


@dataclass
class Sandbox:
    """The state behind the application."""

    world: World
    faults: Faults = field(default_factory=Faults)
    meter: Meter = field(default_factory=Meter)
    latency_ms: dict[str | None, float] = field(default_factory=dict)

    async def serve(self, request: Request, vendor: str, operation: str, answer: Callable[[bytes], Answer]) -> Response:
        """Meter the request, let it go wrong if that was ordered, and answer."""
        body = await request.body()
        channel = _channel(request)
        fault = self.faults.take(vendor, channel, request.url.path)
        right = answer(body)
        billed = right.credits if fault is None or fault.kind in BILLED else 0.0
        asked = fingerprint(request.url.path, request.query_params.multi_items(), body)
        self.meter.count(vendor, operation, channel, asked, fault.kind if fault else str(right.status), billed)
        delay_ms = self.latency_ms.get(vendor, self.latency_ms.get(None, 0.0))
        if fault and fault.kind != "slow":
            delay_ms += fault.latency_ms
        if delay_ms:
            await asyncio.sleep(delay_ms / 1000)
        return spoil(fault, right)

    async def gleif(self, request: Request) -> Response:
        base_url = str(request.base_url).rstrip("/")
        params = dict(request.query_params)
        return await self.serve(request, "gleif", "lei-records", lambda _: lei_records(self.world, params, base_url))

    async def tavily(self, request: Request) -> Response:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        channel = _channel(request)
        return await self.serve(request, "tavily", "search", lambda body: search(self.world, channel, bearer, body))

    async def tavily_usage(self, request: Request) -> Response:
        spent = self.meter.credits("tavily")
        usage = {"key": {"usage": spent, "limit": None}, "account": {"plan_usage": spent, "plan_limit": 1000}}
        return await self.serve(request, "tavily", "usage", lambda _: json_answer(200, usage))

    async def order_fault(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse(self.faults.list())
        try:
            self.faults.order(Fault.model_validate_json(await request.body()))
        except ValidationError as error:
            return _unreadable(error)
        return JSONResponse({"faults": len(self.faults.list())}, 201)

    async def set_latency(self, request: Request) -> Response:
        try:
            wish = Latency.model_validate_json(await request.body())
        except ValidationError as error:
            return _unreadable(error)
        self.latency_ms[wish.vendor] = wish.ms
        return JSONResponse({"ms": wish.ms})

    async def requests(self, _request: Request) -> Response:
        return JSONResponse(self.meter.report())

    async def reset(self, _request: Request) -> Response:
        self.faults.clear()
        self.meter.clear()
        self.latency_ms.clear()
        return JSONResponse({})


def build_app(seed: int = 7) -> Starlette:
    """The application. Two with one seed give the same answers, byte for byte."""
    box = Sandbox(World(seed))
    return Starlette(
        routes=[
            Route("/api/v1/lei-records", box.gleif),
            Route("/search", box.tavily, methods=["POST"]),
            Route("/usage", box.tavily_usage),
            Route("/__control/faults", box.order_fault, methods=["GET", "POST"]),
            Route("/__control/latency", box.set_latency, methods=["POST"]),
            Route("/__control/requests", box.requests),
            Route("/__control/reset", box.reset, methods=["POST"]),
        ]
    )


def _channel(request: Request) -> str | None:
    project = request.headers.get("x-project-id", "")
    return project.removeprefix(PROJECT_PREFIX) if project.startswith(PROJECT_PREFIX) else None


def _unreadable(error: ValidationError) -> Response:
    return JSONResponse({"error": error.errors(include_url=False, include_context=False)}, 400)
