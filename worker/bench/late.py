"""Who was taken for dead and comes back: none of what it then ends or writes may be accepted (law 4)."""

from __future__ import annotations

from db import jobs, queue
from db.queue import Delivery
from db.transaction import DbRole, Pool, transaction
from worker.bench.figures import hand_off_all
from worker.bench.ground import Ground, fill
from worker.queue.pool import open_queue_pool

#: As many as one round of the rescue takes up.
JOBS = 400


async def finishes(on: Ground, how_many: int) -> tuple[int, int]:
    """(ends and writes tried by a worker after its jobs were rescued and began anew elsewhere, those that were accepted).

    The tables must be empty; afterwards every job is done.
    """
    await fill(on, how_many)
    await hand_off_all(on)
    pool = await open_queue_pool(on.url)
    try:
        theirs = await _taken(pool, how_many)
        async with transaction(on.pool, None, role=DbRole.SYSTEM) as tx:
            await queue.rescue(tx, await queue.stranded(tx, 0.0))
        again = await _taken(pool, how_many)
        accepted = [await _writes(on, each) for each in theirs].count(True)
        accepted += max(await _finish(pool, theirs))
        await _finish(pool, again)
    finally:
        await pool.close()
    return 2 * len(theirs), accepted


async def _taken(pool: Pool, how_many: int) -> list[Delivery]:
    """As a worker of its own, which never beats again."""
    async with pool.acquire() as connection:
        worker = await queue.register(connection, "bench", 0, ["jobs"])
        return await queue.fetch(connection, worker, ["probe"], how_many)


async def _finish(pool: Pool, deliveries: list[Delivery]) -> tuple[int, int]:
    async with pool.acquire() as connection:
        return await queue.finish(connection, deliveries)


async def _writes(on: Ground, delivery: Delivery) -> bool:
    try:
        async with jobs.completing(on.pool, delivery.tenant_id, delivery.execution_id, delivery.token):
            return True
    except jobs.Fenced:
        return False
