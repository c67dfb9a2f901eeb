"""What every measurement stands on: pools, tenants, tables emptied between repetitions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

from contracts.events import Probed
from contracts.settings import Settings
from db import bench, outbox
from db.ids import new_id
from db.pool import open_pool
from db.transaction import DbRole, Pool, transaction
from worker.bench.cpu import postmaster
from worker.dispatcher import LANES, Dispatcher, open_dispatch_pool

#: Singleton keys a tenant's duplicates share.
KEYS = 25


@dataclass(frozen=True, slots=True)
class Ground:
    """A migrated database to measure on. `tenants` share the load evenly."""

    url: str
    pool: Pool
    dispatch_pool: Pool
    settings: Settings
    tenants: tuple[UUID, ...]
    #: The server's first process, whose processor time is counted; None where it cannot be seen.
    server: int | None

    def dispatcher(self, *, lanes: int = LANES) -> Dispatcher:
        return Dispatcher(self.dispatch_pool, self.settings, lanes=lanes)


@asynccontextmanager
async def ground(url: str, *, tenants: int = 8) -> AsyncIterator[Ground]:
    """Open pools for a measurement; the buffer a tenant may fill is lifted, so that nothing waits for a worker."""
    settings = Settings(dispatch_tenant_buffer=0, database_url=url)
    pool = await open_pool(url, name="headwater bench", size=8)
    dispatch_pool = await open_dispatch_pool(url, settings, name="headwater bench dispatch", size=2 * LANES + 1)
    try:
        connection = await pool.acquire()
        server = postmaster(connection.get_server_pid())
        await pool.release(connection)
        yield Ground(url, pool, dispatch_pool, settings, tuple(uuid4() for _ in range(tenants)), server)
    finally:
        await pool.close()
        await dispatch_pool.close()


async def empty(on: Ground) -> None:
    """Throw away what a repetition left behind."""
    async with transaction(on.pool, None, role=DbRole.OWNER) as tx:
        await bench.empty(tx)


async def settle(on: Ground) -> None:
    """Give the planner fresh statistics, as autovacuum would have by then."""
    connection = await on.pool.acquire()
    try:
        await bench.analyze(connection)
    finally:
        await on.pool.release(connection)


async def fill(on: Ground, events: int, *, framed: bool = False, duplicates: float = 0.0) -> None:
    """Commit `events` probe events, spread over the tenants, a thousand a transaction.

    `duplicates` is the part of them that names one of KEYS singleton keys of its tenant. The others' keys are ids of their
    time, as those of runs, slices and leads are, so that they lie beside each other in an index.
    """
    share = events // len(on.tenants)
    every = round(1 / duplicates) if duplicates else 0
    for tenant in on.tenants:
        for start in range(0, share, 1000):
            facts = [
                Probed(
                    probe_id=new_id(), framed=framed, key=f"k{n // every % KEYS}" if every and n % every == 0 else ""
                )
                for n in range(start, min(start + 1000, share))
            ]
            async with transaction(on.pool, tenant) as tx:
                await outbox.emit_many(tx, tenant, facts)


async def accounted(on: Ground, events: int) -> tuple[int, int]:
    """(events lost on their way, events or deliveries made twice) of `events` since all was empty, however far they have come."""
    async with transaction(on.pool, None, role=DbRole.SYSTEM) as tx:
        return await bench.accounted(tx, events)


def shared(on: Ground, events: int) -> int:
    """How many of `events` are committed where each tenant gets the same share."""
    return events // len(on.tenants) * len(on.tenants)


async def lost_and_doubled(on: Ground, events: int) -> tuple[int, int]:
    """(events without a finished execution, executions beyond one an event)."""
    async with transaction(on.pool, None, role=DbRole.SYSTEM) as tx:
        done, distinct = await bench.done(tx)
    return events - distinct, done - distinct
