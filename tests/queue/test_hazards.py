"""Each hazard known of the queue, and what becomes of it here: real servers, real connections, real processes."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from db import jobs, migrate, outbox, queue, server
from db.pool import open_pool
from db.queue import Delivery, Stranded
from db.transaction import DbRole, Pool, Tx, transaction
from tests.queue.seeding import TENANT, hand_off, seed_jobs, states
from tests.queue.working import until, victim, working
from worker.maintenance import rescue_once
from worker.queue.heartbeat import Heartbeat
from worker.queue.pool import open_queue_pool
from worker.queue.worker import WorkerBroken

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


async def nothing(delivery: Delivery) -> None:
    """A job without work."""


async def no_hook(tx: Tx, one: Stranded) -> None:
    """An activity that waits for nothing."""


async def wake(pool: Pool) -> None:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await queue.wake(tx, queue.JOBS_CHANNEL)


async def standing(connection: Connection) -> int:
    """How many deliveries there are, in any status."""
    return int(await connection.fetchval("SELECT count(*) FROM queue.procrastinate_jobs"))


async def test_h1_server_restarts(place: Path) -> None:
    # S2.04: what was in hand while Postgres was away is finished afterwards; who listened, listens again.
    folder = place / "pg"
    first = await asyncio.to_thread(lambda: server.start(folder, durable=True))
    port = int(first.url.rsplit(":", 1)[1].split("/")[0])
    release = asyncio.Event()

    async def perform(delivery: Delivery) -> None:
        await release.wait()

    running = first
    try:
        await migrate.migrate(first.url)
        pool, queue_pool = await open_pool(first.url, name="test"), await open_queue_pool(first.url)
        async with working(queue_pool, first.url, perform, poll_s=60.0) as worker:
            await seed_jobs(pool, 5)
            await wake(pool)
            await until(lambda: worker.running == 5)
            await asyncio.to_thread(first.stop)
            release.set()
            await until(lambda: not worker.listener.listening)
            running = await asyncio.to_thread(lambda: server.start(folder, durable=True, port=port))
            await until(lambda: worker.finished == 5)
            assert worker.stale_finishes == 0
            await until(lambda: worker.listener.listening)
            await pool.expire_connections()
            await seed_jobs(pool, 1)
            await wake(pool)
            assert await until(lambda: worker.finished == 6) < 2.0
        assert await states(pool) == {"done": 6}
        await pool.close()
        await queue_pool.close()
    finally:
        await asyncio.to_thread(running.stop)


async def test_h1_stops_while_the_server_is_away(place: Path) -> None:
    # S2.17: SIGTERM ends a worker in an outage too.
    folder = place / "pg"
    running = await asyncio.to_thread(lambda: server.start(folder, durable=True))
    try:
        await migrate.migrate(running.url)
        queue_pool = await open_queue_pool(running.url)
        async with working(queue_pool, running.url, nothing, poll_s=0.1) as worker:
            await asyncio.to_thread(running.stop)
            await until(lambda: not worker.listener.listening)
            began = time.monotonic()
        assert time.monotonic() - began < 10.0
        queue_pool.terminate()
    finally:
        await asyncio.to_thread(running.stop)


async def test_h1_listener_lost_without_a_word(conn: Connection, pool: Pool, queue_pool: Pool, db_url: str) -> None:
    async with working(queue_pool, db_url, nothing, poll_s=60.0) as worker:
        # Even the notification that falls into the gap is not missed: the first thing after LISTEN is a look.
        await conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'headwater listen' AND datname = current_database()"
        )
        await seed_jobs(pool, 1)
        await wake(pool)
        assert await until(lambda: worker.finished == 1) < 5.0
        assert worker.listener.sessions == 2


@pytest.mark.parametrize("part", ["listener", "cancel poll", "watchdog"])
async def test_h2_a_dead_side_task_ends_the_process(queue_pool: Pool, db_url: str, part: str) -> None:
    async def lose_it() -> None:
        async with working(queue_pool, db_url, nothing) as worker:
            [task] = [task for task in asyncio.all_tasks() if task.get_name() == part]
            task.cancel()
            await until(lambda: worker.stopping)

    with pytest.raises(WorkerBroken, match=part):
        await lose_it()


async def test_h2_a_dead_heartbeat_ends_the_process(queue_pool: Pool, db_url: str) -> None:
    async def lose_it() -> None:
        async with working(queue_pool, db_url, nothing) as worker:
            assert worker._heartbeat
            worker._heartbeat.stop()
            await until(lambda: worker.stopping)

    with pytest.raises(WorkerBroken, match="heartbeat"):
        await lose_it()


async def test_h3_a_finish_that_fails_is_repeated(conn: Connection, pool: Pool, queue_pool: Pool, db_url: str) -> None:
    # The row must not stay `doing` under a worker that lives and beats.
    await seed_jobs(pool, 3)
    await conn.execute(
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$;"
        "CREATE TRIGGER refuse BEFORE DELETE ON queue.procrastinate_jobs "
        "FOR EACH ROW EXECUTE FUNCTION public.refuse()"
    )
    async with working(queue_pool, db_url, nothing) as worker:
        await until(lambda: worker.fetched == 3 and worker.running == 3)
        await conn.execute("DROP TRIGGER refuse ON queue.procrastinate_jobs")
        await until(lambda: worker.finished == 3)
    assert await states(pool) == {"done": 3}
    assert await standing(conn) == 0


async def test_h4_a_retry_that_meets_its_twin_steps_aside(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    # S2.15: while a job of a key runs, the next event of that key is queued; the retry then finds it there.
    started, twin_queued, retry_out, release = (asyncio.Event() for _ in range(4))

    async def perform(delivery: Delivery) -> None:
        if not started.is_set():
            started.set()
            await twin_queued.wait()
            await put_off(pool, delivery, 0.0)
            retry_out.set()
            await release.wait()

    await seed_jobs(pool, 1, key="one")
    async with working(queue_pool, db_url, perform, concurrency=1) as worker:
        await started.wait()
        await seed_jobs(pool, 1, key="one")
        twin_queued.set()
        await retry_out.wait()
        await hand_off(pool)
        release.set()
        await until(lambda: worker.finished == 2)
    assert await states(pool) == {"done": 1, "superseded": 1}
    assert await standing(conn) == 0


async def put_off(pool: Pool, delivery: Delivery, delay_s: float) -> None:
    """End the attempt as a retry does."""
    async with transaction(pool, delivery.tenant_id) as tx:
        delivery.settled = await jobs.put_off(
            tx,
            delivery.tenant_id,
            delivery.execution_id,
            delivery.token,
            outcome="failed",
            counts=True,
            delay_s=delay_s,
            error_class="test",
            error="try again",
            traceback=None,
            correlation_id=None,
        )


async def test_h5_a_fetch_that_fails_does_not_end_the_worker(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    await conn.execute("REVOKE UPDATE ON queue.procrastinate_jobs FROM headwater_system")
    async with working(queue_pool, db_url, nothing) as worker:
        await seed_jobs(pool, 2)
        await wake(pool)
        await until(lambda: worker._fetcher._pause > 0.1)
        await conn.execute("GRANT UPDATE ON queue.procrastinate_jobs TO headwater_system")
        await until(lambda: worker.finished == 2)
    assert await states(pool) == {"done": 2}


async def test_h5_locks_cannot_be_set(conn: Connection) -> None:
    # Procrastinate's own locks make workers collide; nothing may bring them in.
    with pytest.raises(asyncpg.CheckViolationError, match="locks_stay_null"):
        await conn.execute(
            "INSERT INTO queue.procrastinate_jobs (queue_name, task_name, lock, tenant_id, execution_id) "
            "VALUES ('probe', 'probe.run', 'a', $1, $1)",
            TENANT,
        )


async def test_h6_a_wake_up_during_a_fetch_is_kept(conn: Connection, pool: Pool, queue_pool: Pool, db_url: str) -> None:
    # The poll is a minute away: only the notification can bring the second job.
    async with working(queue_pool, db_url, nothing, poll_s=60.0) as worker:
        await seed_jobs(pool, 1)
        async with conn.transaction():
            await conn.execute("SELECT FROM app.job_executions FOR UPDATE")
            await wake(pool)
            await until(lambda: _blocked(pool))
            await seed_jobs(pool, 1)
            await wake(pool)
        assert await until(lambda: worker.finished == 2) < 5.0


async def _blocked(pool: Pool) -> bool:
    """Is a fetch waiting for a lock?"""
    return bool(
        await pool.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'headwater queue' "
            "AND datname = current_database() AND wait_event_type = 'Lock'"
        )
    )


@pytest.mark.slow
async def test_h7_a_blocked_event_loop_is_not_a_dead_worker(pool: Pool, db_url: str) -> None:
    await seed_jobs(pool, 1)
    async with victim(db_url, "block", VICTIM_S="3", WORKER_HEARTBEAT_S="0.2") as blocked:
        await blocked.heard("started")
        ended = asyncio.create_task(blocked.heard("ended"))
        rescued = 0
        while not ended.done():
            rescued += (await rescue_once(pool, 1.0, no_hook)).rescued
            await asyncio.sleep(0.05)
        assert rescued == 0


async def test_h7_a_loop_that_stays_blocked_loses_its_jobs(conn: Connection, queue_pool: Pool, db_url: str) -> None:
    worker_id = await queue.register(conn, "here", 1, ["jobs"])
    heartbeat = Heartbeat(db_url, worker_id, every_s=0.05, roles=["jobs"], on_new_id=lambda _: None, stuck_after_s=0.3)
    heartbeat.start()
    await until(lambda: heartbeat.beat_at is not None)
    # Nobody calls seen(): the beats end.
    await until(lambda: heartbeat.beat_at is not None and time.monotonic() - heartbeat.beat_at > 0.5)
    assert heartbeat.fault(5.0) is None
    heartbeat.seen()
    await until(lambda: heartbeat.beat_at is not None and time.monotonic() - heartbeat.beat_at < 0.1)
    heartbeat.stop()


async def test_h7_a_vanished_row_is_made_anew(conn: Connection, pool: Pool, queue_pool: Pool, db_url: str) -> None:
    async with working(queue_pool, db_url, nothing, heartbeat_s=0.1) as worker:
        before = worker.worker_id
        await conn.execute("DELETE FROM app.workers")
        await until(lambda: worker.worker_id != before)
        await seed_jobs(pool, 1)
        await wake(pool)
        await until(lambda: worker.finished == 1)
        assert await conn.fetchval("SELECT count(*) FROM app.workers WHERE stopped_at IS NULL") == 1


@pytest.mark.slow
async def test_h8_a_killed_worker_loses_nothing(conn: Connection, pool: Pool, queue_pool: Pool, db_url: str) -> None:
    # Default settings: its jobs run elsewhere within 5 s.
    await seed_jobs(pool, 4)
    async with victim(db_url, "hang") as killed:
        for _ in range(4):
            await killed.heard("started")
        async with working(queue_pool, db_url, nothing) as worker:
            killed.signal(signal.SIGKILL)
            died = time.monotonic()
            while worker.finished < 4:
                await rescue_once(pool, 3.0, no_hook)
                await asyncio.sleep(0.7)
            assert time.monotonic() - died < 5.0
    assert await states(pool) == {"done": 4}
    rows = await conn.fetch("SELECT crashes, token FROM app.job_executions")
    assert {(r["crashes"], r["token"]) for r in rows} == {(1, 3)}


async def test_h9_a_zombie_cannot_finish_the_next_attempt(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    release = asyncio.Event()

    async def perform(delivery: Delivery) -> None:
        await release.wait()

    await seed_jobs(pool, 1)
    async with victim(db_url, "slow", VICTIM_S="1", WORKER_HEARTBEAT_S="0.1") as zombie:
        await zombie.heard("started")
        zombie.signal(signal.SIGSTOP)
        await until(lambda: _rescued(pool, 0.5))
        async with working(queue_pool, db_url, perform) as worker:
            await until(lambda: worker.running == 1)
            zombie.signal(signal.SIGCONT)
            await zombie.heard("ended")
            zombie.signal(signal.SIGTERM)
            # It wrote one finish, and that one was stale.
            assert await zombie.heard("stopped") == "1 1"
            assert await states(pool) == {"running": 1}
            assert await standing(conn) == 1
            release.set()
            await until(lambda: worker.finished == 1)
            assert worker.stale_finishes == 0
    assert await states(pool) == {"done": 1}


async def _rescued(pool: Pool, dead_after_s: float) -> bool:
    return (await rescue_once(pool, dead_after_s, no_hook)).rescued == 1


async def test_h10_a_retry_far_away_blocks_nobody_of_its_key(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    async def perform(delivery: Delivery) -> None:
        if delivery.delivery_id == 1:
            await put_off(pool, delivery, 3600.0)

    async with working(queue_pool, db_url, perform) as worker:
        await seed_jobs(pool, 1, key="one")
        await wake(pool)
        await until(lambda: worker.finished == 1)
        # The retry waits in the outbox, not in the queue.
        assert await standing(conn) == 0
        await seed_jobs(pool, 1, key="one")
        await wake(pool)
        await until(lambda: worker.finished == 2)
    assert await states(pool) == {"waiting": 1, "done": 1}
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        _, next_due_s, _ = await outbox.held_back(tx)
    assert next_due_s == pytest.approx(3600, abs=60)


@pytest.mark.parametrize("name", ["fetch", "finish", "reconcile", "rescue", "cancel_requests"])
async def test_h12_plans_made_on_empty_tables_scan_no_table(queue_pool: Pool, name: str) -> None:
    # A session keeps the plan it made when the tables were empty.
    async with queue_pool.acquire() as connection:
        kinds = (await connection.prepare(queue.SQL[name])).get_parameters()
        nulls = ", ".join(f"NULL::{kind.schema}.{kind.name}" for kind in kinds)
        await connection.execute(f"PREPARE asked AS {queue.SQL[name]}")
        rows = await connection.fetch(f"EXPLAIN EXECUTE asked({nulls})")
    plan = "\n".join(row[0] for row in rows)
    assert "Seq Scan on procrastinate_jobs" not in plan, plan
    assert "Seq Scan on job_executions" not in plan, plan
    if name == "fetch":
        assert "using procrastinate_jobs_priority_idx_v1" in plan, plan


async def test_h12_a_worker_that_began_on_empty_tables_keeps_its_pace(
    pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    # Nothing is analysed meanwhile: autovacuum is off here, and a minute late elsewhere.
    async with working(queue_pool, db_url, nothing, concurrency=50, poll_s=0.05) as worker:
        took: list[float] = []
        for upto in (10, 1510, 3010, 4510):
            await seed_jobs(pool, upto - worker.finished)
            took.append(await until(lambda upto=upto: worker.finished == upto))
        assert max(took[2:]) < 2.0


async def test_h12_one_finish_among_many_running_is_quick(conn: Connection, pool: Pool, queue_pool: Pool) -> None:
    # Planned when nothing ran; then 2,000 deliveries run, and their ends are written 50 at a time.
    async with queue_pool.acquire() as connection:
        await queue.finish(connection, [])
        await seed_jobs(pool, 2000, batch=2000)
        running = await queue.fetch(connection, 1, ["probe"], 2000)
        began = time.monotonic()
        for start in range(0, 2000, 50):
            batch = running[start : start + 50]
            assert await queue.finish(connection, batch) == (50, 50)
        assert time.monotonic() - began < 2.0
