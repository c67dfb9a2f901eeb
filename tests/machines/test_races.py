"""The pairs that race, driven into each other at every statement: no error that nobody retries, nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from contracts.errors import Conflict
from contracts.events import Event, Probed
from contracts.outbox import Verification
from contracts.runs import RunStatus
from contracts.settings import Settings
from db import jobs, queue, replays, retention, runs, verification
from db.queue import Delivery, Stranded
from db.transaction import DbRole, Pool, Tx, transaction
from tests.conftest import Connection
from tests.flows.installation import until
from tests.machines.pages import Shelf, company, fetch, planned, shown, taken
from tests.machines.stepping import both_ways, every_step
from tests.worker.dispatching import emit
from worker.context import RunOver
from worker.dispatcher import Dispatcher
from worker.maintenance import rescue_once

EFFECT = "INSERT INTO app.audit_log (tenant_id, actor, action, subject_type, subject_id) VALUES ($1, 'job', 'effect', 'job', $2)"


async def proof(pool: Pool) -> Verification:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return await verification.verify(tx, None, await verification.check_deliveries(tx, None))


async def dispatch_one(pool: Pool, _scene: object) -> tuple[int, int]:
    return await Dispatcher(pool, Settings.model_construct(dispatch_batch=1)).dispatch_batch()


def failed(*answers: Any) -> list[Exception]:
    return [a for a in answers if isinstance(a, Exception)]


@pytest.mark.parametrize("key", ["", "k"], ids=["once", "coalesce"])
async def test_two_dispatchers_on_one_key(conn: Connection, pool: Pool, tenant: UUID, key: str) -> None:
    # S2.15 S2.04: whoever comes second is absorbed, also while the first has not committed.
    async def two_events() -> None:
        await conn.execute("DELETE FROM queue.procrastinate_jobs; DELETE FROM app.job_executions")
        await conn.execute("DELETE FROM app.outbox_history; DELETE FROM app.absorbed_events")
        fact: Event = Probed(probe_id=uuid4(), key=key)
        await emit(pool, tenant, fact, fact)

    async for _, one, other in both_ways(pool, conn, two_events, dispatch_one, dispatch_one):
        assert not failed(one, other)
        assert one[0] + other[0] == 1  # jobs made
        assert one[1] + other[1] == 2  # events claimed
        found = await proof(pool)
        assert found.ok, found.breaches
        assert (found.events, found.jobs, found.absorbed, found.waiting) == (2, 1, 1, 0)


async def running(conn: Connection, pool: Pool, tenant: UUID) -> Delivery:
    """A job in the hands of a worker that has fallen silent."""
    await emit(pool, tenant, Probed(probe_id=uuid4()))
    (delivery,) = await taken(pool)
    await conn.execute("UPDATE app.workers SET beat_at = app.now() - interval '1 hour'")
    return delivery


async def write(pool: Pool, d: Delivery) -> bool:
    """A job's write, as `Context.write` does it."""
    try:
        async with jobs.completing(pool, d.tenant_id, d.execution_id, d.token) as tx:
            await tx.execute(EFFECT, d.tenant_id, str(d.execution_id))
    except jobs.Fenced:
        return False
    return True


async def no_hook(_tx: Tx, _one: Stranded) -> None:
    """Nobody waits for it."""


async def test_a_zombie_against_the_rescue(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S2.05 B.01: whoever is first, the effect is committed once, by the zombie or by whoever got its job.
    async def prepare() -> Delivery:
        return await running(conn, pool, tenant)

    async def rescue(on: Pool, _d: Delivery) -> object:
        return await rescue_once(on, 0.01, no_hook)

    async for d, wrote, _ in both_ways(pool, conn, prepare, write, rescue):
        assert not failed(wrote)
        again = [a for a in await taken(pool) if a.job is not None]
        assert [await write(pool, a) for a in again] == ([] if wrote else [True])
        assert await conn.fetchval("SELECT count(*) FROM app.audit_log WHERE subject_id = $1", str(d.execution_id)) == 1
        await rescue_once(pool, 0.01, no_hook)
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            await queue.finish(tx, again)
        found = await proof(pool)
        assert found.ok, found.breaches


async def test_a_rescue_against_a_rescue(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S2.05: a crash is counted once, though two hosts saw it.
    async def prepare() -> Delivery:
        return await running(conn, pool, tenant)

    async def rescue(on: Pool, _d: Delivery) -> Any:
        return await rescue_once(on, 0.01, no_hook)

    async for d, one, other in both_ways(pool, conn, prepare, rescue, rescue):
        assert not failed(one, other)
        assert one.rescued + other.rescued == 1
        state = await conn.fetchrow("SELECT state, crashes FROM app.job_executions WHERE id = $1", d.execution_id)
        assert state is not None
        assert tuple(state) == ("queued", 1)
        found = await proof(pool)
        assert found.ok, found.breaches
        await conn.execute("DELETE FROM queue.procrastinate_jobs; UPDATE app.job_executions SET state = 'done'")


@pytest.mark.slow
async def test_a_cancel_against_a_page(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # B.01: the page is in, whole, or it is not; the run is cancelled once.
    shelf = Shelf({"a": [[company("one"), company("two")], [company("three")]]})

    async def prepare() -> tuple[UUID, Delivery]:
        await conn.execute("DELETE FROM app.outbox_events; DELETE FROM queue.procrastinate_jobs")
        run_id = await planned(pool, tenant, ["a"])
        (page,) = await taken(pool)
        return run_id, page

    async def read(on: Pool, scene: tuple[UUID, Delivery]) -> None:
        await fetch(on, shelf, scene[1])

    async def cancel(on: Pool, scene: tuple[UUID, Delivery]) -> RunStatus:
        async with transaction(on, tenant) as tx:
            return await runs.cancel(tx, tenant, scene[0], by="olga")

    async for (run_id, page), wrote, status in both_ways(pool, conn, prepare, read, cancel):
        assert status is RunStatus.CANCELLED
        assert wrote is None or isinstance(wrote, jobs.Fenced | RunOver)
        run, check = await shown(pool, tenant, run_id)
        assert check.ok, check.findings
        assert run.status is RunStatus.CANCELLED
        ended = "SELECT count(*) FROM app.outbox_events WHERE type = 'RunFinished' AND aggregate_id = $1"
        assert await conn.fetchval(ended, run_id) == 1
        state = await conn.fetchval("SELECT state FROM app.job_executions WHERE id = $1", page.execution_id)
        assert (state, run.counts.discovered) == (("done", 2) if run.counts.discovered else ("running", 0))
        assert wrote is None or run.counts.discovered == 0


@pytest.mark.slow
async def test_two_slices_against_a_cap(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S2.04: exactly as many companies as asked for, and the run ends once, however two pages meet.
    shelf = Shelf({})
    round_ = 0

    async def prepare() -> tuple[UUID, list[Delivery]]:
        nonlocal round_
        round_ += 1
        shelf.pages = {f"{q}{round_}": [[company(f"{q}{round_}-{n}") for n in range(2)]] for q in "ab"}
        await conn.execute("DELETE FROM app.outbox_events; DELETE FROM queue.procrastinate_jobs")
        run_id = await planned(pool, tenant, list(shelf.pages), max_companies=3)
        return run_id, await taken(pool)

    async def read_one(on: Pool, scene: tuple[UUID, list[Delivery]]) -> None:
        await fetch(on, shelf, scene[1][0])

    async def read_other(on: Pool, scene: tuple[UUID, list[Delivery]]) -> None:
        await fetch(on, shelf, scene[1][1])

    async for met in every_step(pool, conn, prepare, read_one, read_other):
        run_id, one, other = met.scene[0], met.first, met.second
        assert not failed(one, other)
        run, check = await shown(pool, tenant, run_id)
        assert check.ok, check.findings
        assert (run.status, run.open_slices) == (RunStatus.COMPLETED, 0)
        assert (run.counts.companies_created, run.counts.discovered, run.counts.leads_created) == (3, 4, 3)
        assert await conn.fetchval("SELECT count(*) FROM app.companies WHERE created_by_run = $1", run_id) == 3
        ended = "SELECT count(*) FROM app.outbox_events WHERE type = 'RunFinished' AND aggregate_id = $1"
        assert await conn.fetchval(ended, run_id) == 1


async def test_a_replay_against_the_making_of_its_month(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # R9: an event on its way from DEFAULT to its month is replayed all the same, or the upkeep waits for another day.
    month = 0

    async def prepare() -> UUID:
        nonlocal month
        month += 1
        await emit(pool, tenant, Probed(probe_id=uuid4()))
        event_id: UUID = await conn.fetchval("SELECT event_id FROM app.outbox_events")
        back = f"2019-01-15 00:00+00'::timestamptz + {month} * interval '1 month"
        await conn.execute(f"UPDATE app.outbox_events SET created_at = '{back}'")
        await dispatch_one(pool, None)
        assert await conn.fetchval("SELECT count(*) FROM app.outbox_history_default") >= 1
        return event_id

    async def replay(on: Pool, event_id: UUID) -> Any:
        async with transaction(on, tenant) as tx:
            return await replays.replay_event(tx, [tenant], event_id, "olga")

    async def keep(on: Pool, _event_id: UUID) -> Any:
        return await retention.prepare(on)

    async for event_id, replayed, _kept in both_ways(pool, conn, prepare, replay, keep):
        assert not failed(replayed), replayed
        assert replayed.replay_of == event_id
        assert await conn.fetchval("SELECT count(*) FROM app.outbox_history WHERE event_id = $1", event_id) == 1
        assert await dispatch_one(pool, None) == (0, 1)
        found = await proof(pool)
        assert found.ok, found.breaches
        await retention.prepare(pool)


async def test_a_replay_against_a_replay_of_a_dead_letter(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # R9: it goes on once, whoever asks.
    async def prepare() -> UUID:
        await conn.execute("DELETE FROM app.outbox_events")
        await emit(pool, tenant, Probed(probe_id=uuid4()))
        await conn.execute("UPDATE app.outbox_events SET type = 'Forgotten'")
        one = Dispatcher(pool, Settings.model_construct(outbox_max_attempts=1))
        assert await one.dispatch_batch() == (0, 1)
        event_id: UUID = await conn.fetchval("SELECT event_id FROM app.dead_letters WHERE resolved_at IS NULL")
        return event_id

    async def replay(on: Pool, event_id: UUID) -> Any:
        async with transaction(on, tenant) as tx:
            return await replays.replay_event(tx, [tenant], event_id, "olga")

    async for event_id, one, other in both_ways(pool, conn, prepare, replay, replay):
        (refused,) = failed(one, other)
        assert isinstance(refused, Conflict)
        assert await conn.fetchval("SELECT count(*) FROM app.outbox_events WHERE event_id = $1", event_id) == 1


@pytest.mark.parametrize("who", ["fetch", "finish"])
async def test_the_cancelling_of_a_run_and_a_batch_lock_in_one_order(
    conn: Connection, pool: Pool, tenant: UUID, db_url: str, who: str
) -> None:
    # Law 7: the batch knows its jobs in another order than that of their ids, and the cancel stands before it.
    run_id = await planned(pool, tenant, ["a", "b"])
    await Dispatcher(pool, Settings.model_construct()).dispatch_batch()
    low, high = [r["id"] for r in await conn.fetch("SELECT id FROM app.job_executions ORDER BY id")]
    await conn.execute(
        "UPDATE queue.procrastinate_jobs SET execution_id = CASE execution_id WHEN $1 THEN $2::uuid ELSE $1::uuid END",
        low,
        high,
    )
    held = await taken(pool) if who == "finish" else []
    assert [d.execution_id for d in held] in ([], [high, low])

    async def batch() -> object:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            # The plan of a large table: each execution is looked up, in the order of the batch.
            await tx.execute(
                "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
            )
            if who == "finish":
                return await queue.finish(tx, held)
            return await queue.fetch(tx, await queue.register(tx, "here", 1, ["jobs"]), ["discovery"], 10)

    async def cancel() -> RunStatus:
        async with transaction(pool, tenant) as tx:
            return await runs.cancel(tx, tenant, run_id, by="olga")

    blocker = await asyncpg.connect(db_url)
    try:
        async with blocker.transaction():
            await blocker.execute("SELECT FROM app.job_executions WHERE id = $1 FOR UPDATE", low)
            cancelling = asyncio.create_task(cancel())
            await waiting(conn, 1)
            batching = asyncio.create_task(batch())
            await waiting(conn, 2)
        assert await cancelling is RunStatus.CANCELLED
        await batching
    finally:
        await blocker.close()
    assert await conn.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0
    marked = "SELECT count(*) FROM app.job_executions WHERE cancel_requested_at IS NOT NULL"
    assert await conn.fetchval(marked) == 2


async def waiting(conn: Connection, count: int) -> None:
    """Wait until so many sessions stand before a lock."""
    blocked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"
    await until(lambda: _as_many(conn, blocked, count), 60)


async def _as_many(conn: Connection, query: str, count: int) -> bool:
    return bool(await conn.fetchval(query) == count)
