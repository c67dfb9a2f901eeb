"""The database's clock jumps: the dead are found out all the same, and the living keep their jobs."""

from __future__ import annotations

import asyncio

import pytest

from db import queue, recovery
from db.pool import open_pool
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.queue.seeding import seed_jobs, states
from tests.queue.test_false_rescues import SILENT_S, Hands, no_hook, nothing
from tests.queue.working import until, working
from worker.maintenance import RescueReport, rescue_once

HOUR_S = 3600.0


async def rescued(pool: Pool) -> bool:
    return (await rescue_once(pool, SILENT_S, no_hook)).rescued > 0


@pytest.mark.parametrize("by_s", [-HOUR_S, HOUR_S], ids=["back", "ahead"])
async def test_jobs_of_a_dead_worker_are_back_in_seconds_though_the_clock_jumped(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str, by_s: float
) -> None:
    # law 4, S2.05: its last beat lies an hour ahead, or behind.
    await seed_jobs(pool, 1)
    dead = await Hands.hired(pool, conn)
    await dead.take()
    await recovery.move_clock(conn, by_s)
    assert await until(lambda: rescued(pool)) < SILENT_S + 2
    async with working(queue_pool, db_url, nothing) as worker:
        await until(lambda: worker.finished == 1)
    assert await states(pool) == {"done": 1}


async def test_a_clock_set_back_takes_no_job_from_the_living(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    # Its last beat lies an hour ahead until the next one.
    release, begun = asyncio.Event(), asyncio.Event()

    async def perform(_: object) -> None:
        begun.set()
        await release.wait()

    await seed_jobs(pool, 1)
    async with working(queue_pool, db_url, perform, heartbeat_s=0.1) as worker:
        await begun.wait()
        await recovery.move_clock(conn, -HOUR_S)
        looks = 0

        async def has_beaten() -> bool:
            nonlocal looks
            looks += 1
            assert await rescue_once(pool, SILENT_S, no_hook) == RescueReport()
            return bool(
                await conn.fetchval(
                    "SELECT beat_at > app.now() - interval '0.3 s' AND beat_at <= app.now() AND started_at > app.now()"
                    " FROM app.workers WHERE id = $1", worker.worker_id,
                )
            )  # fmt: skip

        await until(has_beaten)
        release.set()
        await until(lambda: worker.finished == 1)
    assert looks > 0
    assert await states(pool) == {"done": 1}


async def test_who_dispatched_before_the_clock_was_set_back_is_not_alive_for_that_hour(
    conn: Connection, pool: Pool
) -> None:
    # /readyz, and the share of the room that each dispatcher takes, go by it.
    gone = await Hands.hired(pool, conn)
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        assert await queue.dispatched(tx, gone.id) == 1
    await recovery.move_clock(conn, -HOUR_S)
    await rescue_once(pool, SILENT_S, no_hook)
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        _, ago_s = await queue.alive(tx, 600)
    assert ago_s is not None
    assert ago_s >= 0, "younger than any dispatch can be: it would be alive until the clock is that late again"


async def test_a_server_that_started_ahead_of_its_clock_has_not_just_started(
    conn: Connection, pool: Pool, db_url: str
) -> None:
    # Its clock was set back since. The time of its start is the one that no function of ours gives.
    await conn.execute(
        "CREATE SCHEMA ahead; GRANT USAGE ON SCHEMA ahead TO headwater_system;"
        " CREATE FUNCTION ahead.pg_postmaster_start_time() RETURNS timestamptz LANGUAGE sql STABLE"
        " AS $$ SELECT clock_timestamp() + interval '1 hour' $$"
    )
    other = await open_pool(db_url, name="tests", size=1, settings={"search_path": "ahead, pg_catalog, app"})
    try:
        await seed_jobs(pool, 1)
        dead = await Hands.hired(pool, conn)
        await dead.take()
        await dead.fall_silent()
        assert await rescue_once(other, SILENT_S, no_hook) == RescueReport(rescued=1)
    finally:
        await other.close()
