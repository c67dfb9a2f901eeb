"""Law 7 for coalesced keys: whoever takes several at once takes them in the order in which a handoff does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from contracts.events import Probed
from contracts.settings import Settings
from db import outbox, queue
from db.queue import Delivery
from db.transaction import DbRole, Pool, Tx, transaction
from tests.conftest import Connection
from tests.flows.installation import until
from tests.machines.pages import taken
from tests.worker.dispatching import emit
from worker.dispatcher import Dispatcher

KEYS = ["a", "m", "z"]


async def rescue(tx: Tx, _started: Sequence[Delivery]) -> None:
    await tx.execute("UPDATE app.workers SET beat_at = app.now() - interval '1 hour'")
    await queue.rescue(tx, [one for one in await queue.stranded(tx, 0.01) if one.in_flight])


async def reconcile(tx: Tx, _started: Sequence[Delivery]) -> None:
    worker = await tx.fetchval("SELECT max(id) FROM app.workers")
    await queue.reconcile(tx, worker, [])


async def redeliver(tx: Tx, started: Sequence[Delivery]) -> None:
    await tx.execute("UPDATE app.job_executions SET state = 'waiting' WHERE state = 'running'")
    await tx.execute(outbox.SQL["redeliver"], [d.tenant_id for d in started], [d.execution_id for d in started])


@pytest.mark.parametrize("again", [rescue, reconcile, redeliver])
async def test_jobs_that_come_back_and_a_handoff_take_keys_in_one_order(
    conn: Connection, pool: Pool, tenant: UUID, db_url: str, again: Any
) -> None:
    # S2.15: jobs of "a" and "z" are on their way back while events of "a", "m" and "z" are handed off.
    await emit(pool, tenant, *[Probed(probe_id=uuid4(), key=key) for key in KEYS])
    started = await taken(pool)
    # In the order of their ids, their keys fall.
    await conn.execute("UPDATE app.job_executions SET key = 'probe.touch:' || translate(right(key, 1), 'az', 'za')")
    await conn.execute("UPDATE app.job_executions SET state = 'done' WHERE key LIKE '%m'")
    await emit(pool, tenant, *[Probed(probe_id=uuid4(), key=key) for key in KEYS])

    async def come_back() -> str:
        try:
            async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
                # The plan of a large table: each execution is looked up by its id.
                await tx.execute(
                    "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
                )
                await again(tx, started)
        except asyncpg.UniqueViolationError:
            return "its like came first: tried again later"
        return "back"

    blocker = await asyncpg.connect(db_url)
    try:
        held = blocker.transaction()
        await held.start()
        await blocker.execute(
            "INSERT INTO app.job_executions (tenant_id, job, queue, scope, key, coalesce_key, payload, event_id, queued_at)"
            " VALUES ($1, 'probe.touch', 'probe', 'coalesce', 'probe.touch:m', 'probe.touch:m', '{}', $2, app.now())",
            tenant,
            uuid4(),
        )
        handing = asyncio.create_task(Dispatcher(pool, Settings.model_construct()).dispatch_batch())
        await waiting(conn, 1)  # it has taken "a"
        coming = asyncio.create_task(come_back())
        await waiting(conn, 2)  # on "a": it must not have taken "z"
        await held.rollback()
        assert await handing == (3, 3)
        assert await coming == "its like came first: tried again later"
    finally:
        await blocker.close()
    assert await conn.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0
    assert await come_back() == "back"
    states = await conn.fetch("SELECT state, count(*) FROM app.job_executions GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in states] == [("done", 1), ("queued", 3), ("superseded", 2)]


async def waiting(conn: Connection, count: int) -> None:
    """Wait until so many sessions stand before a lock."""
    blocked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"

    async def as_many() -> bool:
        return bool(await conn.fetchval(blocked) == count)

    await until(as_many, 60)
