"""What tenants share: the room each has in the queue, kept by any number of dispatchers at once."""

from __future__ import annotations

from contextlib import AsyncExitStack
from uuid import UUID

import pytest

from contracts.tenants import Quotas
from db import limits, outbox, queue, quotas
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


async def grant(pool: Pool, tenant: UUID, **what: int) -> None:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await quotas.put(tx, tenant, Quotas.model_validate(what), by="tests")


async def worked_off(conn: Connection, jobs: int) -> None:
    """Workers end the jobs that stand longest, whoever's they are."""
    await conn.execute(
        "DELETE FROM queue.procrastinate_jobs WHERE id IN"
        " (SELECT id FROM queue.procrastinate_jobs ORDER BY priority DESC, id LIMIT $1)",
        jobs,
    )


@pytest.mark.parametrize(("batch", "buffer", "turns"), [(500, 120, 60), (40, 0, 27)])
async def test_tenants_get_hand_offs_by_their_weights(
    conn: Connection, pool: Pool, tenant: UUID, batch: int, buffer: int, turns: int
) -> None:
    # S4.08: 3 to 1, be it workers (a short queue) or the dispatcher's batch that is short. Jobs of a tenant that were handed off
    # together are worked off together: 60 turns of 8 are three times round a queue of 120 and 40.
    light = await new_tenant(pool)
    await grant(pool, tenant, weight=3)
    for each in (tenant, light):
        await flood(pool, each, 1200)
    one = dispatcher(pool, dispatch_batch=batch, dispatch_tenant_buffer=buffer)
    for _ in range(turns):
        await one.dispatch_batch()
        await worked_off(conn, 8)
    sent = "SELECT count(*) FROM app.outbox_history WHERE tenant_id = $1"
    heavy_sent, light_sent = [await conn.fetchval(sent, each) for each in (tenant, light)]
    assert light_sent > 100
    assert heavy_sent < 1200  # both had a backlog all the while
    assert 2.7 < heavy_sent / light_sent < 3.3

    await grant(pool, tenant, weight=1)  # from the next claim on
    before = heavy_sent, light_sent
    for _ in range(12):
        await one.dispatch_batch()
        await worked_off(conn, 8)
    heavy_sent, light_sent = [await conn.fetchval(sent, each) for each in (tenant, light)]
    assert heavy_sent < 1200
    assert (heavy_sent - before[0]) < 1.5 * (light_sent - before[1])


async def test_who_waits_alone_has_all_the_room_whatever_its_weight(conn: Connection, pool: Pool, tenant: UUID) -> None:
    heavy = await new_tenant(pool)
    await grant(pool, heavy, weight=100)
    await flood(pool, tenant, 100)
    one = dispatcher(pool, dispatch_batch=500, dispatch_tenant_buffer=40)
    assert await one.dispatch_batch() == (40, 40)
    await flood(pool, heavy, 100)  # and beside a heavier one still a place
    await worked_off(conn, 40)
    await one.dispatch_batch()
    standing = "SELECT count(*) FROM queue.procrastinate_jobs WHERE tenant_id = $1"
    assert [await conn.fetchval(standing, each) for each in (tenant, heavy)] == [1, 40]


async def test_jobs_of_a_paused_queue_do_not_take_the_room_of_others(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    await flood(pool, tenant, 400)
    one = dispatcher(pool, dispatch_batch=500, dispatch_tenant_buffer=40)
    assert (await one.dispatch_batch())[0] == 40
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await limits.pause(tx, "queue", "probe", reason="under repair", by="tests")
    await conn.execute(
        "UPDATE queue.procrastinate_jobs SET queue_name = 'scoring'"
        " WHERE id IN (SELECT id FROM queue.procrastinate_jobs LIMIT 10)"
    )
    while (await one.dispatch_batch())[0]:
        pass
    # Ten that are not paused take ten places of 40; of paused ones four times 40 more may stand, and no more than that.
    assert await conn.fetchval("SELECT count(*) FROM queue.procrastinate_jobs") == 5 * 40
