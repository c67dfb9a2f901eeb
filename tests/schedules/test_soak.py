"""Three schedulers, killed again and again while the clock goes on: no occurrence is missed, none is doubled."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from uuid import UUID

import pytest

from contracts import cron
from db.transaction import Pool
from tests.conftest import Connection
from tests.crash.nursery import Child, Nursery
from tests.flows.installation import Installation, until
from tests.providers.sandbox_fixture import RunningSandbox, sandbox, sandbox_server  # noqa: F401
from tests.schedules.house import make, set_clock, settings
from worker.scheduler import Scheduler

#: An hour before clocks go back in New York.
BEGIN = datetime(2026, 11, 1, 4, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
#: (name, cron, zone)
SCHEDULES = (
    ("every-minute", "* * * * *", "Etc/UTC"),
    ("every-seventh", "*/7 * * * *", "America/New_York"),
    ("half-past", "30 0-6 * * *", "America/New_York"),
    ("lord-howe", "15,45 * * * *", "Australia/Lord_Howe"),
)


async def verdict(conn: Connection, until_: datetime) -> tuple[int, int, int]:
    """(occurrences there were, missed ones, doubled ones) of all schedules."""
    there = missed = doubled = 0
    for name, text, zone in SCHEDULES:
        due = list(islice(cron.parse(text).after(BEGIN, cron.zone_of(zone)), 2000))
        expected = {moment for moment in due if moment <= until_}
        rows = await conn.fetch(
            "SELECT f.due_at, r.occurrence_key, (SELECT count(*) FROM app.outbox_events e WHERE e.aggregate_id = r.id) AS events"
            " FROM app.schedules s JOIN app.schedule_fires f ON f.schedule_id = s.id AND f.outcome = 'started'"
            " LEFT JOIN app.runs r ON r.id = f.run_id WHERE s.name = $1",
            name,
        )
        fired = {row["due_at"] for row in rows if row["events"] == 1 and row["occurrence_key"].startswith(f"{name}:")}
        runs = await conn.fetchval("SELECT count(*) FROM app.runs WHERE requested_by = $1", f"schedule:{name}")
        there += len(expected)
        missed += len(expected - fired)
        doubled += len(rows) - len(fired) + len(fired - expected) + abs(runs - len(rows))
    return there, missed, doubled


async def make_all(pool: Pool, tenant: UUID) -> None:
    for name, text, zone in SCHEDULES:
        await make(pool, tenant, text, name, zone=zone, catch_up="all")


async def test_schedulers_that_die_miss_and_double_nothing(conn: Connection, pool: Pool, tenant: UUID) -> None:
    """The quick one: three loops in this process, cancelled wherever they are, over a hundred minutes and a jump of the clock."""
    # S0.18 S0.19 R7
    await set_clock(conn, BEGIN)
    await make_all(pool, tenant)
    drawn = random.Random(6)
    eager = settings(sched_poll_s=0.02)

    def start() -> asyncio.Task[None]:
        return asyncio.create_task(Scheduler(pool, eager, lambda: None).run())

    loops = [start() for _ in range(3)]
    # Forth and back by an hour in between.
    for minutes in [*range(1, 40), 100, *range(40, 100)]:
        await set_clock(conn, BEGIN + minutes * MINUTE)
        await asyncio.sleep(drawn.uniform(0, 0.03))  # wherever it is, not once it has finished
        if drawn.random() < 0.3:
            victim = drawn.randrange(3)
            loops[victim].cancel()
            with suppress(asyncio.CancelledError):
                await loops[victim]
            loops[victim] = start()
    now = BEGIN + 100 * MINUTE
    await set_clock(conn, now)
    await until(lambda: _settled(conn), 60, "the schedulers do not catch up")
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
    assert await verdict(conn, now) == (100 + 14 + 2 + 3, 0, 0)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.alone
async def test_a_thousand_ticks_with_three_schedulers_and_kills(
    conn: Connection,
    pool: Pool,
    tenant: UUID,
    db_url: str,
    sandbox_server: RunningSandbox,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Real processes, killed with SIGKILL, a thousand minutes of the product's clock, which jumps an hour either way as well."""
    # S0.18 S0.19 R7
    await set_clock(conn, BEGIN)
    await make_all(pool, tenant)
    drawn = random.Random(27)
    outside = Installation(db_url, sandbox_server, tmp_path).environment()
    environment = {**outside, "SCHED_POLL_S": "0.05", "DISCOVERY_RUNNER_ENABLED": "true", "LOG_LEVEL": "WARNING"}
    kills = 0
    async with Nursery(tmp_path) as nursery:

        async def start() -> Child:
            child = await nursery.start("worker", "--only", "schedule", environment=environment)
            await until(lambda: child.ready is not None, 120, "a scheduler does not start")
            return child

        schedulers = [await start() for _ in range(3)]
        for minutes in range(1, 1001):
            await set_clock(conn, BEGIN + minutes * MINUTE)
            if minutes % 250 == 0:
                for jump in (60, -60):
                    await set_clock(conn, BEGIN + (minutes + min(jump, 1000 - minutes)) * MINUTE)
                    await asyncio.sleep(0.3)
                await set_clock(conn, BEGIN + minutes * MINUTE)
            await asyncio.sleep(drawn.uniform(0, 0.1))
            if minutes % 40 == 0:
                victim = drawn.randrange(3)
                await schedulers[victim].kill()
                schedulers[victim] = await start()
                kills += 1
        now = BEGIN + 1000 * MINUTE
        await set_clock(conn, now)
        await until(lambda: _settled(conn), 300, "the schedulers do not catch up")
        there, missed, doubled = await verdict(conn, now)
    assert kills == 25
    assert there > 1000
    assert (missed, doubled) == (0, 0)


async def _settled(conn: Connection) -> bool:
    return bool(await conn.fetchval("SELECT NOT EXISTS (SELECT FROM app.schedules WHERE fire_at <= app.now())"))
