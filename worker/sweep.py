"""What must not hang: runs past their deadline, leases nobody confirmed, sessions of a process that stands still.

Every few seconds, on every host; each is idempotent.
"""

from __future__ import annotations

import asyncio
import random

import asyncpg
import structlog

from contracts.errors import Unavailable
from db import queue, runs, sinks
from db.transaction import CONNECTION_ERRORS, DbRole, Pool, transaction

#: How often, and how long after its deadline a run is ended from here, in seconds.
EVERY_S = 3.0
GRACE_S = 10.0
#: How long a session may stand still in the middle of a statement, in seconds.
FROZEN_S = 3.0
log = structlog.get_logger("worker.sweep")


async def unfreeze(pool: Pool, after_s: float = FROZEN_S) -> int:
    """Take the locks of processes that stand still in the middle of a statement (law 4). Returns how many had some."""
    connection = await pool.acquire(timeout=10)
    try:
        ended = await queue.end_frozen(connection, after_s)
    finally:
        await pool.release(connection)
    if ended:
        log.warning("frozen_sessions_ended", sessions=ended)
    return ended


async def sweep_once(pool: Pool, grace_s: float = GRACE_S) -> tuple[int, int]:
    """End overdue runs and take back stale leases. Returns (runs ended, leases taken back)."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        reclaimed = await sinks.reclaim(tx)
        overdue = await runs.overdue(tx, grace_s)
    ended = 0
    for tenant, run_id in overdue:
        try:
            async with transaction(pool, tenant) as tx:
                status = await runs.expire(tx, tenant, run_id)
        except (Unavailable, *CONNECTION_ERRORS):
            raise
        except Exception:
            log.exception("run_not_expired", runId=str(run_id), nextStep="it holds up no other; look at the error")
            continue
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
                await unfreeze(self._pool)
                await sweep_once(self._pool)
            except (Unavailable, *CONNECTION_ERRORS, asyncpg.PostgresError) as error:
                log.warning("sweep_interrupted", error=str(error))
            try:
                await asyncio.wait_for(self._stopping.wait(), EVERY_S * random.uniform(0.7, 1.3))  # noqa: S311
            except TimeoutError:
                continue

    def stop(self) -> None:
        self._stopping.set()
