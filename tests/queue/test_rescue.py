"""Dead workers: their jobs run elsewhere, alone after two crashes, and no more after three."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest

from contracts.jobs import ALONE_QUEUE
from db import recovery, soak
from db.queue import Delivery, Stranded
from db.transaction import Pool, Tx
from tests.queue.seeding import TENANT, seed_jobs, states
from tests.queue.working import Victim, until, victim, working
from worker.maintenance import Maintenance, RescueReport, rescue_once

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

QUICK = {"WORKER_HEARTBEAT_S": "0.1"}


async def nothing(delivery: Delivery) -> None:
    """A job without work."""


async def no_hook(tx: Tx, one: Stranded) -> None:
    """An activity that waits for nothing."""


async def rescued(pool: Pool) -> RescueReport:
    """Rescue until there was something to rescue."""
    found = RescueReport()

    async def some() -> bool:
        nonlocal found
        found = await rescue_once(pool, 0.5, no_hook)
        return found != RescueReport()

    await until(some)
    return found


async def killed(one: Victim) -> None:
    await one.heard("started")
    assert await one.process.wait() == -signal.SIGKILL


@pytest.mark.slow
async def test_jobs_of_a_killed_worker_run_elsewhere_within_5_s(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    # S2.05: with the default settings, and with the loop that runs in every worker process.
    keeper = Maintenance(pool, dead_after_s=3.0, stop_hook=no_hook)
    keeping = asyncio.create_task(keeper.run())
    await seed_jobs(pool, 8)
    async with victim(db_url, "hang") as lost:
        for _ in range(8):
            await lost.heard("started")
        async with working(queue_pool, db_url, nothing, poll_s=60.0) as worker:
            lost.signal(signal.SIGKILL)
            assert await until(lambda: worker.finished == 8) < 5.0
    keeper.stop()
    await keeping
    assert await states(pool) == {"done": 8}
    logged = await conn.fetch("SELECT outcome, error_class, token FROM app.job_attempts")
    assert [tuple(row) for row in logged] == [("crashed", "worker_died", 1)] * 8


async def test_a_deadly_job_runs_alone_and_is_quarantined_at_the_third(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    await seed_jobs(pool, 1)
    for crash, back_in in ((1, "probe"), (2, ALONE_QUEUE)):
        async with victim(db_url, "die", **QUICK) as one:
            await killed(one)
        assert await rescued(pool) == RescueReport(rescued=1)
        assert await conn.fetchval("SELECT crashes FROM app.job_executions") == crash
        assert await conn.fetchval("SELECT queue_name FROM queue.procrastinate_jobs") == back_in
    async with victim(db_url, "die", **QUICK) as one:
        await killed(one)
    asked: list[UUID] = []

    async def hook(tx: Tx, stranded: Stranded) -> None:
        asked.append(stranded.execution_id)

    await until(lambda: _quarantined(pool, hook))
    assert asked == [await conn.fetchval("SELECT id FROM app.job_executions")]
    assert await states(pool) == {"quarantined": 1}
    assert await conn.fetchval("SELECT count(*) FROM queue.procrastinate_jobs") == 0
    letter = await conn.fetchrow("SELECT error_class, attempts FROM app.dead_letters WHERE resolved_at IS NULL")
    assert letter
    assert tuple(letter) == ("worker_died", 3)


async def _quarantined(pool: Pool, hook: object) -> bool:
    return (await rescue_once(pool, 0.5, hook)).quarantined == 1  # type: ignore[arg-type]


async def test_nothing_runs_beside_a_job_that_runs_alone(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    beside: list[int] = []
    release = asyncio.Event()

    async def perform(delivery: Delivery) -> None:
        if delivery.queue == ALONE_QUEUE:
            await asyncio.sleep(0)
            beside.append(worker.running)
        elif delivery.delivery_id == 1:
            await release.wait()

    await seed_jobs(pool, 3)
    async with working(queue_pool, db_url, perform, poll_s=0.1) as worker:
        await until(lambda: worker.finished == 2)
        await seed_jobs(pool, 1)
        await conn.execute("UPDATE queue.procrastinate_jobs SET queue_name = 'alone' WHERE status = 'todo'")
        await until(lambda: worker._alone_at > time.monotonic() + 0.9)
        await until(lambda: worker._alone_at < time.monotonic())
        assert beside == []
        release.set()
        await until(lambda: worker.finished == 4)
        assert beside == [1]
        await seed_jobs(pool, 5)
        await until(lambda: worker.finished == 9)
    assert await states(pool) == {"done": 9}


async def test_jobs_that_run_alone_follow_each_other_and_wait_for_no_next_look(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    # After a storm there are many: one a look, a look a second, was most of the time until all was done again.
    looks: list[float] = []

    async def perform(_: Delivery) -> None:
        assert worker.running == 1
        looks.append(worker._alone_at)

    await seed_jobs(pool, 8)
    await conn.execute("UPDATE queue.procrastinate_jobs SET queue_name = 'alone'")
    async with working(queue_pool, db_url, perform) as worker:
        await until(lambda: worker.finished == 8)
    assert len(looks) == 8
    assert len(set(looks)) < 8
    assert await states(pool) == {"done": 8}


async def test_a_worker_that_runs_a_job_alone_stops_as_soon_as_any_other(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    # However long it would wait between two looks into the queue.
    begun = asyncio.Event()

    async def perform(_: Delivery) -> None:
        begun.set()
        await asyncio.Event().wait()

    await seed_jobs(pool, 1)
    await conn.execute("UPDATE queue.procrastinate_jobs SET queue_name = 'alone'")
    async with asyncio.timeout(30), working(queue_pool, db_url, perform, poll_s=60.0, drain_s=0.1):
        await begun.wait()
    assert await states(pool) == {"queued": 1}


async def test_a_hook_that_fails_holds_up_no_other(conn: Connection, pool: Pool, db_url: str) -> None:
    await seed_jobs(pool, 4)
    await conn.execute("UPDATE app.job_executions SET crashes = 2")
    async with victim(db_url, "hang", **QUICK) as one:
        for _ in range(4):
            await one.heard("started")
        one.signal(signal.SIGKILL)
        await one.process.wait()
    bad = await conn.fetchval("SELECT id FROM app.job_executions ORDER BY id LIMIT 1")
    mended = False

    async def hook(tx: Tx, stranded: Stranded) -> None:
        if stranded.execution_id == bad and not mended:
            await tx.execute("SELECT 1 / 0")

    await until(lambda: _stopped(pool, hook, 3))
    assert await states(pool) == {"quarantined": 3, "running": 1}
    mended = True
    await until(lambda: _stopped(pool, hook, 1))
    assert await states(pool) == {"quarantined": 4}


async def _stopped(pool: Pool, hook: object, count: int) -> bool:
    return (await rescue_once(pool, 0.5, hook)).quarantined == count  # type: ignore[arg-type]


async def test_deliveries_that_are_over_are_dropped(conn: Connection, pool: Pool, db_url: str) -> None:
    # The job's own write was committed; its worker died before the delivery was finished.
    await seed_jobs(pool, 2)
    async with victim(db_url, "hang", **QUICK) as one:
        await one.heard("started")
        await one.heard("started")
        await conn.execute("UPDATE app.job_executions SET state = 'done'")
        one.signal(signal.SIGKILL)
        await one.process.wait()
    assert await rescued(pool) == RescueReport(dropped=2)
    assert await conn.fetchval("SELECT count(*) FROM queue.procrastinate_jobs") == 0


async def test_a_living_worker_is_left_alone(pool: Pool, db_url: str) -> None:
    await seed_jobs(pool, 1)
    async with victim(db_url, "slow", VICTIM_S="1.5", **QUICK) as one:
        await one.heard("started")
        ended = asyncio.create_task(one.heard("ended"))
        while not ended.done():
            assert await rescue_once(pool, 0.5, no_hook) == RescueReport()
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_nobody_is_judged_who_could_not_beat_because_the_disk_was_full(
    conn: Connection, pool: Pool, db_url: str
) -> None:
    await soak.make_tables(conn)
    await recovery.make_tables(conn)
    await seed_jobs(pool, 1)
    keeper = Maintenance(pool, dead_after_s=2.0, stop_hook=no_hook, every_s=0.05, chores=())
    async with victim(db_url, "hang", **QUICK) as one:
        await one.heard("started")
        await recovery.fill_disk(conn, True)
        keeping = asyncio.create_task(keeper.run())
        await until(lambda: keeper._blind_until > time.monotonic() + 1.5)
        await recovery.fill_disk(conn, False)
        await until(lambda: keeper._blind_until < time.monotonic())
        assert await rescue_once(pool, 2.0, no_hook) == RescueReport()
        assert await conn.fetchval("SELECT count(*) FROM app.job_attempts") == 0
        keeper.stop()
        await keeping


async def test_a_coalescing_job_whose_twin_waits_steps_aside(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    # S2.15: both events are served by the run of the younger one.
    await seed_jobs(pool, 1, tenant=TENANT, key="one")
    async with victim(db_url, "hang", **QUICK) as one:
        await one.heard("started")
        one.signal(signal.SIGSTOP)
        await seed_jobs(pool, 1, tenant=TENANT, key="one")
        one.signal(signal.SIGKILL)
        await one.process.wait()
    await until(lambda: _superseded(pool))
    async with working(queue_pool, db_url, nothing) as worker:
        await until(lambda: worker.finished == 1)
    assert await states(pool) == {"superseded": 1, "done": 1}
    assert await conn.fetchval("SELECT count(*) FROM queue.procrastinate_jobs") == 0


async def _superseded(pool: Pool) -> bool:
    await rescue_once(pool, 0.5, no_hook)
    return "superseded" in await states(pool)


async def test_chores_run_and_one_that_fails_stops_nothing(pool: Pool) -> None:
    done: list[str] = []

    async def broken(tx: Tx) -> None:
        done.append("broken")
        await tx.execute("SELECT 1 / 0")

    async def sound(tx: Tx) -> None:
        done.append("sound")
        keeper.stop()

    keeper = Maintenance(pool, dead_after_s=3.0, stop_hook=no_hook, every_s=0.05, chores=(broken, sound))
    await asyncio.wait_for(keeper.run(), 10)
    assert done == ["broken", "sound"]


@pytest.mark.slow
async def test_a_storm_of_kills_loses_and_doubles_nothing(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    keeper = Maintenance(pool, dead_after_s=0.5, stop_hook=no_hook, every_s=0.2)
    keeping = asyncio.create_task(keeper.run())
    await seed_jobs(pool, 120)
    for _ in range(4):
        async with victim(db_url, "slow", VICTIM_S="0.1", **QUICK) as one:
            for _ in range(13):
                await one.heard("started")
            one.signal(signal.SIGKILL)
            await one.process.wait()
    async with working(queue_pool, db_url, nothing, poll_s=0.1) as worker:
        await until(lambda: _all_done(pool, 120))
        assert worker.stale_finishes == 0
    keeper.stop()
    await keeping
    assert await conn.fetchval("SELECT count(*) FROM queue.procrastinate_jobs") == 0
    assert await conn.fetchval("SELECT count(DISTINCT event_id) FROM app.job_executions") == 120


async def _all_done(pool: Pool, count: int) -> bool:
    return await states(pool) == {"done": count}
