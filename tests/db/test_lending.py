"""The pool's quick way: nobody waits while a connection is free, none is lent twice, and a bad one goes to nobody."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import asyncpg
import pytest

from contracts.errors import Unavailable
from db import lending
from db.lending import LendingPool
from db.pool import open_pool
from db.transaction import CONNECTION_ERRORS, DbRole, transaction
from tests.conftest import Connection
from tests.flows.installation import until

PID = "SELECT pg_backend_pid()"


@pytest.fixture
async def pool(db_url: str) -> AsyncIterator[LendingPool]:
    opened = await open_pool(db_url, name="lending", size=2)
    assert isinstance(opened, LendingPool)
    yield opened
    await asyncio.wait_for(opened.close(), 30)


async def _pid(pool: LendingPool) -> int:
    async with transaction(pool, None) as tx:
        pid: int = await tx.fetchval(PID)
        return pid


async def test_two_connections_serve_a_crowd_one_at_a_time_each(pool: LendingPool) -> None:
    users: dict[int, int] = {}
    most = 0

    async def one() -> None:
        nonlocal most
        async with transaction(pool, None) as tx:
            pid = await tx.fetchval(PID)
            users[pid] = users.get(pid, 0) + 1
            most = max(most, users[pid])
            await tx.fetchval("SELECT 1")
            users[pid] -= 1

    await asyncio.gather(*[one() for _ in range(200)])
    assert (most, len(users)) == (1, 2)


async def test_who_waits_too_long_is_told_and_takes_nothing_along(pool: LendingPool) -> None:
    first, second = await pool.acquire(), await pool.acquire()
    with pytest.raises(TimeoutError):
        await pool.acquire(timeout=0.05)
    waiting = [asyncio.create_task(_pid(pool)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await pool.release(first)
    await pool.release(second)
    with suppress(asyncio.CancelledError):
        await waiting[0]
    assert len({await waiting[1], await waiting[2], await _pid(pool)}) <= 2


async def test_whoever_gives_up_as_a_connection_comes_passes_it_on(pool: LendingPool) -> None:
    first, second = await pool.acquire(), await pool.acquire()
    loser, winner = (asyncio.create_task(_pid(pool)) for _ in range(2))
    await asyncio.sleep(0)
    assert pool.keep(first)  # on its way to the loser
    loser.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loser
    await asyncio.wait_for(winner, 20)
    await pool.release(second)


async def test_a_session_that_ended_while_it_was_kept_goes_to_nobody(pool: LendingPool, conn: Connection) -> None:
    before = await _pid(pool)
    await conn.fetchval("SELECT pg_terminate_backend($1, 5000)", before)

    def gone() -> bool:
        return all(not pool._fit(kept) for kept in pool._kept)

    await until(gone, 20, "the client never heard of it")
    assert await _pid(pool) != before


async def test_a_session_that_ends_inside_a_transaction_frees_its_place(pool: LendingPool, conn: Connection) -> None:
    for _ in range(5):
        with pytest.raises((asyncpg.PostgresError, *CONNECTION_ERRORS)):
            await _cut_off(pool, conn)
    assert len({await _pid(pool) for _ in range(4)}) == 1


async def _cut_off(pool: LendingPool, conn: Connection) -> None:
    async with transaction(pool, None) as tx:
        await conn.fetchval("SELECT pg_terminate_backend($1, 5000)", await tx.fetchval(PID))
        await tx.fetchval("SELECT 1")


async def test_a_cancelled_statement_leaves_a_connection_that_works(pool: LendingPool, conn: Connection) -> None:
    async def under_way() -> bool:
        asked = (
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep')"
        )
        return bool(await conn.fetchval(asked))

    for _ in range(5):
        slow = asyncio.create_task(_sleep(pool))
        await until(under_way, 20, "the statement never began")
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
    assert await asyncio.gather(*[_pid(pool) for _ in range(10)])


async def _sleep(pool: LendingPool) -> None:
    async with transaction(pool, None) as tx:
        await tx.execute("SELECT pg_sleep(30)")


async def test_expired_connections_are_replaced(pool: LendingPool) -> None:
    before = await _pid(pool)
    async with transaction(pool, None) as tx:
        await pool.expire_connections()
        held = await tx.fetchval(PID)
    assert {await _pid(pool), await _pid(pool)}.isdisjoint({before, held})


async def test_what_nobody_needs_goes_back_to_asyncpg(pool: LendingPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lending, "IDLE_S", 0.05)
    await asyncio.gather(*[_sleepless(pool) for _ in range(2)])
    await until(lambda: pool.get_idle_size() == pool.get_size() > 0, 20, "idle connections are kept for ever")
    assert await _pid(pool)


async def _sleepless(pool: LendingPool) -> None:
    async with transaction(pool, None) as tx:
        await tx.fetchval("SELECT pg_sleep(0.05)")


async def test_a_closed_pool_lends_nothing(db_url: str) -> None:
    pool = await open_pool(db_url, name="lending", size=1)
    held = await pool.acquire()
    waiting = asyncio.create_task(_pid(pool))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    closing = asyncio.create_task(pool.close())
    await asyncio.sleep(0)
    await pool.release(held)
    with pytest.raises(Unavailable):
        await waiting
    await asyncio.wait_for(closing, 20)
    with pytest.raises(asyncpg.InterfaceError):
        await pool.acquire()


async def test_a_transaction_that_ends_as_the_pool_closes_does_not_hold_it_open(pool: LendingPool) -> None:
    await asyncio.gather(*[_sleepless(pool) for _ in range(2)])  # two are kept
    last = await pool.acquire()
    closing = asyncio.create_task(pool.close())
    await asyncio.sleep(0)  # it gives back what is kept, before asyncpg knows that it closes
    if not pool.keep(last):
        await pool.release(last)
    await asyncio.wait_for(closing, 20)


async def test_a_connection_that_nobody_waits_for_any_more_does_not_hold_a_closing_pool_open(
    pool: LendingPool,
) -> None:
    first, second = await pool.acquire(), await pool.acquire()
    waiting = asyncio.create_task(_pid(pool))
    await asyncio.sleep(0)
    closing = asyncio.create_task(pool.close())
    assert pool.keep(first)  # on its way
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await pool.release(second)
    await asyncio.wait_for(closing, 20)


async def test_who_is_cancelled_twice_as_a_transaction_opens_gives_its_connection_back(
    db_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = await open_pool(db_url, name="lending", size=1)
    with monkeypatch.context() as slow:
        slow.setattr("db.transaction.opening", lambda *_: "BEGIN; SELECT pg_sleep(30)")
        opening = asyncio.create_task(_pid(pool))  # type: ignore[arg-type]
        await asyncio.sleep(0.1)
        opening.cancel()
        await asyncio.sleep(0)  # it rolls back
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
    assert await asyncio.wait_for(_pid(pool), 30)  # type: ignore[arg-type]
    await asyncio.wait_for(pool.close(), 30)


async def test_a_close_that_is_given_up_leaves_no_session_behind(pool: LendingPool, conn: Connection) -> None:
    await asyncio.gather(*[_sleepless(pool) for _ in range(2)])
    closing = asyncio.create_task(pool.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lending' AND datname = current_database()"

    async def none_left() -> bool:
        return bool(await conn.fetchval(count) == 0)

    await until(none_left, 20, "a session stays")


async def test_a_commit_that_rolls_back_is_an_error(pool: LendingPool, conn: Connection) -> None:
    # Whoever swallows a statement's error has lost all the others; Postgres answers COMMIT with ROLLBACK, not with an error.
    with pytest.raises(asyncpg.InFailedSQLTransactionError):
        await _swallow(pool)
    assert await conn.fetchval("SELECT to_regclass('app.swallowed')") is None
    assert await _pid(pool)


async def _swallow(pool: LendingPool) -> None:
    async with transaction(pool, None, role=DbRole.OWNER) as tx:
        await tx.execute("CREATE TABLE app.swallowed ()")
        with suppress(asyncpg.DivisionByZeroError):
            await tx.execute("SELECT 1 / 0")


def test_what_is_leaned_on_inside_of_asyncpg() -> None:
    assert asyncpg.__version__.startswith("0.32."), "read asyncpg/pool.py again, then change this line"
    assert list(inspect.signature(asyncpg.Pool._acquire).parameters) == ["self", "timeout"]  # type: ignore[attr-defined]
    slots: Any = (*asyncpg.Pool.__slots__, *asyncpg.pool.PoolConnectionHolder.__slots__)
    assert {"_generation", "_maxsize", "_con", "_pool", "_holders", "_in_use"} <= set(slots)
    assert {"queries_count", "is_in_transaction"} <= set(dir(asyncpg.protocol.protocol.BaseProtocol))
    assert {"_con", "_holder"} <= set(asyncpg.pool.PoolConnectionProxy.__slots__)
