"""The look at what no run's end wakes: late and long runs, budgets, dead letters, the outbox. Once a minute, one worker of all."""

from __future__ import annotations

import asyncio
import random

import asyncpg
import structlog

from contracts.errors import Unavailable
from db import alert_looks, queue
from db.transaction import CONNECTION_ERRORS, DbRole, Pool, transaction

log = structlog.get_logger("worker.watch")


async def look_once(pool: Pool, every_s: float = alert_looks.EVERY_S) -> tuple[int, int] | None:
    """Take this minute's look. Returns (alerts opened, resolved); None when another worker has it.

    The claim commits first: whoever dies in the look costs one minute, and holds nobody up meanwhile.
    """
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        if not await alert_looks.claim(tx, every_s):
            return None
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        changed = await alert_looks.look(tx)
        if any(changed):
            await queue.wake(tx, queue.OUTBOX_CHANNEL)
    if any(changed):
        log.warning("alerts_changed", opened=changed[0], resolved=changed[1])
    return changed


class Watch:
    """The loop around `look_once`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Work until `stop()`. An outage is waited for."""
        while not self._stopping.is_set():
            try:
                await look_once(self._pool)
            except (Unavailable, *CONNECTION_ERRORS, asyncpg.PostgresError) as error:
                log.warning("look_failed", error=str(error))
            try:
                pause = alert_looks.EVERY_S * random.uniform(0.3, 0.6)  # noqa: S311
                await asyncio.wait_for(self._stopping.wait(), pause)
            except TimeoutError:
                continue

    def stop(self) -> None:
        self._stopping.set()
