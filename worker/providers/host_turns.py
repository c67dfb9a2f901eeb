"""Turns at hosts for one process alone: for measurements, tests and a crawl by hand. Workers share theirs through the database."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contracts.sites import Robots
from worker.providers.robots import KEEP_S

#: A host that throttles without saying for how long is left alone for this many seconds.
UNSAID_S = 60.0


class LocalTurns:
    """`contracts.sites.HostTurns` in memory."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._next: dict[str, float] = {}
        self._robots: dict[str, tuple[float, Robots]] = {}

    @asynccontextmanager
    async def host_turn(self, host: str, delay_s: float) -> AsyncIterator[None]:
        async with self._locks[host]:
            wait_s = self._next.get(host, 0.0) - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            self._next[host] = time.monotonic() + delay_s
            yield

    async def leave_alone(self, host: str, after_s: float | None) -> None:
        self._next[host] = time.monotonic() + (UNSAID_S if after_s is None else after_s)

    async def robots_of(self, origin: str) -> Robots | None:
        at, known = self._robots.get(origin, (0.0, None))
        return known if known is not None and time.monotonic() - at < KEEP_S else None

    async def remember_robots(self, robots: Robots) -> None:
        self._robots[robots.origin] = (time.monotonic(), robots)
