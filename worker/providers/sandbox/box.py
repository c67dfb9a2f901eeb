"""How every stand-in vendor is served: metered, throttled, out of credits, slow or broken on order, and then its answer."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from worker.providers.sandbox.answer import Answer
from worker.providers.sandbox.faults import BILLED, Faults, spoil
from worker.providers.sandbox.meter import Meter, fingerprint
from worker.providers.sandbox.vendor import Asked, Offer
from worker.providers.sandbox.world import World

PROJECT_PREFIX = "headwater-"


class Latency(BaseModel):
    """Milliseconds added to the answers of one vendor, or of all: the median, and with `p99_ms` a log-normal spread around it."""

    model_config = ConfigDict(extra="forbid")

    ms: float = Field(ge=0, le=600_000)
    p99_ms: float | None = Field(default=None, ge=0, le=600_000)
    vendor: str | None = None

    def draw(self, luck: random.Random) -> float:
        if self.p99_ms is None or self.ms <= 0 or self.p99_ms <= self.ms:
            return self.ms
        return luck.lognormvariate(math.log(self.ms), math.log(self.p99_ms / self.ms) / 2.326)


class Quota(BaseModel):
    """`credits` that a vendor still serves before it says that none are left; None: no end."""

    model_config = ConfigDict(extra="forbid")

    vendor: str
    credits: float | None = Field(default=None, ge=0)


class RateLimit(BaseModel):
    """At most `limit` requests in any `seconds`: what is over is turned away, and counted as a violation."""

    model_config = ConfigDict(extra="forbid")

    vendor: str
    operation: str | None = None
    limit: int = Field(ge=1)
    seconds: float = Field(gt=0)


@dataclass
class Box:
    """The state behind the application."""

    world: World
    faults: Faults = field(default_factory=Faults)
    meter: Meter = field(default_factory=Meter)
    latency: dict[str | None, Latency] = field(default_factory=dict)
    quotas: dict[str, float] = field(default_factory=dict)
    limits: list[RateLimit] = field(default_factory=list)
    #: (vendor, operation) -> when each request arrived, monotonic seconds.
    arrivals: dict[tuple[str, str], deque[float]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=200_000))
    )
    violations: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    #: Questions that were billed, each under a key, where asking again is free.
    charged: set[tuple[str, str, str, str]] = field(default_factory=set)
    state: dict[str, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))
    #: What latencies are drawn from: the world's seed again, from its start after each reset.
    luck: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.luck = random.Random(self.world.seed)  # noqa: S311

    def clear(self) -> None:
        """No faults, latency, quotas or limits; counters at zero, memories empty."""
        self.faults.clear()
        self.meter.clear()
        for each in (self.latency, self.quotas, self.limits, self.arrivals, self.violations, self.state, self.charged):
            each.clear()
        self.luck.seed(self.world.seed)

    async def offer(self, request: Request, offer: Offer) -> Response:
        """Serve one operation of a vendor that has `OFFERS`."""
        asked = Asked(
            world=self.world,
            method=request.method,
            path=request.url.path,
            path_params=request.path_params,
            query=request.query_params.multi_items(),
            headers=request.headers,
            body=await request.body(),
            base_url=str(request.base_url).rstrip("/"),
            state=self.state[offer.vendor],
        )
        wait_s = self._too_fast(offer.vendor, offer.operation)
        if wait_s is not None and offer.throttled is not None:
            said = offer.throttled(asked, wait_s)
            return await self.serve(request, offer.vendor, offer.operation, lambda _: said)
        if self.quotas.get(offer.vendor, math.inf) <= 0 and offer.exhausted is not None:
            said = offer.exhausted(asked)
            return await self.serve(request, offer.vendor, offer.operation, lambda _: said)
        return await self.serve(
            request, offer.vendor, offer.operation, lambda _: offer.handler(asked), repeats_free=offer.repeats_free
        )

    async def serve(
        self,
        request: Request,
        vendor: str,
        operation: str,
        answer: Callable[[bytes], Answer],
        *,
        repeats_free: bool = False,
    ) -> Response:
        """Meter the request, let it go wrong if that was ordered, and answer."""
        body = await request.body()
        channel = channel_of(request)
        fault = self.faults.take(vendor, channel, request.url.path)
        right = answer(body)
        billed = right.credits if fault is None or fault.kind in BILLED else 0.0
        asked = fingerprint(request.url.path, request.query_params.multi_items(), body)
        if repeats_free and billed:
            of = (vendor, operation, asked, request.headers.get("x-api-key", ""))
            billed = 0.0 if of in self.charged else billed
            self.charged.add(of)
        self.meter.count(vendor, operation, channel, asked, fault.kind if fault else str(right.status), billed)
        if vendor in self.quotas:
            self.quotas[vendor] -= billed
        delay_ms = self._delay_ms(vendor) + 1000 * right.delay_s
        if fault and fault.kind != "slow":
            delay_ms += fault.latency_ms
        if delay_ms:
            await asyncio.sleep(delay_ms / 1000)
        return spoil(fault, right)

    def _delay_ms(self, vendor: str) -> float:
        wish = self.latency.get(vendor, self.latency.get(None))
        return wish.draw(self.luck) if wish else 0.0

    def _too_fast(self, vendor: str, operation: str) -> float | None:
        """Note the arrival; the seconds to wait when it breaks a limit that was set."""
        now, wait_s = time.monotonic(), None
        for limit in self.limits:
            if limit.vendor != vendor or limit.operation not in (None, operation):
                continue
            keys = [(vendor, operation)] if limit.operation else [k for k in self.arrivals if k[0] == vendor]
            recent = sorted(t for k in keys for t in self.arrivals[k] if t > now - limit.seconds)
            if len(recent) >= limit.limit:
                self.violations[vendor] += 1
                wait_s = max(wait_s or 0.0, recent[-limit.limit] + limit.seconds - now)
        self.arrivals[vendor, operation].append(now)
        return wait_s


def channel_of(request: Request) -> str | None:
    """The channel that our own header names, for vendors that let a caller tag its requests."""
    project = request.headers.get("x-project-id", "")
    return project.removeprefix(PROJECT_PREFIX) if project.startswith(PROJECT_PREFIX) else None
