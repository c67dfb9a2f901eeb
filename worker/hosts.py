"""Turns to ask a site: one request at a time, at a distance, over all workers."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
import structlog

from contracts.errors import Unavailable, VendorBusy
from contracts.sites import Robots
from db import hosts
from db.transaction import CONNECTION_ERRORS, DbRole, Pool, transaction

log = structlog.get_logger("worker")

#: Longest wait that is slept, in seconds: the crawl of a site with a delay of some seconds stays in one job.
PATIENCE_S = 15.0
#: Longest distance that is honoured, in seconds (Crawl-delay may say more).
MAX_DELAY_S = 60.0
MAX_AFTER_S = 7 * 86_400.0
#: How often a site that somebody else is asking is tried again, in seconds.
POLL_S = 0.25


class Hosts:
    """Sites as the database knows them. `hold_s`: how long a request may take before another worker may ask."""

    def __init__(self, pool: Pool, *, hold_s: float, patience_s: float = PATIENCE_S) -> None:
        self._pool, self._hold_s, self._patience_s = pool, hold_s, patience_s

    @asynccontextmanager
    async def turn(self, host: str, delay_s: float) -> AsyncIterator[None]:
        """See `Pacer.host_turn`."""
        holder, delay_s = uuid4(), min(delay_s, MAX_DELAY_S)
        until = time.monotonic() + self._patience_s
        # A turn cancelled while it is being claimed lapses with the hold.
        while True:
            left = max(0.0, until - time.monotonic())
            async with transaction(self._pool, None, role=DbRole.SYSTEM) as tx:
                got = await hosts.claim(tx, host, holder, delay_s=delay_s, patience_s=left, hold_s=self._hold_s)
            if isinstance(got, hosts.Held):
                break
            if got.wait_s > left or left <= 0:
                # Its own distance is known; whoever holds it is probably done in a moment.
                wait = max(got.wait_s, min(got.held_s, 1.0))
                raise VendorBusy(f"{host} is being asked by another job", after_s=wait, code="host_busy")
            await asyncio.sleep(min(left, POLL_S * (0.5 + random.random())))  # noqa: S311
        began = time.monotonic()
        try:
            await asyncio.sleep(got.wait_s)
            began = time.monotonic()
            yield
        finally:
            await self._release(host, holder, time.monotonic() - began, delay_s)

    async def leave_alone(self, host: str, after_s: float | None) -> None:
        capped = None if after_s is None else min(max(after_s, 0.0), MAX_AFTER_S)
        async with transaction(self._pool, None, role=DbRole.SYSTEM) as tx:
            await hosts.leave_alone(tx, host, capped)

    async def robots_of(self, origin: str) -> Robots | None:
        async with transaction(self._pool, None, role=DbRole.SYSTEM) as tx:
            return await hosts.robots_of(tx, origin)

    async def remember_robots(self, robots: Robots) -> None:
        async with transaction(self._pool, None, role=DbRole.SYSTEM) as tx:
            await hosts.remember_robots(tx, robots)

    async def _release(self, host: str, holder: UUID, took_s: float, delay_s: float) -> None:
        try:
            async with transaction(self._pool, None, role=DbRole.SYSTEM) as tx:
                await hosts.release(tx, host, holder, took_s=took_s, delay_s=delay_s)
        except (Unavailable, *CONNECTION_ERRORS, asyncpg.PostgresError) as error:
            log.warning("host_not_released", error=str(error))  # the hold lapses by itself
