"""Sites are asked one request at a time, at a distance, by all workers together (over a real Postgres)."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import asyncpg
import pytest

from contracts.errors import VendorBusy
from contracts.settings import Settings
from contracts.sites import HostTurns, Robots
from db.transaction import Pool, transaction
from tests.conftest import Connection
from tests.db.conftest import new_tenant
from worker.hosts import Hosts
from worker.pace import Pacer

SITE = "acme.example"


def worker(pool: Pool, *, hold_s: float = 10, patience_s: float = 15) -> Hosts:
    return Hosts(pool, hold_s=hold_s, patience_s=patience_s)


async def test_one_request_at_a_time_and_never_too_soon(pool: Pool) -> None:
    # S3.03
    spans: list[tuple[float, float]] = []

    async def ask(by: Hosts) -> None:
        async with by.turn(SITE, 0.15):
            began = time.monotonic()
            await asyncio.sleep(0.02)
            spans.append((began, time.monotonic()))

    workers = [worker(pool), worker(pool)]
    await asyncio.gather(*(ask(each) for each in workers for _ in range(2)))
    spans.sort()
    assert all(later[0] >= earlier[1] for earlier, later in pairwise(spans))
    assert all(later[0] - earlier[0] >= 0.149 for earlier, later in pairwise(spans))


async def test_other_sites_do_not_wait(pool: Pool) -> None:
    # S3.03
    began = time.monotonic()
    async with worker(pool).turn(SITE, 5), worker(pool).turn("other.example", 5):
        assert time.monotonic() - began < 1


async def test_a_long_wait_is_left_to_another_time(pool: Pool) -> None:
    # S3.03 S3.14: the job goes and another site's comes
    async with worker(pool).turn(SITE, 30):
        pass
    with pytest.raises(VendorBusy) as busy:
        async with worker(pool, patience_s=0.2).turn(SITE, 0.5):
            pytest.fail("too soon")
    assert busy.value.code == "host_busy"
    assert busy.value.after_s is not None
    assert 25 < busy.value.after_s <= 30


async def test_a_site_held_by_a_dead_worker_is_free_after_its_time(pool: Pool) -> None:
    # S3.10
    dead = worker(pool, hold_s=0.3).turn(SITE, 0)
    await dead.__aenter__()  # and never leaves
    with pytest.raises(VendorBusy):
        async with worker(pool, patience_s=0.05).turn(SITE, 0):
            pytest.fail("it is held")
    async with worker(pool).turn(SITE, 0):
        pass


async def test_a_site_that_says_not_now_is_left_alone_and_asked_more_slowly_after(pool: Pool, conn: Connection) -> None:
    # S3.03
    pacer: HostTurns = Pacer(pool, Settings())
    async with pacer.host_turn(SITE, 0.5):
        await pacer.leave_alone(SITE, 40)
    with pytest.raises(VendorBusy) as busy:
        async with pacer.host_turn(SITE, 0.5):
            pytest.fail("it said not now")
    assert busy.value.after_s is not None
    assert 35 < busy.value.after_s <= 40
    for _ in range(9):
        await pacer.leave_alone(SITE, None)
    assert await conn.fetchval("SELECT delay_s FROM app.crawl_hosts") == 60
    assert await conn.fetchval("SELECT next_at < app.now() + interval '61 s' FROM app.crawl_hosts")


async def test_robots_are_kept_a_day_and_a_failure_an_hour(pool: Pool, conn: Connection) -> None:
    # S3.03
    pacer: HostTurns = Pacer(pool, Settings())
    now = datetime.now(UTC)
    said = Robots(origin="https://acme.example", status=200, text="User-agent: *\nDisallow: /x\n", fetched_at=now)
    failed = Robots(origin="http://acme.example", status=503, fetched_at=now)
    assert await pacer.robots_of(said.origin) is None
    for each in (said, failed, said):
        await pacer.remember_robots(each)
    assert await pacer.robots_of(said.origin) == said
    assert await pacer.robots_of(failed.origin) == failed
    lasts = await conn.fetch("SELECT expires_at - fetched_at FROM app.crawl_robots ORDER BY origin")
    assert [row[0] for row in lasts] == [timedelta(hours=1), timedelta(days=1)]
    await pacer.remember_robots(said.model_copy(update={"fetched_at": now - timedelta(days=2)}))
    assert await pacer.robots_of(said.origin) is None


async def test_a_tenant_cannot_read_whom_others_look_at(pool: Pool) -> None:
    # R18
    async with worker(pool).turn(SITE, 0):
        pass
    tenant = await new_tenant(pool)
    for table in ("crawl_hosts", "crawl_robots", "paces", "breakers"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with transaction(pool, tenant) as tx:
                await tx.fetch(f"SELECT * FROM app.{table}")
