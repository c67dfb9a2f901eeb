"""Limits and pauses hold over all workers at once: judged by what the database recorded of starts and ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

import pytest

from contracts.limits import SetLimit
from db import limited_fetch, limits, pauses, queue
from db.queue import Delivery
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.db.conftest import new_tenant
from tests.queue.seeding import TENANT, seed_jobs, states
from tests.queue.working import until, working
from worker.queue.pool import open_queue_pool
from worker.queue.worker import BatchWorker

_SPANS = "SELECT started_at, finished_at FROM app.job_executions WHERE state = 'done' AND tenant_id = ANY($1::uuid[])"


async def limit(pool: Pool, scope: str, name: str, **how: float) -> None:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await limits.put(tx, scope, name, SetLimit.model_validate(how), by="tests")  # type: ignore[arg-type]


async def slug(conn: Connection, tenant: UUID) -> str:
    found: str = await conn.fetchval("SELECT slug FROM app.tenants WHERE id = $1", tenant)
    return found


async def most_at_once(conn: Connection, *tenants: UUID) -> int:
    """The most jobs that ran at the same moment, by their rows: one that ends when another starts has ended."""
    rows = await conn.fetch(_SPANS, list(tenants))
    moments = sorted([(r["started_at"], 1) for r in rows] + [(r["finished_at"], -1) for r in rows])
    most = running = 0
    for _, step in moments:
        running += step
        most = max(most, running)
    return most


@asynccontextmanager
async def workers_of(
    url: str, perform: Callable[[Delivery], Awaitable[None]], *, many: int = 3, **how: float
) -> AsyncIterator[list[BatchWorker]]:
    """As so many processes are: each has a pool of its own and knows of the others only by the database."""
    async with AsyncExitStack() as stack:
        workers = []
        for _ in range(many):
            pool = await open_queue_pool(url)
            stack.callback(pool.terminate)
            workers.append(
                await stack.enter_async_context(
                    working(pool, url, perform, **{"poll_s": 0.2, "concurrency": 10, **how})
                )
            )
        yield workers


async def a_moment(_: Delivery) -> None:
    await asyncio.sleep(0.01)


async def test_no_more_jobs_of_a_queue_run_than_it_allows_over_three_workers(
    conn: Connection, pool: Pool, db_url: str
) -> None:
    # S2.17
    await limit(pool, "queue", "probe", max_running=4)
    await seed_jobs(pool, 150)
    async with workers_of(db_url, a_moment, concurrency=2) as workers:
        await until(lambda: sum(w.finished for w in workers) == 150)
    assert await states(pool) == {"done": 150}
    assert await most_at_once(conn, TENANT) == 4  # of six slots: no worker has that many


async def test_a_tenants_limit_leaves_the_slots_to_others(conn: Connection, pool: Pool, db_url: str) -> None:
    many, other = await new_tenant(pool), await new_tenant(pool)
    await limit(pool, "tenant", await slug(conn, many), max_running=2)
    await limit(pool, "queue", "probe", max_running=7)
    await seed_jobs(pool, 80, tenant=many)
    await seed_jobs(pool, 80, tenant=other)
    async with workers_of(db_url, a_moment) as workers:
        await until(lambda: sum(w.finished for w in workers) == 160)
    assert await most_at_once(conn, many) == 2
    assert await most_at_once(conn, many, other) <= 7
    ended = await conn.fetch("SELECT tenant_id, max(finished_at) AS at FROM app.job_executions GROUP BY 1")
    at = {row["tenant_id"]: row["at"] for row in ended}
    assert at[other] < at[many]  # those behind the limited ones did not wait for them


@pytest.mark.parametrize(("per_s", "burst", "jobs"), [(40.0, 1, 30), (25.0, 10, 40)])
async def test_no_window_sees_more_starts_than_its_rate(
    conn: Connection, pool: Pool, db_url: str, per_s: float, burst: int, jobs: int
) -> None:
    await limit(pool, "queue", "probe", per_s=per_s, burst=burst)
    await seed_jobs(pool, jobs)
    async with workers_of(db_url, a_moment, poll_s=1.0) as workers:
        await until(lambda: sum(w.finished for w in workers) == jobs)
    starts = sorted(r["started_at"].timestamp() for r in await conn.fetch(_SPANS, [TENANT]))
    for first in range(jobs):
        for last in range(first, jobs):
            allowed = burst + per_s * (starts[last] - starts[first])
            assert last - first + 1 <= allowed + 1e-3, (first, last)
    # Nor much fewer: a token is used when it comes. At the next poll, the first of these would take ten seconds.
    assert starts[-1] - starts[0] < 5 + (jobs - burst) / per_s


async def test_a_tenants_rate_is_exact_over_two_workers_and_nobody_elses(
    conn: Connection, pool: Pool, db_url: str
) -> None:
    # S4.08
    held, free = await new_tenant(pool), await new_tenant(pool)
    per_s, burst = 20.0, 4
    await limit(pool, "tenant", await slug(conn, held), per_s=per_s, burst=burst)
    for tenant in (held, free):
        await seed_jobs(pool, 30, tenant=tenant)
    async with workers_of(db_url, a_moment, many=2) as workers:
        await until(lambda: sum(w.finished for w in workers) == 60)
    starts = sorted(r["started_at"].timestamp() for r in await conn.fetch(_SPANS, [held]))
    for first, since in enumerate(starts):
        for nth, at in enumerate(starts[first:], 1):
            assert nth <= burst + per_s * (at - since) + 1e-3, (first, nth)
    freely = [r["started_at"].timestamp() for r in await conn.fetch(_SPANS, [free])]
    assert max(freely) < starts[-1]


@pytest.mark.slow
async def test_a_flood_of_long_jobs_leaves_the_slots_it_may_not_have_to_others(
    conn: Connection, pool: Pool, db_url: str
) -> None:
    # S4.08: without a limit ten jobs wait until all those of the flood that stand in the queue have begun
    flooding, quiet = await new_tenant(pool), await new_tenant(pool)
    await limit(pool, "tenant", await slug(conn, flooding), max_running=16)
    await seed_jobs(pool, 200, tenant=flooding)
    running: set[UUID] = set()

    async def long_where_it_floods(delivery: Delivery) -> None:
        running.add(delivery.execution_id)
        await asyncio.sleep(5.0 if delivery.tenant_id == flooding else 0.01)

    async with workers_of(db_url, long_where_it_floods, many=2, drain_s=0.1):
        await until(lambda: len(running) == 16)
        await seed_jobs(pool, 10, tenant=quiet)
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            await queue.wake(tx, queue.JOBS_CHANNEL)
        done = "SELECT count(*) = 10 FROM app.job_executions WHERE tenant_id = $1 AND state = 'done'"
        while not await conn.fetchval(done, quiet):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    waits = (
        "SELECT max(extract(epoch FROM finished_at - queued_at))::float8 FROM app.job_executions WHERE tenant_id = $1"
    )
    delay = await conn.fetchval(waits, quiet)
    print(f"ten jobs beside a flood of long ones: {delay:.2f} s")
    assert delay < 3.0
    assert await most_at_once(conn, flooding) <= 16


async def test_fetchers_that_race_take_what_is_left_and_no_more(conn: Connection, pool: Pool, db_url: str) -> None:
    await limit(pool, "queue", "probe", max_running=5)
    await seed_jobs(pool, 200)
    seen: list[int] = []
    ended = 0

    async def race(worker_id: int, own: Pool) -> None:
        nonlocal ended
        async with own.acquire() as line:
            while ended < 200:
                batch, _, limited = await limited_fetch.take(line, worker_id, ["probe"], 50)
                assert limited
                seen.append(await line.fetchval("SELECT count(*) FROM queue.procrastinate_jobs WHERE status = 'doing'"))
                if batch:
                    assert await queue.finish(line, batch) == (len(batch), len(batch))
                    ended += len(batch)

    async with AsyncExitStack() as stack:
        racers = []
        for _ in range(3):
            own = await open_queue_pool(db_url)
            stack.callback(own.terminate)
            async with own.acquire() as line:
                racers.append(race(await queue.register(line, "here", 1, ["jobs"]), own))
        await asyncio.gather(*racers)
    assert max(seen) <= 5
    assert await most_at_once(conn, TENANT) <= 5
    assert await states(pool) == {"done": 200}


async def test_a_limit_counts_what_ran_before_it_and_ends_when_it_is_lifted(
    pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    release = asyncio.Event()

    async def held(_: Delivery) -> None:
        await release.wait()

    await seed_jobs(pool, 20)
    async with working(queue_pool, db_url, held, concurrency=6, poll_s=0.1) as worker:
        await until(lambda: worker.running == 6)
        await limit(pool, "queue", "probe", max_running=3)
        async with queue_pool.acquire() as line:
            assert await queue.fetch(line, 1, ["probe"], 10) == []
            assert (await limited_fetch.take(line, 1, ["probe"], 10))[0] == []
        await limit(pool, "queue", "probe")
        release.set()
        await until(lambda: worker.finished == 20)
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        assert await limits.views(tx) == []


async def test_a_paused_queue_stands_still_and_loses_nothing(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    await seed_jobs(pool, 30)
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        (standing,) = await limits.pause(tx, "queue", "probe", reason="the site is moved", by="olga")
        (again,) = await limits.pause(tx, "queue", "probe", reason="me too", by="otto")
    assert (standing.held, again.by, again.reason) == ("paused", "olga", "the site is moved")
    # One of them has killed two workers, and is delivered through another queue: it comes from the paused one all the same.
    await conn.execute(
        "UPDATE queue.procrastinate_jobs SET queue_name = 'alone' WHERE id = (SELECT min(id) FROM queue.procrastinate_jobs)"
    )
    other = await new_tenant(pool)
    await seed_jobs(pool, 5, tenant=other)
    await conn.execute("UPDATE queue.procrastinate_jobs SET queue_name = 'crm_sync' WHERE tenant_id = $1", other)
    async with working(queue_pool, db_url, a_moment, poll_s=0.05) as worker:
        await until(lambda: worker.finished == 5)
        turned = worker._alone_at
        await until(lambda: worker._alone_at > turned)
        assert await states(pool) == {"queued": 30}
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            assert await limits.resume(tx, "queue", "probe", by="olga") == []
        await until(lambda: worker.finished == 35)
    assert await states(pool) == {"done": 30}
    assert await conn.fetchval("SELECT count(*) FROM queue.procrastinate_jobs") == 0


async def test_a_paused_tenants_queued_jobs_wait_as_its_events_do(pool: Pool, queue_pool: Pool, db_url: str) -> None:
    paused, other = await new_tenant(pool), await new_tenant(pool)
    for each in (paused, other):
        await seed_jobs(pool, 10, tenant=each)
    async with transaction(pool, paused) as tx:
        await pauses.pause(tx, paused, reason="the CRM is moved", by="olga")
    async with working(queue_pool, db_url, a_moment, poll_s=0.05) as worker:
        await until(lambda: worker.finished == 10)
        assert await states(pool, paused) == {"queued": 10}
        assert await states(pool, other) == {"done": 10}
        async with transaction(pool, paused) as tx:
            await pauses.resume(tx, paused, by="olga")
        await until(lambda: worker.finished == 20)
    assert await states(pool, paused) == {"done": 10}


async def test_jobs_of_a_dead_worker_count_until_they_are_rescued(pool: Pool, queue_pool: Pool) -> None:
    await limit(pool, "queue", "probe", max_running=3)
    await seed_jobs(pool, 10)
    async with queue_pool.acquire() as line:
        dead, alive = [await queue.register(line, "here", n, ["jobs"]) for n in (1, 2)]
        assert len((await limited_fetch.take(line, dead, ["probe"], 10))[0]) == 3
        assert (await limited_fetch.take(line, alive, ["probe"], 10))[0] == []
        await queue.reconcile(line, dead, [])
        assert len((await limited_fetch.take(line, alive, ["probe"], 10))[0]) == 3


async def test_a_job_that_waits_for_a_rate_says_when(pool: Pool, queue_pool: Pool) -> None:
    await limit(pool, "queue", "probe", per_s=0.5, burst=2)
    await seed_jobs(pool, 3)
    async with queue_pool.acquire() as line:
        first, again_s, _ = await limited_fetch.take(line, 1, ["probe"], 10)
        assert len(first) == 2
        assert again_s is not None
        assert 1.5 < again_s <= 2.0
        later, soon_s, _ = await limited_fetch.take(line, 1, ["probe"], 10)
        assert (later, soon_s is not None and soon_s <= again_s) == ([], True)


async def test_changing_a_rate_gives_no_tokens_away(conn: Connection, pool: Pool, queue_pool: Pool) -> None:
    await limit(pool, "queue", "probe", per_s=0.001, burst=4)
    await seed_jobs(pool, 20)
    async with queue_pool.acquire() as line:
        assert len((await limited_fetch.take(line, 1, ["probe"], 3))[0]) == 3
        await limit(pool, "queue", "probe", per_s=0.002, burst=50)
        assert len((await limited_fetch.take(line, 1, ["probe"], 10))[0]) == 1
    assert await conn.fetchval("SELECT tokens FROM app.limits") < 0.1


@pytest.mark.parametrize("statement", [queue.SQL["fetch"], limited_fetch.SQL["take"]], ids=["fetch", "take"])
async def test_a_long_queue_is_read_in_its_order_and_never_sorted(
    conn: Connection, queue_pool: Pool, statement: str
) -> None:
    await conn.execute(
        "INSERT INTO queue.procrastinate_jobs (queue_name, task_name, tenant_id, execution_id)"
        " SELECT 'probe', 'probe.run', ('00000000-0000-7000-8000-0000000000a' || n % 8)::uuid, gen_random_uuid()"
        " FROM generate_series(1, 20000) n"
    )
    await conn.execute("ANALYZE queue.procrastinate_jobs")
    async with queue_pool.acquire() as line:
        await line.execute(f"PREPARE looked_at (varchar[], bigint, int) AS {statement}")
        rows = await line.fetch("EXPLAIN EXECUTE looked_at (ARRAY['probe', 'crm_sync'], 1, 25)")
    plan = "\n".join(row[0] for row in rows)
    assert "Index Scan using procrastinate_jobs_priority_idx_v1 on procrastinate_jobs" in plan
    assert "procrastinate_jobs_standing" not in plan, plan
