"""A worker that was taken for dead and lives: its job is done once, and the crash counted for it is taken back."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from contracts.jobs import ALONE_QUEUE
from db import executions, jobs, queue
from db.queue import Delivery, Stranded
from db.transaction import DbRole, Pool, Tx, transaction
from tests.api.server_fixture import serving, settings_of_tests
from tests.conftest import Connection
from tests.queue.seeding import TENANT, hand_off, seed_jobs, states
from tests.queue.working import until, victim, working
from worker.maintenance import rescue_once

SILENT_S = 0.5


async def no_hook(tx: Tx, one: Stranded) -> None:
    """Nobody waits for it."""


async def nothing(delivery: Delivery) -> None:
    """A job without work."""


@dataclass
class Hands:
    """A worker as the database sees it: it says hello, takes jobs, falls silent, and may come back."""

    pool: Pool
    conn: Connection
    id: int

    @classmethod
    async def hired(cls, pool: Pool, conn: Connection) -> Hands:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            return cls(pool, conn, await queue.register(tx, "here", 1, ["jobs"]))

    async def take(self) -> Delivery:
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            found = await queue.fetch(tx, self.id, ["probe", ALONE_QUEUE], 1)
        assert len(found) == 1
        return found[0]

    async def fall_silent(self) -> None:
        await self.conn.execute("UPDATE app.workers SET beat_at = app.now() - interval '1 hour' WHERE id = $1", self.id)

    async def beat(self) -> None:
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            assert await queue.beat(tx, self.id)


async def rescued_from(worker: Hands, *, quarantined: int = 0) -> None:
    """It falls silent, and what it holds is taken from it."""
    await worker.fall_silent()
    report = await rescue_once(worker.pool, SILENT_S, no_hook)
    assert (report.rescued, report.quarantined) == (1 - quarantined, quarantined)


async def comes_back(pool: Pool, d: Delivery) -> list[jobs.Late]:
    """The attempt is refused, and says so as the frame does: as the tenant."""
    async with transaction(pool, d.tenant_id) as tx:
        return await jobs.came_back(tx, [d.attempt])


async def crashes(conn: Connection) -> int:
    found: int = await conn.fetchval("SELECT crashes FROM app.job_executions")
    return found


async def test_no_number_of_false_rescues_quarantines_a_healthy_job(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    # law 4, S2.05: three in a row take it, fall silent, and come back to find it another's. The third crash is the last.
    release = [asyncio.Event() for _ in range(4)]
    begun: list[UUID] = []

    async def perform(delivery: Delivery) -> None:
        begun.append(delivery.execution_id)
        await release[len(begun) - 1].wait()

    async def taken_away() -> bool:
        return (await rescue_once(pool, SILENT_S, no_hook)).rescued == 1

    await seed_jobs(pool, 1)
    async with AsyncExitStack() as stack:
        for nth in range(3):
            # It beats once, when it says hello, and has no place for what is taken from it.
            worker = await stack.enter_async_context(
                working(queue_pool, db_url, perform, concurrency=1, heartbeat_s=60.0, poll_s=60.0)
            )
            await until(lambda nth=nth: len(begun) == nth + 1)
            await until(taken_away)
            worker.stop()
            release[nth].set()
            await until(lambda worker=worker: worker.stale_finishes == 1)
            await until(lambda: _none_counted(conn))
        release[3].set()
        last = await stack.enter_async_context(working(queue_pool, db_url, perform))
        await until(lambda: last.finished == 1)
    assert await states(pool) == {"done": 1}
    assert len(begun) == 4
    assert await conn.fetchval("SELECT count(*) FROM app.dead_letters") == 0
    assert await conn.fetchval("SELECT count(*) FROM app.job_attempts WHERE fenced_at IS NOT NULL") == 3


async def _none_counted(conn: Connection) -> bool:
    return await crashes(conn) == 0


async def test_a_crash_is_taken_back_once_in_whatever_order_they_come_back(conn: Connection, pool: Pool) -> None:
    # law 4
    await seed_jobs(pool, 1)
    first, second = await Hands.hired(pool, conn), await Hands.hired(pool, conn)
    one = await first.take()
    await rescued_from(first)
    other = await second.take()
    await rescued_from(second)
    assert await crashes(conn) == 2
    (told,) = await comes_back(pool, other)
    assert (told.first, told.quarantined) == (True, False)
    assert await crashes(conn) == 1
    # An answer that was lost: it says so again.
    (again,) = await comes_back(pool, other)
    assert again.first is False
    assert await crashes(conn) == 1
    await comes_back(pool, one)
    assert await crashes(conn) == 0


async def test_two_attempts_of_one_job_in_one_batch_are_two_crashes(conn: Connection, pool: Pool) -> None:
    # A worker may be given the job that was taken from it.
    await seed_jobs(pool, 1)
    worker = await Hands.hired(pool, conn)
    one = await worker.take()
    await rescued_from(worker)
    two = await worker.take()
    await rescued_from(worker)
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        late = await jobs.came_back(tx, [(d.tenant_id, d.execution_id, d.token) for d in (two, one)])
    assert [each.first for each in late] == [True, True]
    assert await crashes(conn) == 0


async def test_a_worker_that_lives_has_not_died_of_the_job_it_still_runs(conn: Connection, pool: Pool) -> None:
    # law 4: a long job comes to the fence long after its rescue; until then its worker's beats speak for it.
    await seed_jobs(pool, 1)
    slow = [await Hands.hired(pool, conn) for _ in range(4)]
    for worker in slow:
        delivery = await worker.take()
        assert delivery.queue == "probe", "it would run alone"
        await rescued_from(worker)
        await worker.beat()
    assert await crashes(conn) == 4
    # They die after all, before they come to the fence: now each counts.
    for worker in slow:
        await worker.fall_silent()
    last = await Hands.hired(pool, conn)
    await last.take()
    await rescued_from(last, quarantined=1)
    assert await states(pool) == {"quarantined": 1}


async def test_a_quarantine_stands_until_somebody_retries_it(conn: Connection, pool: Pool) -> None:
    # Its run has been told: to take it up again is a decision. Its worker is told how.
    await seed_jobs(pool, 1)
    workers = [await Hands.hired(pool, conn) for _ in range(3)]
    held = [await workers[0].take()]
    await rescued_from(workers[0])
    held.append(await workers[1].take())
    await rescued_from(workers[1])
    held.append(await workers[2].take())
    await rescued_from(workers[2], quarantined=1)
    for delivery, left in zip(held, (2, 1, 0), strict=True):
        (told,) = await comes_back(pool, delivery)
        assert (told.first, told.quarantined) == (True, True)
        assert await crashes(conn) == left
    assert await states(pool) == {"quarantined": 1}
    assert await conn.fetchval("SELECT count(*) FROM app.dead_letters WHERE resolved_at IS NULL") == 1


async def test_who_comes_back_from_before_a_retry_takes_nothing_from_what_was_counted_since(
    conn: Connection, pool: Pool
) -> None:
    await conn.execute("INSERT INTO app.tenants (id, slug, name) VALUES ($1, 'tests', 'Tests')", TENANT)
    await seed_jobs(pool, 1)
    workers = [await Hands.hired(pool, conn) for _ in range(4)]
    held = [await workers[0].take()]
    await rescued_from(workers[0])
    held.append(await workers[1].take())
    await rescued_from(workers[1])
    held.append(await workers[2].take())
    await rescued_from(workers[2], quarantined=1)
    async with transaction(pool, TENANT) as tx:
        await executions.retry_execution(tx, [TENANT], held[0].execution_id, "olga")
    assert await hand_off(pool) == 1
    fresh = await workers[3].take()
    await rescued_from(workers[3])
    for delivery in held:
        await comes_back(pool, delivery)
        assert await crashes(conn) == 1
    await comes_back(pool, fresh)
    assert await crashes(conn) == 0


@pytest.mark.slow
async def test_a_stalled_event_loop_is_rescued_falsely_comes_back_and_is_counted(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    # law 4, S2.05: the loop stands still, so its beats end; another does the job, once; /metrics says nobody had died.
    with serving(db_url, settings_of_tests()) as (url, _):
        await seed_jobs(pool, 1)
        stall = {"VICTIM_S": "3", "VICTIM_STUCK_S": "0.3", "WORKER_HEARTBEAT_S": "0.1"}
        async with victim(db_url, "block", **stall) as stalled:
            await stalled.heard("started")
            await until(lambda: _taken_away(pool))
            assert await figures(f"{url}/metrics") == (1, 0)
            async with working(queue_pool, db_url, nothing) as worker:
                await until(lambda: worker.finished == 1)
            assert await states(pool) == {"done": 1}
            await stalled.heard("ended")
            await until(lambda: _none_counted(conn))
        assert await figures(f"{url}/metrics") == (1, 1)
    assert await conn.fetchval("SELECT count(*) FROM queue.procrastinate_jobs") == 0


async def _taken_away(pool: Pool) -> bool:
    return (await rescue_once(pool, SILENT_S, no_hook)).rescued == 1


async def figures(url: str) -> tuple[float, float]:
    """(rescues, false rescues) of the last hour."""
    async with httpx.AsyncClient() as client:
        page = (await client.get(url)).text
    shown = {family.name: family.samples[0].value for family in text_string_to_metric_families(page) if family.samples}
    return shown["headwater_rescues_1h"], shown["headwater_false_rescues_1h"]
