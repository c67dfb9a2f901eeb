"""Coalescing jobs that meet their like on the way back into the queue: one of them goes on, and nothing else is held up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from db import queue
from db.queue import Delivery
from db.transaction import DbRole, Pool, transaction
from tests.queue.seeding import TENANT, seed_jobs, states
from tests.queue.test_rescue import no_hook
from worker.maintenance import RescueReport, rescue_once

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


async def _taken(pool: Pool, worker: int, limit: int = 10) -> list[Delivery]:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return await queue.fetch(tx, worker, ["probe"], limit)


async def _worker(pool: Pool) -> int:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return await queue.register(tx, "here", 1, ["jobs"])


async def _put_back(pool: Pool, worker: int) -> int:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return await queue.reconcile(tx, worker, [])


async def test_a_lost_fetch_whose_twin_waits_steps_aside(conn: Connection, pool: Pool) -> None:
    # S2.15: a worker that cannot put back what it does not run would never fetch again.
    worker = await _worker(pool)
    await seed_jobs(pool, 1, tenant=TENANT, key="one")
    await seed_jobs(pool, 1)
    assert len(await _taken(pool, worker)) == 2
    await seed_jobs(pool, 1, tenant=TENANT, key="one")
    assert await _put_back(pool, worker) == 1
    assert await states(pool) == {"superseded": 1, "queued": 2}
    assert len(await _taken(pool, worker)) == 2


async def test_two_of_a_kind_are_put_back_as_one(conn: Connection, pool: Pool) -> None:
    worker = await _worker(pool)
    for _ in range(2):
        await seed_jobs(pool, 1, tenant=TENANT, key="one")
        assert len(await _taken(pool, worker)) == 1
    assert await _put_back(pool, worker) == 1
    assert await states(pool) == {"superseded": 1, "queued": 1}
    assert await conn.fetchval("SELECT count(*) FROM queue.procrastinate_jobs") == 1


async def test_two_of_a_kind_that_crashed_together_come_back_as_one(conn: Connection, pool: Pool) -> None:
    # S2.05: they must not hold up the rescue of everybody else.
    worker = await _worker(pool)
    for _ in range(2):
        await seed_jobs(pool, 1, tenant=TENANT, key="one")
        assert len(await _taken(pool, worker)) == 1
    await seed_jobs(pool, 1)
    assert len(await _taken(pool, worker)) == 1
    await conn.execute("UPDATE app.workers SET beat_at = app.now() - interval '1 hour'")
    assert await rescue_once(pool, 0.0, no_hook) == RescueReport(rescued=2)
    assert await states(pool) == {"superseded": 1, "queued": 2}
    assert await conn.fetchval("SELECT count(*) FROM queue.procrastinate_jobs WHERE status = 'todo'") == 2
    assert await conn.fetchval("SELECT count(*) FROM queue.procrastinate_jobs") == 2
