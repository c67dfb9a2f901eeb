"""Executions: the fence, the ways out, and the operator's way back in (laws 3 and 4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from contracts.events import Event
from db import jobs, queue
from db.queue import Delivery
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.worker.dispatching import dispatcher, emit, probes


async def _taken(pool: Pool, tenant: UUID, *events: Event) -> list[Delivery]:
    """Jobs that a worker has just fetched."""
    await emit(pool, tenant, *(events or probes(1)))
    return await _fetch(pool)


async def _fetch(pool: Pool) -> list[Delivery]:
    await dispatcher(pool).dispatch_batch()
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        worker = await queue.register(tx, "here", 1, ["jobs"])
        return await queue.fetch(tx, worker, ["probe", "discovery"], 100)


async def _end(pool: Pool, d: Delivery, state: Any = "dead") -> bool:
    async with transaction(pool, d.tenant_id) as tx:
        return await jobs.end(
            tx, d.tenant_id, d.execution_id, d.token, state=state, error_class="x", error="why", traceback="where"
        )


async def _complete(pool: Pool, d: Delivery) -> bool:
    try:
        async with jobs.completing(pool, d.tenant_id, d.execution_id, d.token):
            return True
    except jobs.Fenced:
        return False


async def _put_off(pool: Pool, d: Delivery, **how: Any) -> bool:
    given = {"outcome": "failed", "counts": True, "delay_s": 0.0, "error_class": "x", "error": "why", "traceback": None}
    async with transaction(pool, d.tenant_id) as tx:
        return await jobs.put_off(tx, d.tenant_id, d.execution_id, d.token, correlation_id=None, **{**given, **how})


async def test_done_is_said_once_and_by_the_owner(pool: Pool, tenant: UUID, conn: Connection) -> None:
    # S2.05
    (mine,) = await _taken(pool, tenant)
    assert await conn.fetchval("SELECT state FROM app.job_executions") == "running"
    assert await _complete(pool, mine)
    assert not await _complete(pool, mine)
    assert not await _put_off(pool, mine)
    assert not await _end(pool, mine)
    row = await conn.fetchrow("SELECT state, finished_at >= started_at AS ordered FROM app.job_executions")
    assert row is not None
    assert tuple(row) == ("done", True)
    assert await conn.fetchval("SELECT count(*) FROM app.job_attempts") == 0


async def test_an_older_attempt_owns_nothing(pool: Pool, tenant: UUID, conn: Connection) -> None:
    (old,) = await _taken(pool, tenant)
    assert await _put_off(pool, old)
    (new,) = await _fetch(pool)
    assert new.token > old.token
    for way_out in (_complete, _put_off, _end):
        assert not await way_out(pool, old)
    assert await conn.fetchval("SELECT state FROM app.job_executions") == "running"
    assert await _complete(pool, new)


async def test_each_attempt_leaves_a_row_and_the_last_a_dead_letter(pool: Pool, tenant: UUID, conn: Connection) -> None:
    # S2.14 S2.20
    (first,) = await _taken(pool, tenant)
    await _put_off(pool, first, error="away", error_class="vendor_down", traceback="line 1")
    (second,) = await _fetch(pool)
    await _put_off(pool, second, outcome="snoozed", counts=False, error="busy", error_class="vendor_busy")
    (third,) = await _fetch(pool)
    assert third.failures == 1
    assert await _end(pool, third)

    attempts = await conn.fetch(
        "SELECT token, outcome, error_class, error, traceback, retry_at IS NULL AS last FROM app.job_attempts ORDER BY token"
    )
    assert [tuple(a)[1:] for a in attempts] == [
        ("failed", "vendor_down", "away", "line 1", False),
        ("snoozed", "vendor_busy", "busy", None, False),
        ("dead", "x", "why", "where", True),
    ]
    letter = await conn.fetchrow("SELECT kind, name, attempts, error_class, error, traceback FROM app.dead_letters")
    assert letter is not None
    assert tuple(letter) == ("job", "probe.run", 2, "x", "why", "where")


async def test_a_fence_binds_no_other_tenant(pool: Pool, tenant: UUID, conn: Connection) -> None:
    (mine,) = await _taken(pool, tenant)
    assert not await _complete(pool, replace(mine, tenant_id=UUID(int=1)))
    async with transaction(pool, UUID(int=1)) as tx:
        with pytest.raises(asyncpg.NoDataFoundError):
            await tx.execute(jobs.SQL["complete"], tenant, mine.execution_id, mine.token)
        await tx.execute("ROLLBACK AND CHAIN")
    assert await conn.fetchval("SELECT state FROM app.job_executions") == "running"


async def test_a_cancelled_job_leaves_no_dead_letter(pool: Pool, tenant: UUID, conn: Connection) -> None:
    (one,) = await _taken(pool, tenant)
    async with transaction(pool, tenant) as tx:
        assert await jobs.request_cancel(tx, tenant, one.execution_id) == "running"
    assert not await _complete(pool, one)  # what it was about to write is rolled back
    assert await _end(pool, one, "cancelled")
    assert await conn.fetchval("SELECT count(*) FROM app.dead_letters") == 0
    async with transaction(pool, tenant) as tx:
        assert await jobs.request_cancel(tx, tenant, one.execution_id) is None


async def test_a_revived_job_runs_again_and_its_letter_is_answered(pool: Pool, tenant: UUID, conn: Connection) -> None:
    (one,) = await _taken(pool, tenant)
    await _put_off(pool, one)
    (one,) = await _fetch(pool)
    async with transaction(pool, tenant) as tx:
        assert await jobs.revive(tx, tenant, one.execution_id, "ada") is None  # not while it runs
    await _end(pool, one)
    async with transaction(pool, tenant) as tx:
        assert await jobs.revive(tx, tenant, one.execution_id, "ada") is not None
    async with transaction(pool, tenant) as tx:
        assert await jobs.revive(tx, tenant, one.execution_id, "bob") is None  # nor twice

    (again,) = await _fetch(pool)
    assert (again.execution_id, again.failures) == (one.execution_id, 0)
    letter = await conn.fetchrow("SELECT resolution, resolved_by FROM app.dead_letters")
    assert letter is not None
    assert tuple(letter) == ("replayed", "ada")
    assert await _complete(pool, again)


async def test_what_has_moved_on_is_delivered_as_nothing_to_do(pool: Pool, tenant: UUID, conn: Connection) -> None:
    await emit(pool, tenant, *probes(1))
    await dispatcher(pool).dispatch_batch()
    await conn.execute("UPDATE app.job_executions SET state = 'cancelled', finished_at = app.now()")
    (empty,) = await _fetch(pool)
    assert empty.job is None
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        assert await queue.finish(tx, [empty]) == (0, 1)
    assert await conn.fetchval("SELECT state FROM app.job_executions") == "cancelled"


@pytest.mark.parametrize("column", ["error", "traceback"])
async def test_endless_errors_are_cut(pool: Pool, tenant: UUID, conn: Connection, column: str) -> None:
    (one,) = await _taken(pool, tenant)
    assert await _put_off(pool, one, **{column: "x" * 100_000})
    assert await conn.fetchval(f"SELECT length({column}) FROM app.job_attempts") in (4000, 20_000)
