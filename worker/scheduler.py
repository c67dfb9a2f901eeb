"""The scheduler: due schedules -> runs. Any number of them may run; an occurrence is settled by one (`db.schedule_fires`)."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

import asyncpg
import structlog

from contracts.errors import Unavailable
from contracts.settings import Settings
from db import schedule_fires
from db.schedule_fires import Fired
from db.transaction import CONNECTION_ERRORS, Pool

#: How often new tenants are looked for, in seconds: they get the schedules everybody has.
ENSURE_S = 15.0
log = structlog.get_logger("worker.scheduler")


async def tick(pool: Pool, settings: Settings) -> list[Fired]:
    """Settle everything that is due and that nobody else is settling."""
    fired: list[Fired] = []
    while (one := await schedule_fires.fire_next(pool, settings)) is not None:
        fired.append(one)
    return fired


class Scheduler:
    """The loop. `wake` is called after the commit of anything that emitted an event.

    Time is the database's: a clock that is put forward or back is noticed within `settings.sched_poll_s`.
    """

    def __init__(self, pool: Pool, settings: Settings, wake: Callable[[], None]) -> None:
        self._pool, self._settings, self._wake = pool, settings, wake
        self._stopping = asyncio.Event()
        self._ensured_at: float | None = None

    async def run(self) -> None:
        """Work until `stop()`. An outage is waited for; what fell due meanwhile is caught up with."""
        while not self._stopping.is_set():
            pause = self._settings.sched_poll_s
            try:
                await self._ensure()
                if any(each.started for each in await tick(self._pool, self._settings)):
                    self._wake()
                ahead = await schedule_fires.next_in(self._pool)
                # A schedule of which another scheduler holds the lock is due and not ours: no reason to spin.
                pause = min(pause, max(ahead, 0.05)) if ahead is not None else pause
            except (Unavailable, *CONNECTION_ERRORS, asyncpg.PostgresError) as error:
                log.warning("scheduler_interrupted", error=f"{type(error).__name__}: {error}")
            try:
                await asyncio.wait_for(self._stopping.wait(), pause * random.uniform(0.9, 1.1))  # noqa: S311
            except TimeoutError:
                continue

    def stop(self) -> None:
        """End after the schedule under way."""
        self._stopping.set()

    async def _ensure(self) -> None:
        now = time.monotonic()
        if self._ensured_at is not None and now < self._ensured_at + ENSURE_S:
            return
        made = await schedule_fires.ensure_standing(self._pool, self._settings, follow=self._ensured_at is None)
        self._ensured_at = now
        if made:
            log.info("schedules_made", schedules=made)
