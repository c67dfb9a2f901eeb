"""The worker as its owner sees it: slots, cancel, drain, and what it gives back when something is cut short."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest

from db import jobs, queue
from db.queue import Delivery
from db.transaction import DbRole, Pool, transaction
from tests.queue.seeding import TENANT, seed_jobs, states
from tests.queue.working import until, victim, working
from worker.queue import fetcher

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


async def nothing(delivery: Delivery) -> None:
    """A job without work."""


async def cancel(pool: Pool, execution_id: UUID) -> None:
    async with transaction(pool, TENANT) as tx:
        await jobs.request_cancel(tx, TENANT, execution_id)


async def test_every_job_runs_once_and_within_its_slots(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    # S2.05: queued -> running -> completed, with the arguments of its event.
    seen: list[UUID] = []
    at_once: list[int] = []

    async def perform(delivery: Delivery) -> None:
        at_once.append(worker.running)
        await asyncio.sleep(0)
        seen.append(UUID(delivery.payload["probeId"]))

    probes = await seed_jobs(pool, 500)
    drained: list[int] = []
    async with working(queue_pool, db_url, perform, concurrency=7) as worker:
        worker.on_drained = lambda: drained.append(worker.finished)
        await until(lambda: worker.finished == 500)
    assert sorted(seen) == sorted(probes)
    assert max(at_once) <= 7
    assert drained[-1] == 500
    assert await states(pool) == {"done": 500}
    assert await conn.fetchval("SELECT count(*) FROM queue.procrastinate_jobs") == 0
    assert await conn.fetchval("SELECT count(*) FROM app.workers WHERE stopped_at IS NULL") == 0


async def test_higher_priority_first_then_oldest(pool: Pool, queue_pool: Pool, conn: Connection, db_url: str) -> None:
    order: list[int] = []

    async def perform(delivery: Delivery) -> None:
        order.append(delivery.delivery_id)

    await seed_jobs(pool, 4)
    await conn.execute("UPDATE queue.procrastinate_jobs SET priority = 5 WHERE id = 3")
    async with working(queue_pool, db_url, perform, concurrency=1) as worker:
        await until(lambda: worker.finished == 4)
    assert order == [3, 1, 2, 4]


async def test_the_poll_finds_what_nobody_announced(pool: Pool, queue_pool: Pool, db_url: str) -> None:
    # R8: the notification is only the quick way.
    async with working(queue_pool, db_url, nothing, poll_s=0.2) as worker:
        await seed_jobs(pool, 1)
        await until(lambda: worker.finished == 1, 5.0)


async def test_cancel_reaches_a_running_job(conn: Connection, pool: Pool, queue_pool: Pool, db_url: str) -> None:
    reasons: list[str | None] = []

    async def perform(delivery: Delivery) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            reasons.append(delivery.abort)
            async with transaction(pool, delivery.tenant_id) as tx:
                delivery.settled = await jobs.end(
                    tx,
                    delivery.tenant_id,
                    delivery.execution_id,
                    delivery.token,
                    state="cancelled",
                    error_class="cancelled",
                    error="asked to stop",
                    traceback=None,
                )

    await seed_jobs(pool, 2)
    async with working(queue_pool, db_url, perform, cancel_poll_s=0.1, drain_s=0.1) as worker:
        await until(lambda: worker.running == 2)
        execution_id = await conn.fetchval("SELECT id FROM app.job_executions LIMIT 1")
        await cancel(pool, execution_id)
        await until(lambda: worker.finished == 1)
        assert await states(pool) == {"cancelled": 1, "running": 1}
    assert reasons == ["cancel", "shutdown"]


async def test_a_queued_job_arrives_with_its_cancel_mark(
    pool: Pool, queue_pool: Pool, db_url: str, conn: Connection
) -> None:
    marks: list[bool] = []

    async def perform(delivery: Delivery) -> None:
        marks.append(delivery.cancelled)

    await seed_jobs(pool, 1)
    await cancel(pool, await conn.fetchval("SELECT id FROM app.job_executions"))
    async with working(queue_pool, db_url, perform) as worker:
        await until(lambda: worker.finished == 1)
    assert marks == [True]


async def test_sigterm_drains(conn: Connection, pool: Pool, db_url: str) -> None:
    # S2.17: what runs may end, what is queued stays queued, and the process says goodbye.
    await seed_jobs(pool, 12)
    async with victim(db_url, "slow", VICTIM_S="1") as worker:
        await worker.heard("started")
        worker.signal(signal.SIGTERM)
        assert await worker.heard("stopped") in ("5 0", "10 0")
        assert await worker.process.wait() == 0
    after = await states(pool)
    assert after == {"done": after["done"], "queued": 12 - after["done"]}
    assert await conn.fetchval("SELECT count(*) FROM app.workers WHERE stopped_at IS NULL") == 0


async def test_a_drain_that_takes_too_long_gives_the_jobs_back(conn: Connection, pool: Pool, db_url: str) -> None:
    await seed_jobs(pool, 3)
    async with victim(db_url, "hang", WORKER_DRAIN_S="0.2") as worker:
        for _ in range(3):
            await worker.heard("started")
        worker.signal(signal.SIGTERM)
        assert (await worker.heard("aborted")).endswith("shutdown")
        assert await worker.process.wait() == 0
    # No crash is held against them.
    assert await states(pool) == {"queued": 3}
    assert await conn.fetchval("SELECT sum(crashes) FROM app.job_executions") == 0
    assert await conn.fetchval("SELECT count(*) FROM queue.procrastinate_jobs WHERE status = 'todo'") == 3


async def test_deliveries_of_a_lost_fetch_answer_are_put_back(
    monkeypatch: pytest.MonkeyPatch, conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    # The server took them for us, and the connection broke before we heard their names: that it is another one says so.
    monkeypatch.setattr(fetcher, "RECONCILE_S", 3600.0)
    await seed_jobs(pool, 3)
    async with working(queue_pool, db_url, nothing, queues=["elsewhere"], poll_s=0.1) as worker:
        assert worker.worker_id
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            lost = await queue.fetch(tx, worker.worker_id, ["probe"], 3)
        assert await states(pool) == {"running": 3}
        # The next statement of the worker fails as a broken connection makes it fail.
        await conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'headwater queue' AND datname = current_database()"
        )
        await until(lambda: _all_queued(pool))
    async with working(queue_pool, db_url, nothing) as worker:
        await until(lambda: worker.finished == 3)
    assert len(lost) == 3
    assert await conn.fetchval("SELECT sum(crashes) FROM app.job_executions") == 0


async def test_what_came_back_to_us_is_put_back_while_every_slot_is_taken(
    monkeypatch: pytest.MonkeyPatch, conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    # S2.15: a crash of the server that undid a finish leaves the delivery in our name. The job in our slot may take an hour.
    monkeypatch.setattr(fetcher, "RECONCILE_S", 0.2)
    began, ended = asyncio.Event(), asyncio.Event()

    async def perform(_: Delivery) -> None:
        began.set()
        await ended.wait()

    await seed_jobs(pool, 1)
    async with working(queue_pool, db_url, perform, concurrency=1) as worker:
        await began.wait()
        assert worker.worker_id
        await seed_jobs(pool, 1)
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            assert len(await queue.fetch(tx, worker.worker_id, ["probe"], 1)) == 1
        await until(lambda: _one_queued(pool))
        ended.set()
        await until(lambda: worker.finished == 2)
    assert await conn.fetchval("SELECT sum(crashes) FROM app.job_executions") == 0


async def _one_queued(pool: Pool) -> bool:
    return await states(pool) == {"running": 1, "queued": 1}


async def _all_queued(pool: Pool) -> bool:
    return await states(pool) == {"queued": 3}


async def test_a_job_that_moved_on_is_only_finished(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    await seed_jobs(pool, 1)
    await conn.execute("UPDATE app.job_executions SET state = 'done', token = 9")
    async with working(queue_pool, db_url, nothing) as worker:
        await until(lambda: worker.finished == 1)
    assert dict(await conn.fetchrow("SELECT state, token FROM app.job_executions") or {}) == {
        "state": "done",
        "token": 9,
    }
    assert await conn.fetchval("SELECT count(*) FROM queue.procrastinate_jobs") == 0


async def test_a_settled_job_is_not_marked_again(conn: Connection, pool: Pool, queue_pool: Pool, db_url: str) -> None:
    async def perform(delivery: Delivery) -> None:
        async with jobs.completing(pool, delivery.tenant_id, delivery.execution_id, delivery.token):
            pass
        delivery.settled = True

    await seed_jobs(pool, 1)
    async with working(queue_pool, db_url, perform) as worker:
        await until(lambda: worker.finished == 1)
    assert await states(pool) == {"done": 1}


async def test_a_frame_that_breaks_loses_nothing(
    pool: Pool, queue_pool: Pool, db_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `perform` must not raise; if it does, the delivery comes back instead of being marked done.
    monkeypatch.setattr("worker.queue.fetcher.RECONCILE_S", 0.1)
    tokens: list[int] = []

    async def perform(delivery: Delivery) -> None:
        tokens.append(delivery.token)
        if len(tokens) == 1:
            raise KeyError("a bug in the frame")

    await seed_jobs(pool, 1)
    async with working(queue_pool, db_url, perform, poll_s=0.1) as worker:
        await until(lambda: worker.finished == 1)
    assert tokens == [1, 3]
    assert await states(pool) == {"done": 1}


async def test_two_workers_share_without_doubling(pool: Pool, queue_pool: Pool, db_url: str) -> None:
    seen: list[UUID] = []

    async def perform(delivery: Delivery) -> None:
        seen.append(delivery.execution_id)

    await seed_jobs(pool, 400)
    async with (
        working(queue_pool, db_url, perform, concurrency=5) as one,
        working(queue_pool, db_url, perform, concurrency=5) as other,
    ):
        await until(lambda: one.finished + other.finished == 400)
        assert one.stale_finishes == other.stale_finishes == 0
    assert len(set(seen)) == len(seen) == 400
