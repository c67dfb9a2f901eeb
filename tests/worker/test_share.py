"""What tenants share: the room each has in the queue, kept by any number of dispatchers at once."""

from __future__ import annotations

from contextlib import AsyncExitStack
from uuid import UUID

import pytest

from contracts.tenants import Quotas
from db import outbox, queue, quotas
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.db.conftest import new_tenant
from tests.worker.dispatching import dispatcher, probes


async def flood(pool: Pool, tenant: UUID, events: int) -> None:
    async with transaction(pool, tenant) as tx:
        await outbox.emit_many(tx, tenant, probes(events))


@pytest.mark.parametrize("standing", [0, 17, 39])
async def test_claims_under_way_at_once_do_not_overfill_the_queue(
    conn: Connection, pool: Pool, tenant: UUID, standing: int
) -> None:
    # S4.08: dispatchers of several processes count before the others commit
    await flood(pool, tenant, 300)
    if standing:
        await dispatcher(pool, dispatch_tenant_buffer=standing).dispatch_batch()
    async with AsyncExitStack() as stack:
        claimed = 0
        for _ in range(4):
            tx = await stack.enter_async_context(transaction(pool, None, role=DbRole.SYSTEM))
            claimed += len(await outbox.claim(tx, batch=500, tenant_buffer=40, sharers=4))
    assert claimed > 0
    assert standing + claimed <= 40 + 3  # a place each at least, so that nobody starves


async def test_dispatchers_know_of_each_other_and_fill_the_queue_together(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # S4.08
    await flood(pool, tenant, 300)
    several = [dispatcher(pool, dispatch_batch=500, dispatch_tenant_buffer=40) for _ in range(3)]
    for n, one in enumerate(several):
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            one.worker_id = await queue.register(tx, "here", n + 1, ["dispatch"])
    for _ in range(12):
        for one in several:
            await one.turn()
    assert [one.peers for one in several] == [3, 3, 3]
    assert await conn.fetchval("SELECT count(*) FROM queue.procrastinate_jobs") == 40
    await conn.execute("UPDATE app.workers SET stopped_at = app.now() WHERE pid > 1")
    await several[0].turn()
    assert several[0].peers == 1


async def test_a_tenant_granted_more_or_less_room_gets_it(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S4.08
    other = await new_tenant(pool)
    for each in (tenant, other):
        await flood(pool, each, 100)
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        assert await quotas.put(tx, tenant, Quotas(queued_buffer=60), by="tests")
        assert not await quotas.put(tx, tenant, Quotas(queued_buffer=60), by="tests")
    one = dispatcher(pool, dispatch_batch=500, dispatch_tenant_buffer=10)
    await one.dispatch_batch()
    standing = "SELECT count(*) FROM queue.procrastinate_jobs WHERE tenant_id = $1"
    assert [await conn.fetchval(standing, each) for each in (tenant, other)] == [60, 10]
