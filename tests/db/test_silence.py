"""Half-open connections: a transaction that the server knows nothing of is broken off, one that it works for is left alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from contracts.errors import Unavailable
from db.lending import LendingPool
from db.pool import open_pool
from db.silence import SilenceWatch
from db.transaction import DbRole, transaction
from front.soak.proxy import Proxy
from tests.flows.installation import until


@pytest.fixture
async def proxy(db_url: str) -> AsyncIterator[Proxy]:
    parts = urlsplit(db_url)
    made = Proxy(parts.hostname or "", parts.port or 5432)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def pool(proxy: Proxy, db_url: str) -> AsyncIterator[LendingPool]:
    parts = urlsplit(db_url)
    through = urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{proxy.port}"))
    made = await open_pool(through, name="headwater half-open", size=3, opening_s=3)
    assert isinstance(made, LendingPool)
    yield made
    made.terminate()


@pytest.mark.slow
async def test_a_silent_transaction_is_broken_off_and_a_slow_one_is_not(
    proxy: Proxy, pool: LendingPool, db_url: str
) -> None:
    watch = SilenceWatch(db_url, [pool])
    slow = await asyncpg.connect(db_url)
    await slow.execute("BEGIN")
    working = asyncio.create_task(slow.fetchval("SELECT 1 FROM pg_sleep(4)"))
    begun = asyncio.Event()

    async def read() -> None:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            await tx.fetchval("SELECT 1")
            proxy.silence(proxy.links("half-open"))
            begun.set()
            await tx.fetchval("SELECT 2")

    async def found() -> bool:
        await watch.ask([*pool.in_transactions(), slow])
        return watch.found == 1

    reading = asyncio.create_task(read())
    await begun.wait()
    await until(found, 20, "nobody noticed")
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
        await reading
    assert await working == 1
    await slow.close()
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        assert await tx.fetchval("SELECT 3") == 3


async def test_one_that_is_closed_while_the_server_is_asked_is_nobodys_concern(pool: LendingPool, db_url: str) -> None:
    watch = SilenceWatch(db_url, [pool])
    gone, going = await asyncpg.connect(db_url), await asyncpg.connect(db_url)
    await going.execute("BEGIN")
    await gone.close()
    asking = asyncio.create_task(watch.ask([gone, going]))
    await asyncio.sleep(0)
    going.terminate()
    await asking
    assert watch.found == 0


@pytest.mark.slow
async def test_connections_at_hand_that_went_silent_cost_one_short_wait_together(
    proxy: Proxy, pool: LendingPool
) -> None:
    async with (
        transaction(pool, None, role=DbRole.SYSTEM),
        transaction(pool, None, role=DbRole.SYSTEM),
        transaction(pool, None, role=DbRole.SYSTEM),
    ):
        pass
    proxy.silence(proxy.links("half-open"))
    began = time.monotonic()
    with pytest.raises(Unavailable):
        async with transaction(pool, None, role=DbRole.SYSTEM):
            pass
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        assert await tx.fetchval("SELECT 1") == 1
    assert time.monotonic() - began < 10
