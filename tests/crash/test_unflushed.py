"""What a crash of the server undoes of commits that did not wait for the disk, and that it is done once more (ADR 0049)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

import worker.queue.worker
from contracts.events import Event, Probed
from contracts.settings import Settings
from db import migrate
from db.pool import open_pool
from db.queue import Delivery
from db.transaction import DbRole, Pool, transaction
from front.soak.ground import Ground, ground
from tests.db.conftest import new_tenant
from tests.machines.test_races import proof
from tests.queue.working import until, working
from tests.worker.dispatching import dispatcher, emit
from worker.activities import ACTIVITIES
from worker.perform import Performer
from worker.providers.registry import build
from worker.queue.pool import open_queue_pool

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(180)]
#: Somebody else may flush the log in between, though nobody has a reason to: then the next crash is the test.
CRASHES = 5


@asynccontextmanager
async def lazy(place: Path) -> AsyncIterator[Ground]:
    """A server that writes its log to the disk only when a commit waits for it."""
    async with ground(None, place, keep=False) as on:
        await migrate.migrate(on.url)
        conn = await asyncpg.connect(on.url)
        await conn.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
        await conn.execute("ALTER SYSTEM SET autovacuum = off")
        await conn.close()
        await on.restart()
        yield on


async def count(pool: Pool, query: str) -> int:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return int(await tx.fetchval(query))


WAITING = "SELECT count(*) FROM app.outbox_events"
STANDING = "SELECT count(*) FROM queue.procrastinate_jobs"


def probes(*kinds: bool) -> list[Event]:
    """Three of each kind: `framed` jobs write their own end."""
    return [Probed(probe_id=uuid4(), framed=framed) for framed in kinds for _ in range(3)]


async def test_a_handoff_that_a_crash_undid_is_made_again(place: Path) -> None:
    # S2.14 S2.15 R1: the event stands in the outbox again, and nobody had its job
    async with lazy(place) as on:
        pool = await open_pool(on.url, name="tests", size=3)
        tenant = await new_tenant(pool)
        for _ in range(CRASHES):
            await emit(pool, tenant, *probes(False, True))
            assert (await dispatcher(pool).dispatch_batch())[0] == 6
            assert await count(pool, WAITING) == 0
            await on.restart()
            pool.terminate()
            pool = await open_pool(on.url, name="tests", size=3)
            if undone := await count(pool, WAITING):
                break
        # All of one transaction, or nothing of it.
        assert undone == 6, "no crash undid a handoff: this test shows nothing"
        assert (await dispatcher(pool).dispatch_batch())[0] == 6
        assert (await proof(pool)).ok
        assert await count(pool, "SELECT count(*) - count(DISTINCT event_id) FROM app.job_executions") == 0
        pool.terminate()


async def test_an_end_that_a_crash_undid_is_found_by_the_worker_that_lives_on(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # S2.15: a job that wrote its own end is not run again, one that wrote nothing is
    monkeypatch.setattr(worker.queue.worker, "HANG_S", 600.0)  # beats would flush the log, so there are none
    async with lazy(place) as on:
        pool = await open_pool(on.url, name="tests", size=6)
        queue_pool = await open_queue_pool(on.url)
        tenant, settings, ran = await new_tenant(pool), Settings(database_url=on.url), Counter[UUID]()
        ports = build(settings)
        perform = Performer(pool, settings, ports, ACTIVITIES, lambda: None)

        async def counted(delivery: Delivery) -> None:
            assert delivery.event_id is not None
            ran[delivery.event_id] += 1
            await perform(delivery)

        async with working(queue_pool, on.url, counted, heartbeat_s=600.0) as living:
            for _ in range(CRASHES):
                # One kind after the other: the writes of the one would flush the ends of the other.
                for framed in (True, False):
                    before = living.finished
                    await emit(pool, tenant, *probes(framed))
                    await dispatcher(pool).dispatch_batch()
                    await until(lambda due=before + 3: living.finished >= due)
                    await on.restart()
                    await until(lambda: _reached(pool))
                    await until(lambda: _empty(pool))
                if max(ran.values()) > 1:
                    break
            async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
                rows = await tx.fetch(
                    "SELECT event_id, state, (payload->>'framed')::bool AS framed FROM app.job_executions"
                )
            written = {row["event_id"] for row in rows if row["framed"]}
            assert max(ran.values()) > 1, "no crash undid an end: this test shows nothing"
            assert {row["state"] for row in rows} == {"done"}
            assert {ran[event] for event in written} == {1}
            assert living.stale_finishes == 0
        assert (await proof(pool)).ok
        await ports.close()
        pool.terminate()
        queue_pool.terminate()


async def _reached(pool: Pool) -> bool:
    try:
        await count(pool, STANDING)
    except Exception:
        await asyncio.sleep(0.05)
        return False
    return True


async def _empty(pool: Pool) -> bool:
    return await count(pool, STANDING) == 0
