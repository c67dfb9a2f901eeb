"""Fair share between tenants: a flood of one delays nobody else, measured with real processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from uuid import UUID

import asyncpg
import pytest

from contracts.tenants import Quotas
from db import outbox, queue, quotas
from db.pool import open_pool
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.db.conftest import new_tenant
from tests.flows.installation import Installation
from tests.worker.dispatching import probes

pytestmark = [pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(900)]
FLOOD, STREAM, OTHERS = 100_000, 1_200, 4
#: Seconds that ten jobs may take beside a flood on two busy cores.
SOON_S = 3.0
_FLOOD = """
INSERT INTO app.outbox_events (tenant_id, event_id, aggregate_type, aggregate_id, type, version, payload, available_at, created_at)
SELECT $1, p.id, 'probe', p.id, 'Probed', 1, jsonb_build_object('probeId', p.id, 'key', ''), app.now(), app.now()
  FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, $2)) p
"""
_DONE = "SELECT count(*) FROM app.job_executions WHERE tenant_id = $1 AND state = 'done'"
_STANDING = """
SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM queue.procrastinate_jobs WHERE status = 'todo' GROUP BY tenant_id) s
"""


def jain(shares: Sequence[float]) -> float:
    """Jain's fairness index: 1 when all have the same, 1/n when one has everything (Jain, Chiu, Hawe 1984)."""
    return sum(shares) ** 2 / (len(shares) * sum(x * x for x in shares))


async def ten_jobs(pool: Pool, conn: Connection, tenant: UUID) -> float:
    """Seconds from the commit of ten events to the end of their jobs."""
    before = await conn.fetchval(_DONE, tenant)
    async with transaction(pool, tenant) as tx:
        await outbox.emit_many(tx, tenant, probes(10))
    began = time.monotonic()
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await queue.wake(tx, queue.OUTBOX_CHANNEL)
    while await conn.fetchval(_DONE, tenant) < before + 10:
        assert time.monotonic() - began < 60
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def weigh(pool: Pool, tenant: UUID, weight: int) -> None:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await quotas.put(tx, tenant, Quotas(weight=weight), by="tests")


async def test_a_flood_of_one_tenant_delays_nobody_elses_ten_jobs(house: Installation) -> None:
    # S4.08: fair share, Jain's index and the delay of a quiet tenant
    pool = await open_pool(house.url, name="tests", size=3)
    conn = await asyncpg.connect(house.url)
    flooding, quiet = await new_tenant(pool), await new_tenant(pool)
    streaming = [await new_tenant(pool) for _ in range(OTHERS)]
    async with conn.transaction():
        for tenant, events in [(flooding, FLOOD), *((each, STREAM) for each in streaming)]:
            await conn.execute(_FLOOD, tenant, events)
    everybody = [flooding, *streaming]
    done, standing = [0] * len(everybody), 0
    deadline = time.monotonic() + 300
    # While all of them have a backlog: until the first stream is half done.
    while max(done) < STREAM / 2:
        assert time.monotonic() < deadline, done
        done = [await conn.fetchval(_DONE, each) for each in everybody]
        standing = max(standing, await conn.fetchval(_STANDING))
        await asyncio.sleep(0.2)
    delays = [await ten_jobs(pool, conn, quiet) for _ in range(5)]
    left = await conn.fetchval("SELECT count(*) FROM app.outbox_events WHERE tenant_id = $1", flooding)
    print(
        f"done {done}, Jain {jain(done):.4f}, at most {standing} standing, delays {[f'{d:.2f}' for d in delays]} s, {left} left"
    )
    assert jain(done) >= 0.95, done
    assert standing <= 2 * 200  # two processes dispatch: claims of the same moment do not see each other's jobs
    assert left > FLOOD / 3  # the flood was there all the while
    assert max(delays) < SOON_S
    await conn.execute("DELETE FROM app.outbox_events WHERE tenant_id = ANY($1::uuid[])", everybody)
    await conn.close()
    await pool.close()


async def test_work_is_done_by_weight_and_a_heavy_flood_delays_nobody(house: Installation) -> None:
    # S4.08: three jobs of one tenant for each of the other, while both wait; and ten jobs beside a flood ten times as heavy
    pool = await open_pool(house.url, name="tests", size=3)
    conn = await asyncpg.connect(house.url)
    heavy, light, quiet = [await new_tenant(pool) for _ in range(3)]
    await weigh(pool, heavy, 3)
    async with conn.transaction():
        for tenant in (heavy, light):
            await conn.execute(_FLOOD, tenant, FLOOD // 4)
    done, deadline = [0, 0], time.monotonic() + 300
    while done[0] < 4_000:
        assert time.monotonic() < deadline, done
        done = [await conn.fetchval(_DONE, each) for each in (heavy, light)]
        await asyncio.sleep(0.05)
    ratio = done[0] / done[1]
    await weigh(pool, heavy, 10)
    delays = [await ten_jobs(pool, conn, quiet) for _ in range(3)]
    left = [
        await conn.fetchval("SELECT count(*) FROM app.outbox_events WHERE tenant_id = $1", each)
        for each in (heavy, light)
    ]
    print(f"done {done}, ratio {ratio:.2f}, delays {[f'{d:.2f}' for d in delays]} s, {left} left")
    assert min(left) > 0  # both had a backlog all the while
    assert 2.6 < ratio < 3.4
    assert max(delays) < SOON_S
    await conn.execute("DELETE FROM app.outbox_events WHERE tenant_id = ANY($1::uuid[])", [heavy, light])
    await conn.close()
    await pool.close()
