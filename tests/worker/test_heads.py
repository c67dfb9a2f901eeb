"""Where events begin is remembered while finding out is dear; what that hides is found all the same."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from contracts.settings import Settings
from db import outbox
from db.transaction import DbRole, Pool, opening, transaction
from tests.conftest import Connection
from tests.db.conftest import new_tenant
from tests.worker.dispatching import dispatcher, emit, probes
from worker.dispatcher import open_dispatch_pool
from worker.heads import DEAR_S, MEMORY_S, Heads


async def _due_since(conn: Connection, tenant: UUID, age: timedelta) -> None:
    await conn.execute(
        "UPDATE app.outbox_events SET available_at = app.now() - $2::interval WHERE tenant_id = $1", tenant, age
    )


async def test_nothing_before_its_beginning_is_claimed(conn: Connection, pool: Pool, tenant: UUID) -> None:
    other = await new_tenant(pool)
    for each in (tenant, other):
        await emit(pool, each, *probes(3))
    await _due_since(conn, tenant, timedelta(minutes=1))
    since = datetime.now(UTC) - timedelta(seconds=30)
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        assert await outbox.claim(tx, batch=10, tenant_buffer=None, since=([tenant], [since])) == []
        assert len(await outbox.claim(tx, batch=10, tenant_buffer=None, since=([other], [since]))) == 3
        assert len(await outbox.claim(tx, batch=10, tenant_buffer=None)) == 6


async def test_what_is_emitted_later_lies_behind_the_beginning(pool: Pool, tenant: UUID) -> None:
    await emit(pool, tenant, *probes(1), available_at=datetime.now(UTC) + timedelta(days=1))
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        since = await outbox.heads(tx)
    await emit(pool, tenant, *probes(2))
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        assert len(await outbox.claim(tx, batch=10, tenant_buffer=None, since=since)) == 2


async def test_a_hidden_event_is_found_by_the_claim_after_a_short_one(pool: Pool, tenant: UUID) -> None:
    # S2.05
    late = await new_tenant(pool)
    dispatching = dispatcher(pool, dispatch_batch=10)
    dispatching._heads._dear = True
    dispatching._heads._known = ([tenant], [datetime.now(UTC) - timedelta(minutes=1)])
    dispatching._heads._until = time.monotonic() + 3600
    await emit(pool, tenant, *probes(14))
    await emit(pool, late, *probes(1))
    assert await dispatching.dispatch_batch() == (10, 10)
    assert await dispatching.dispatch_batch() == (4, 4)
    assert await dispatching.dispatch_batch() == (1, 1)


async def test_a_look_that_is_cheap_is_not_remembered(pool: Pool, tenant: UUID) -> None:
    await emit(pool, tenant, *probes(1))
    heads = Heads()
    heads.claimed(DEAR_S * 2, full=True)  # slow, but not for what lies dead
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        first = time.monotonic()
        known = await heads.since(tx)
        assert known is None or time.monotonic() - first >= 0.002
        assert heads._until <= time.monotonic() + MEMORY_S


@pytest.mark.parametrize("slow", [False, True])
def test_only_full_batches_that_are_slow_lead_to_a_look(slow: bool) -> None:
    heads = Heads()
    heads.claimed(DEAR_S * 2 if slow else DEAR_S / 2, full=True)
    assert heads._dear is slow
    heads.claimed(DEAR_S * 2, full=False)
    assert not heads._dear


async def test_a_claim_walks_the_index_in_order_whatever_the_planner_believes(
    conn: Connection, db_url: str, tenant: UUID, pool: Pool
) -> None:
    # S2.04: it read all of a tenant's events and sorted them once, and passed the dead ones of all tenants for each
    tenants = [tenant, *[await new_tenant(pool) for _ in range(3)]]
    await conn.execute(_FILL, tenants, 20000)
    await conn.execute("DELETE FROM app.outbox_events")
    await conn.execute("ANALYZE app.outbox_events")  # it saw many pages, and next to nothing on them
    await conn.execute(_FILL, tenants, 2000)
    opened = await open_dispatch_pool(db_url, Settings(database_url=db_url))
    try:
        async with opened.acquire() as connection:
            await connection.execute(opening(DbRole.SYSTEM, None))
            plan = await _plan(connection)
            await connection.execute("ROLLBACK")
    finally:
        await opened.close()
    assert "Bitmap" not in plan, plan
    assert "Sort" not in plan, plan
    assert plan.count("using outbox_events_due") == 3, plan


_FILL = """
    INSERT INTO app.outbox_events (tenant_id, aggregate_type, aggregate_id, type, version, payload, available_at, created_at)
    SELECT ($1::uuid[])[1 + n % 4], 'probe', gen_random_uuid(), 'Probed', 1, '{}', app.now(), app.now()
      FROM generate_series(1, $2::int) n"""


async def _plan(
    connection: asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record],
) -> str:
    return "\n".join(
        row[0] for row in await connection.fetch(f"EXPLAIN {outbox.SQL['claim']}", 500, None, 1, None, None)
    )
