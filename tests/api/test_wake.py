"""The wake-up after a commit: at once, folded, and it survives its connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from api.wake import Wake
from db.queue import OUTBOX_CHANNEL


@asynccontextmanager
async def waking(url: str) -> AsyncIterator[tuple[Wake, asyncio.Queue[None]]]:
    """A started wake and what a dispatcher hears."""
    heard: asyncio.Queue[None] = asyncio.Queue()
    listener = await asyncpg.connect(url)
    await listener.add_listener(OUTBOX_CHANNEL, lambda *_: heard.put_nowait(None))
    wake = Wake(url)
    wake.start()
    try:
        wake.soon()
        await asyncio.wait_for(heard.get(), 10)
        yield wake, heard
    finally:
        await wake.stop()
        await listener.close()


async def test_the_first_wake_up_leaves_at_once(db_url: str) -> None:
    # R8
    async with waking(db_url) as (wake, heard):
        loop = asyncio.get_running_loop()
        took = []
        for _ in range(20):
            began = loop.time()
            wake.soon()
            await asyncio.wait_for(heard.get(), 5)
            took.append(loop.time() - began)
        assert sorted(took)[10] < 0.05


async def test_a_burst_is_folded(db_url: str) -> None:
    async with waking(db_url) as (wake, heard):
        sent = wake.sent
        for _ in range(1000):
            wake.soon()
            await asyncio.sleep(0)
        await asyncio.wait_for(heard.get(), 5)
        assert wake.sent - sent < 100


async def test_it_comes_back_when_its_connection_is_cut(db_url: str, conn: asyncpg.Connection[asyncpg.Record]) -> None:
    async with waking(db_url) as (wake, heard):
        await conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'headwater direct'"
        )
        wake.soon()
        await asyncio.wait_for(heard.get(), 20)
        assert wake.connected


async def test_without_a_server_it_harms_nobody() -> None:
    wake = Wake("postgresql://127.0.0.1:1/nowhere")
    wake.start()
    wake.soon()
    await wake.stop()
    assert not wake.connected
