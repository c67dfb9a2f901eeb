"""What must not hang: runs past their deadline, leases nobody confirmed. Every few seconds, on every host; each is idempotent."""

from __future__ import annotations

import asyncio
import random

import asyncpg
import structlog

from contracts.errors import Unavailable
from db import runs, sinks
from db.transaction import CONNECTION_ERRORS, DbRole, Pool, transaction

#: How often, and how long after its deadline a run is ended from here, in seconds.
EVERY_S = 3.0
GRACE_S = 10.0
log = structlog.get_logger("worker.sweep")


async def sweep_once(pool: Pool, grace_s: float = GRACE_S) -> tuple[int, int]:
    """End overdue runs and take back stale leases. Returns (runs ended, leases taken back)."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        reclaimed = await sinks.reclaim(tx)
        overdue = await runs.overdue(tx, grace_s)
    ended = 0
    for tenant, run_id in overdue:
        async with transaction(pool, tenant) as tx:
            status = await runs.expire(tx, tenant, run_id)
        if status is not None:
            ended += 1
            log.warning("run_expired", runId=str(run_id), status=status.value)
    return ended, reclaimed


class Sweeper:
    """The loop around `sweep_once`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Work until `stop()`. An outage is waited for."""
        while not self._stopping.is_set():
            try:
                await sweep_once(self._pool)
            except (Unavailable, *CONNECTION_ERRORS, asyncpg.PostgresError) as error:
                log.warning("sweep_interrupted", error=str(error))
            try:
                await asyncio.wait_for(self._stopping.wait(), EVERY_S * random.uniform(0.7, 1.3))  # noqa: S311
            except TimeoutError:
                continue

    def stop(self) -> None:
        self._stopping.set()
