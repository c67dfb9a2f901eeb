"""Priority with ageing: urgent jobs go first, and one of low priority starts within a stated time all the same."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from db import queue
from db.transaction import DbRole, Pool, transaction
from tests.authors.stage import performer, probe, queued, taken, worker
from tests.conftest import Connection
from tests.queue.test_rescue import no_hook
from tests.queue.working import until, working
from worker.context import Context
from worker.maintenance import Maintenance

STEP_S = 0.2
BEHIND = 5  # points of priority


async def aged(pool: Pool, step_s: float = 0.0) -> int:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return await queue.age(tx, step_s)


async def test_the_priority_of_an_event_is_that_of_its_jobs(conn: Connection, pool: Pool) -> None:
    for priority in (0, 7, -3):
        await queued(pool, probe(), priority=priority)
    held = await taken(pool, await worker(pool), 3)
    order = [await conn.fetchval("SELECT priority FROM app.job_executions WHERE id = $1", d.execution_id) for d in held]
    assert order == [7, 0, -3]


@pytest.mark.slow
@pytest.mark.parametrize("ageing", [True, False])
async def test_a_low_job_under_a_steady_stream_of_urgent_ones(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str, ageing: bool
) -> None:
    low = probe()
    urgent = 0
    started: list[float] = []
    began = 0.0

    async def body(ctx: Context, args: Any) -> None:
        nonlocal urgent
        if args.probe_id == low.probe_id:
            started.append(time.monotonic() - began)
            return
        urgent += 1
        await queued(pool, probe(), priority=BEHIND)  # there is always another one

    for _ in range(4):
        await queued(pool, probe(), priority=BEHIND)
    await queued(pool, low)
    keeper = Maintenance(pool, dead_after_s=60, stop_hook=no_hook, every_s=STEP_S / 2, age_step_s=STEP_S, chores=())
    keeping = asyncio.create_task(keeper.run()) if ageing else None
    async with working(queue_pool, db_url, performer(pool, body), poll_s=0.02, concurrency=1):
        began = time.monotonic()
        if ageing:
            await until(lambda: bool(started))
        else:
            # Twice the time that ageing would take, and work enough: it has not begun.
            await until(lambda: urgent >= 100 and time.monotonic() - began > 2 * bound(), timeout_s=60)
        if keeping is not None:
            keeper.stop()
            await keeping
        await conn.execute("DELETE FROM queue.procrastinate_jobs WHERE status = 'todo'")
    assert urgent > 0
    assert bool(started) == ageing
    if ageing:
        assert started[0] < bound() + 2.0, "2 s for a machine that has other things to do"


def bound() -> float:
    """(points behind + 2) steps, each up to a look of the loop longer: the first may have begun before the job came."""
    return (BEHIND + 2) * (STEP_S + STEP_S / 2)


async def test_only_what_has_waited_a_whole_step_moves_up_and_never_beyond_the_first(
    conn: Connection, pool: Pool
) -> None:
    await queued(pool, probe(), priority=2)
    await queued(pool, probe())
    assert await aged(pool) == 0  # it came within this step
    await queued(pool, probe())
    assert [await aged(pool) for _ in range(5)] == [1, 2, 1, 0, 0]
    assert await conn.fetchval("SELECT array_agg(DISTINCT priority) FROM queue.procrastinate_jobs") == [2]
    assert await aged(pool, 60.0) == 0  # once a step, whoever asks


async def test_where_all_are_equal_nothing_is_written(conn: Connection, pool: Pool) -> None:
    await queued(pool, *(probe() for _ in range(50)))
    before = await conn.fetchval("SELECT max(xmin::text::bigint) FROM queue.procrastinate_jobs")
    assert [await aged(pool) for _ in range(3)] == [0, 0, 0]
    assert await conn.fetchval("SELECT max(xmin::text::bigint) FROM queue.procrastinate_jobs") == before


async def test_a_step_moves_so_many_at_most_the_oldest_first(
    conn: Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queued(pool, *(probe() for _ in range(20)))
    await queued(pool, probe(), priority=1)
    monkeypatch.setattr(queue, "AGED", 5)
    assert await aged(pool) == 0
    assert await aged(pool) == 5
    rows = await conn.fetch("SELECT priority FROM queue.procrastinate_jobs ORDER BY id")
    assert [row["priority"] for row in rows] == [1] * 5 + [0] * 15 + [1]


@pytest.mark.parametrize("urgent", [0, 1])
async def test_a_long_queue_is_not_read_through(conn: Connection, pool: Pool, urgent: int) -> None:
    await conn.execute(
        "INSERT INTO queue.procrastinate_jobs (queue_name, task_name, tenant_id, execution_id, priority)"
        " SELECT 'probe', 'probe.run', gen_random_uuid(), gen_random_uuid(), CASE WHEN n > 20000 THEN 1 ELSE 0 END"
        "   FROM generate_series(1, 20000 + $1::int) n", urgent,
    )  # fmt: skip
    await conn.execute("ANALYZE queue.procrastinate_jobs")
    await aged(pool)
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        rows = await tx.fetch("EXPLAIN (ANALYZE, TIMING off) " + queue.SQL["age"], 0.0, 1000)
    plan = "\n".join(row[0] for row in rows)
    removed = [int(line.split(":")[1]) for line in plan.splitlines() if "Rows Removed by Filter" in line]
    assert max(removed, default=0) < 10, plan
    assert "Seq Scan on procrastinate_jobs" not in plan, plan
    assert await conn.fetchval("SELECT count(*) FROM queue.procrastinate_jobs WHERE priority = 1") == (
        1001 if urgent else 0
    )
