"""Connections behind a pooler leave nothing in a session, and bring what they need with each transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.errors import Unavailable
from contracts.settings import Settings
from db import address, pooler, queue
from db.pool import open_pool
from db.transaction import DbRole, Pool, transaction
from front.recovery.bouncer import Bouncer, installed
from worker.queue.pool import connect, open_queue_pool

SEEN = "SELECT current_setting('search_path'), current_setting('role'), current_setting('jit'), current_setting('plan_cache_mode')"


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("postgresql://u:p@h:6432/d?pgbouncer=true", ("postgresql://u:p@h:6432/d", True)),
        ("postgresql://u@h/d?sslmode=require&pgbouncer=1", ("postgresql://u@h/d?sslmode=require", True)),
        ("postgresql://u@h/d?pgbouncer=false", ("postgresql://u@h/d", False)),
        ("postgresql://u@h/d?sslmode=require", ("postgresql://u@h/d?sslmode=require", False)),
    ],
)
def test_a_url_says_whether_a_pooler_stands_before_its_server(url: str, found: tuple[str, bool]) -> None:
    assert pooler.split(url) == found


def test_listening_and_migrations_need_a_direct_way() -> None:
    pooled = "postgresql://u@h:6432/d?pgbouncer=true"
    straight = "postgresql://u@h:5432/d"
    assert address.direct_url(Settings(database_url=pooled), pooled) is None
    assert address.direct_url(Settings(database_url=pooled, database_direct_url=straight), pooled) == straight
    assert address.direct_url(Settings(database_url=straight), straight) == straight
    with pytest.raises(Unavailable, match="DATABASE_DIRECT_URL"):
        address.migration_url(Settings(database_url=pooled))


async def test_settings_come_with_each_transaction_and_go_with_it(db_url: str) -> None:
    # The pooled way, straight to a server: a session of our own shows what would be left to others.
    pool = await open_queue_pool(f"{db_url}?pgbouncer=true", size=1)
    async with pool.acquire() as session:
        assert tuple(await session.fetchrow(SEEN) or ()) == (
            "queue, app, pg_catalog", "headwater_system", "off", "force_generic_plan",
        )  # fmt: skip
        assert await session.execute("SHOW role") == "SHOW"
        left = await session._con._protocol.query(SEEN, 5)  # type: ignore[attr-defined]
        assert left == "SELECT 1"
        async with session.transaction():
            assert await session.fetchval("SELECT current_setting('role')") == "headwater_system"
            # A local setting made inside stays inside.
            await session.execute("SET LOCAL jit = on")
        assert await session.fetchval("SELECT current_setting('jit')") == "off"
        assert await session.fetch("SELECT name FROM pg_prepared_statements") == []
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        assert await tx.fetchval("SELECT current_setting('search_path')") == "queue, app, pg_catalog"
    await pool.close()


async def test_a_statement_that_fails_leaves_no_transaction_open(db_url: str) -> None:
    pool = await open_pool(f"{db_url}?pgbouncer=true", name="tests", size=1)
    async with pool.acquire() as session:
        with pytest.raises(Exception, match="division by zero"):
            await session.fetchval("SELECT 1 / $1::int", 0)
        assert not session.is_in_transaction()
        assert await session.fetchval("SELECT $1::int", 7) == 7
    await pool.close()


@pytest.fixture
async def bounced(db_url: str, place: Path) -> AsyncIterator[Pool]:
    if installed() is None:
        pytest.skip("pgbouncer is not installed (Debian: apt install pgbouncer): nothing was tried behind it")
    bouncer = Bouncer(place / "pgbouncer", db_url)
    await bouncer.start()
    pool = await open_queue_pool(bouncer.url, size=30)
    yield pool
    await pool.close()
    await bouncer.stop()


async def test_more_clients_than_sessions_share_them_and_notifications_come_out(bounced: Pool, db_url: str) -> None:
    heard = asyncio.Event()
    listening = await connect(db_url, name="tests")
    await listening.add_listener(queue.JOBS_CHANNEL, lambda *_: heard.set())

    async def one(n: int) -> int:
        async with bounced.acquire() as session:
            return int(await session.fetchval("SELECT $1::int FROM pg_sleep(0.01)", n))

    for _ in range(3):
        assert await asyncio.gather(*[one(n) for n in range(30)]) == list(range(30))
    async with bounced.acquire() as session:
        assert (
            0
            < await session.fetchval("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'headwater queue'")
            <= 12
        )
        await queue.wake(session, queue.JOBS_CHANNEL)
    await asyncio.wait_for(heard.wait(), 10)
    await listening.close()
