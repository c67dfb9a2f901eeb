"""History has its months before they come, and takes along what came too early."""

from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg
import pytest

from db import isolation, retention, slices
from db.queue import Stranded
from db.transaction import DbRole, Pool, Tx, transaction
from tests.conftest import Connection
from tests.db.test_leads import _save, _slices, company
from tests.worker.dispatching import dispatcher, emit, probes
from worker.maintenance import Maintenance

PARTITIONS = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'app.outbox_history'::regclass"


async def _astray(pool: Pool) -> int:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return await retention.astray(tx)


async def test_months_are_made_ahead_and_take_along_what_waits(conn: Connection, pool: Pool, tenant: UUID) -> None:
    await emit(pool, tenant, *probes(3))
    await conn.execute("UPDATE app.outbox_events SET created_at = created_at - interval '40 days' WHERE id % 3 = 0")
    await dispatcher(pool).dispatch_batch()
    assert await _astray(pool) == 3

    made = await retention.prepare(pool)
    assert len(made) == 5  # this month, three ahead, and the one a straggler belongs to
    assert await retention.prepare(pool) == []
    assert await _astray(pool) == 0
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_history") == 3
    assert await conn.fetchval(PARTITIONS) == 6

    await emit(pool, tenant, *probes(2))
    await dispatcher(pool).dispatch_batch()
    assert await _astray(pool) == 0


async def test_a_new_month_stands_behind_the_wall(conn: Connection, pool: Pool, tenant: UUID) -> None:
    await emit(pool, tenant, *probes(1))
    await retention.prepare(pool)
    await dispatcher(pool).dispatch_batch()
    months = await conn.fetch(
        "SELECT c.oid::regclass::text AS name, c.relforcerowsecurity AS walled FROM pg_inherits i"
        " JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'app.outbox_history'::regclass"
    )
    assert all(m["walled"] for m in months)
    for month in months:
        async with transaction(pool, None) as tx:
            assert await tx.fetchval(f"SELECT count(*) FROM {month['name']}") == 0
    changeable = await conn.fetchval(
        "SELECT bool_or(has_table_privilege('headwater_system', i.inhrelid, 'UPDATE, DELETE')) FROM pg_inherits i"
        " WHERE i.inhparent = 'app.outbox_history'::regclass"
    )
    assert not changeable  # history is only ever added to


async def test_a_busy_moment_is_left_to_the_next_try(conn: Connection, pool: Pool, tenant: UUID) -> None:
    """Making a month must never hold up the handoff: it waits 200 ms for its locks and gives up."""
    async with conn.transaction():
        await conn.execute("LOCK TABLE app.outbox_history IN ROW EXCLUSIVE MODE")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await retention.prepare(pool)
    assert len(await retention.prepare(pool)) == 4


async def test_the_daily_chores_of_a_worker_keep_months_and_forget_old_runs(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # S1.06: as the system role, and with everything a run may leave behind
    (of,) = await _slices(pool, tenant)
    await _save(pool, tenant, of, company("Acme", domain="acme.co.za"))
    async with transaction(pool, tenant) as tx:
        await slices.close(tx, tenant, of.id, "done")
    await conn.execute("UPDATE app.runs SET created_at = created_at - interval '91 days'")
    (young,) = await _slices(pool, tenant)

    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        assert len(await retention.keep_months(tx)) == 4
    assert {done.table: done.rows for done in await retention.daily(pool) if done.rows} == {"runs": 1}
    assert await conn.fetchval("SELECT id FROM app.runs") == young.run_id
    left = "SELECT (SELECT count(*) FROM app.companies), (SELECT count(*) FROM app.leads)"
    row = await conn.fetchrow(left)
    assert row is not None
    assert tuple(row) == (1, 1)  # what it found stays
    assert await retention.daily(pool) == []  # once a day, however many workers there are


async def test_a_worker_makes_its_daily_rounds_beside_the_rescue(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S1.06 B.07: a round that fails keeps no other from being made
    await conn.execute(
        "INSERT INTO app.idempotency_keys (tenant_id, route, key, body_hash, subject_id, created_at)"
        " VALUES ($1, 'r', 'k', sha256('x'), $1, app.now() - interval '91 days')",
        tenant,
    )
    made = asyncio.Event()

    async def broken(_: Pool) -> None:
        raise RuntimeError("a round of tests")

    async def last(_: Pool) -> None:
        made.set()

    async def stopped(_tx: Tx, _gone: Stranded) -> None: ...

    rounds = (broken, retention.daily, isolation.nightly, last)
    keeper = Maintenance(pool, dead_after_s=30, stop_hook=stopped, every_s=0.05, rounds=rounds, rounds_after_s=0)
    running = asyncio.create_task(keeper.run())
    await asyncio.wait_for(made.wait(), 60)
    keeper.stop()
    await running
    assert await conn.fetchval("SELECT count(*) FROM app.idempotency_keys") == 0
    assert await conn.fetchval("SELECT count(*) FROM app.isolation_checks WHERE leaks = '[]'") == 1
