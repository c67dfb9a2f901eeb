"""The proxy of a soak does what it is told to: a storm through one that does not would prove nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from db import checkup
from front.soak.proxy import LISTENER, Proxy
from tests.api.server_fixture import settings_of_tests
from tests.conftest import Connection


@pytest.fixture
async def proxy(db_url: str) -> AsyncIterator[Proxy]:
    parts = urlsplit(db_url)
    made = Proxy(parts.hostname or "", parts.port or 5432)
    await made.start()
    yield made
    await made.stop()


async def _connect(proxy: Proxy, db_url: str, name: str = "headwater somebody") -> Connection:
    return await asyncpg.connect(_through(proxy, db_url), server_settings={"application_name": name}, timeout=20)


def _through(proxy: Proxy, db_url: str) -> str:
    parts = urlsplit(db_url)
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{proxy.port}"))


async def test_it_passes_everything_on(proxy: Proxy, db_url: str) -> None:
    through = await _connect(proxy, db_url)
    assert await through.fetchval("SELECT length($1::text)", "x" * 3_000_000) == 3_000_000
    assert len(await through.fetchval("SELECT repeat('y', 3000000)")) == 3_000_000
    assert [link.name for link in proxy.links("some")] == ["headwater somebody"]
    await through.close()


async def test_a_cut_is_an_error_at_once_and_the_next_connection_works(proxy: Proxy, db_url: str) -> None:
    through = await _connect(proxy, db_url)
    asking = asyncio.create_task(through.fetchval("SELECT pg_sleep(60)"))
    await asyncio.sleep(0)
    proxy.cut(proxy.links())
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)):
        await asyncio.wait_for(asking, 20)
    again = await _connect(proxy, db_url)
    assert await again.fetchval("SELECT 1") == 1
    await again.close()


async def test_a_delay_is_felt_in_both_directions_and_ends(proxy: Proxy, db_url: str) -> None:
    through = await _connect(proxy, db_url)
    await through.fetchval("SELECT 1")
    proxy.delay_s = 0.3
    began = time.monotonic()
    assert await through.fetchval("SELECT 1") == 1
    assert time.monotonic() - began >= 0.6
    # What is said after the end of a delay does not overtake what was said before it.
    asking = asyncio.create_task(through.fetch("SELECT n FROM generate_series(1, 50000) n"))
    await asyncio.sleep(0)
    proxy.delay_s = 0.0
    assert [row["n"] for row in await asking] == list(range(1, 50001))
    await through.close()


async def test_a_half_open_connection_says_nothing_and_stays_open(proxy: Proxy, db_url: str, conn: Connection) -> None:
    through = await _connect(proxy, db_url)
    server_pid = await through.fetchval("SELECT pg_backend_pid()")
    proxy.silence(proxy.links())
    with pytest.raises(TimeoutError):
        await through.fetchval("SELECT 1", timeout=1)
    through.terminate()
    # The client has gone for good; the server has not been told.
    assert await conn.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", server_pid) == 1
    proxy.heal()
    async with asyncio.timeout(30):
        while await conn.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", server_pid):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_the_doctor_names_a_way_on_which_nothing_is_heard(
    proxy: Proxy, db_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # B.10
    monkeypatch.setattr(checkup, "HEARD_S", 0.5)
    through = _through(proxy, db_url)
    settings = settings_of_tests(database_url=through)

    async def said() -> tuple[str, str, str | None]:
        (found,) = [each for each in await checkup.examine(through, settings) if each.check == "notifications"]
        return found.level, found.found, found.mend

    monkeypatch.setattr("front.soak.proxy.LISTENER", "headwater direct")  # as whom it listens
    proxy.deaf = True
    level, words, mend = await said()
    assert (level, "was not heard" in words, "session pool" in (mend or "")) == ("wrong", True, True)
    proxy.deaf = False
    assert await said() == ("ok", "a NOTIFY is heard", None)


async def test_a_deaf_proxy_drops_notifications_and_nothing_else(proxy: Proxy, db_url: str, conn: Connection) -> None:
    # R8
    heard: list[object] = []
    through = await _connect(proxy, db_url, f"headwater {LISTENER}")
    await through.add_listener("news", lambda *message: heard.append(message[3]))
    proxy.deaf = True
    await conn.execute("NOTIFY news, 'unheard'")
    assert await through.fetchval("SELECT 'still ' || 'there'") == "still there"
    proxy.deaf = False
    await conn.execute("NOTIFY news, 'heard'")
    async with asyncio.timeout(30):
        while not heard:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert (heard, proxy.notifications_dropped) == (["heard"], 1)
    await through.close()
