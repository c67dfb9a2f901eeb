"""A transaction that only read is handed on still open: the next one's first message ends it, or the pool does, at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from db.lending import LendingPool
from db.pool import open_pool
from db.transaction import DbRole, transaction
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


async def _read(pool: LendingPool) -> int:
    async with transaction(pool, None, read_only=True) as tx:
        pid: int = await tx.fetchval(PID)
        return pid


async def _open_transactions(conn: Connection) -> int:
    asked = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lending'"
        " AND datname = current_database() AND state LIKE 'idle in transaction%'"
    )
    return int(await conn.fetchval(asked))


async def test_a_read_only_transaction_refuses_a_write(pool: LendingPool) -> None:
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await _write(pool, read_only=True)
    await _write(pool, read_only=False)  # and what follows on the same connection may write again


async def _write(pool: LendingPool, *, read_only: bool) -> None:
    async with transaction(pool, None, role=DbRole.OWNER, read_only=read_only) as tx:
        await tx.execute("CREATE TABLE app.not_by_a_reader ()")


async def test_what_follows_a_read_ends_it_in_its_first_message(pool: LendingPool, conn: Connection) -> None:
    first = await _read(pool)
    assert len(pool._owing) == 1
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        assert await tx.fetchval(PID) == first
        assert pool._owing == set()
        # Its own transaction, its own role, and no longer a reader's.
        said = await tx.fetchrow("SELECT current_user, current_setting('transaction_read_only')")
        assert said is not None
        assert tuple(said) == ("headwater_system", "off")
    assert await _open_transactions(conn) == 0


async def test_a_read_that_nobody_follows_is_ended_at_once(pool: LendingPool, conn: Connection) -> None:
    await _read(pool)
    assert len(pool._kept) == 1

    async def ended() -> bool:
        return len(pool._kept) == 1 and not pool._owing and await _open_transactions(conn) == 0

    await until(ended, 20, "the transaction stays open")


async def test_a_crowd_of_readers_and_writers_leaves_nothing_open(pool: LendingPool, conn: Connection) -> None:
    await conn.execute("CREATE TABLE app.counted (n int); GRANT ALL ON app.counted TO headwater_system")

    async def one(n: int) -> None:
        await _read(pool)
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            await tx.execute("INSERT INTO app.counted VALUES ($1)", n)
        await _read(pool)

    await asyncio.gather(*[one(n) for n in range(100)])
    assert await conn.fetchval("SELECT count(DISTINCT n) FROM app.counted") == 100

    async def ended() -> bool:
        return not pool._owing and await _open_transactions(conn) == 0

    await until(ended, 20, "a transaction stays open")
    assert pool._lent == len(pool._kept) <= 2


async def test_acquire_gives_nobody_a_connection_in_a_transaction(pool: LendingPool) -> None:
    first = await _read(pool)
    connection = await pool.acquire()
    assert connection.get_server_pid() == first
    assert not connection.is_in_transaction()
    await pool.release(connection)


async def test_a_reader_hands_its_connection_to_whoever_acquires_without_its_transaction(pool: LendingPool) -> None:
    held = await pool.acquire()
    async with transaction(pool, None, read_only=True) as tx:
        pid = await tx.fetchval(PID)
        waiting: asyncio.Future[Any] = asyncio.ensure_future(pool.acquire())
        await asyncio.sleep(0)
    connection = await waiting
    assert connection.get_server_pid() == pid
    assert not connection.is_in_transaction()
    await pool.release(connection)
    await pool.release(held)


async def test_a_session_that_ended_after_a_read_costs_the_next_transaction_nothing(db_url: str) -> None:
    # A job thinks for longer than an idle transaction may last: the loop stands still, and hears of nothing.
    opened = await open_pool(db_url, name="lending", size=2, idle_in_transaction_s=0.05)
    assert isinstance(opened, LendingPool)
    pid = await _read(opened)
    thinking = threading.Thread(target=lambda: asyncio.run(_gone(db_url, pid)))
    thinking.start()
    thinking.join(30)
    assert opened._owing
    assert await _pid(opened) != pid
    await asyncio.wait_for(opened.close(), 30)


async def _gone(url: str, pid: int) -> None:
    watch = await asyncpg.connect(url)

    async def ended() -> bool:
        return not await watch.fetchval("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", pid)

    await until(ended, 20, "the server let it be")
    await watch.close()


async def test_the_next_transaction_is_told_of_its_own_errors(pool: LendingPool) -> None:
    pid = await _read(pool)
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with transaction(pool, None, first="SELECT 1 / 0"):
            raise AssertionError("it opened")
    assert await _pid(pool) == pid


async def test_a_pool_that_closes_ends_the_reads_it_keeps(pool: LendingPool, conn: Connection) -> None:
    await _read(pool)
    assert pool._owing
    await asyncio.wait_for(pool.close(), 20)
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lending' AND datname = current_database()"

    async def none_left() -> bool:
        return bool(await conn.fetchval(count) == 0)

    await until(none_left, 20, "a session stays")


async def test_a_read_that_ends_while_the_pool_closes_is_committed(pool: LendingPool) -> None:
    async with transaction(pool, None, read_only=True) as tx:
        await tx.fetchval(PID)
        closing = asyncio.create_task(pool.close())
        await asyncio.sleep(0)
    await asyncio.wait_for(closing, 20)


async def test_whoever_gives_up_as_a_read_is_handed_on_leaves_it_to_be_ended(
    pool: LendingPool, conn: Connection
) -> None:
    held = await pool.acquire()
    async with transaction(pool, None, read_only=True) as tx:
        await tx.fetchval(PID)
        loser = asyncio.create_task(_pid(pool))
        await asyncio.sleep(0)
    loser.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loser

    async def ended() -> bool:
        return len(pool._kept) == 1 and not pool._owing and await _open_transactions(conn) == 0

    await until(ended, 20, "the transaction stays open")
    await pool.release(held)


async def test_connections_that_expire_end_the_reads_they_owe(pool: LendingPool) -> None:
    before = await _read(pool)
    assert pool._owing
    await pool.expire_connections()
    assert not pool._owing
    assert await _pid(pool) != before
