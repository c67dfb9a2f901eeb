"""The vendors as one ASGI application, with a control API under `/__control`.

POST /__control/faults     a fault (see `faults.py`)        GET lists those still on order
POST /__control/latency    {"ms": 80, "p99_ms"?: 400, "vendor"?: "tavily"}   added to every answer
POST /__control/quota      {"vendor": "hunter", "credits": 100}              then it says that none are left
POST /__control/limit      {"vendor": "hunter", "limit": 15, "seconds": 1}   enforced, breaches counted
GET  /__control/requests   what was asked, how often, at what cost (see `meter.py`), and breaches of limits
GET  /__control/arrivals   ?vendor=&operation=: when each request came, in seconds
POST /__control/reset      no faults, latency, quotas or limits; counters at zero, memories empty

A request whose Host is a site of the world is answered by that site: `CRAWL_GATEWAY` sends the crawler here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from worker.providers.sandbox.answer import json_answer
from worker.providers.sandbox.box import Box, Latency, Quota, RateLimit
from worker.providers.sandbox.faults import Fault
from worker.providers.sandbox.vendor import Offer
from worker.providers.sandbox.vendors import OFFERS, site
from worker.providers.sandbox.world import SEED, World

_Wish = TypeVar("_Wish", bound=BaseModel)


class Vendors:
    """The routes that are no plain offers: what Tavily has billed, and the controls."""

    def __init__(self, box: Box) -> None:
        self.box = box

    async def tavily_usage(self, request: Request) -> Response:
        spent = self.box.meter.credits("tavily")
        usage = {"key": {"usage": spent, "limit": None}, "account": {"plan_usage": spent, "plan_limit": 1000}}
        return await self.box.serve(request, "tavily", "usage", lambda _: json_answer(200, usage))

    async def order_fault(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse(self.box.faults.list())
        return await _granted(request, Fault, self.box.faults.order, 201)

    async def set_latency(self, request: Request) -> Response:
        return await _granted(request, Latency, lambda wish: self.box.latency.__setitem__(wish.vendor, wish))

    async def set_quota(self, request: Request) -> Response:
        def grant(wish: Quota) -> None:
            self.box.quotas.pop(wish.vendor, None)
            if wish.credits is not None:
                self.box.quotas[wish.vendor] = wish.credits

        return await _granted(request, Quota, grant)

    async def set_limit(self, request: Request) -> Response:
        return await _granted(request, RateLimit, self.box.limits.append)

    async def requests(self, _request: Request) -> Response:
        return JSONResponse({**self.box.meter.report(), "violations": dict(self.box.violations)})

    async def arrivals(self, request: Request) -> Response:
        vendor, operation = request.query_params.get("vendor"), request.query_params.get("operation")
        times = [
            t
            for (whose, what), each in self.box.arrivals.items()
            if whose == vendor and operation in (None, what)
            for t in each
        ]
        return JSONResponse({"arrivals": sorted(times)})

    async def reset(self, _request: Request) -> Response:
        self.box.clear()
        return JSONResponse({})


def build_app(seed: int = SEED) -> ASGIApp:
    """The application. Two with one seed give the same answers, byte for byte, and the same latencies, draw for draw."""
    vendors = Vendors(Box(World(seed)))
    routes = [
        Route("/usage", vendors.tavily_usage),
        Route("/__control/faults", vendors.order_fault, methods=["GET", "POST"]),
        Route("/__control/latency", vendors.set_latency, methods=["POST"]),
        Route("/__control/quota", vendors.set_quota, methods=["POST"]),
        Route("/__control/limit", vendors.set_limit, methods=["POST"]),
        Route("/__control/requests", vendors.requests),
        Route("/__control/arrivals", vendors.arrivals),
        Route("/__control/reset", vendors.reset, methods=["POST"]),
    ]
    routes += [Route(offer.path, _served(vendors.box, offer), methods=[offer.method]) for offer in OFFERS]
    return _Hosts(Starlette(routes=routes), vendors.box)


class _Hosts:
    """Sends requests for a site of the world to that site, everything else to the vendors."""

    def __init__(self, vendors: ASGIApp, box: Box) -> None:
        self._vendors, self._box = vendors, box

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith("/__control/"):
            request = Request(scope, receive)
            offer = site(self._box.world, request.url.hostname or "")
            if offer is not None:
                response = await self._box.offer(request, offer)
                await response(scope, receive, send)
                return
        await self._vendors(scope, receive, send)


def _served(box: Box, offer: Offer) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        return await box.offer(request, offer)

    return endpoint


async def _granted(
    request: Request, kind: type[_Wish], grant: Callable[[_Wish], object], status: int = 200
) -> Response:
    try:
        wish = kind.model_validate_json(await request.body())
    except ValidationError as error:
        return JSONResponse({"error": error.errors(include_url=False, include_context=False)}, 400)
    grant(wish)
    return JSONResponse(wish.model_dump(), status)
