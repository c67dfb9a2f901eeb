"""Procrastinate's own queries over asyncpg, and connections that wait for a server."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import asyncpg
import procrastinate
import pytest
from procrastinate import exceptions, sql, types

from contracts.errors import Unavailable
from db.pool import open_pool
from db.transaction import Pool
from tests.queue.seeding import seed_jobs
from tests.queue.working import until
from worker.queue.connector import AsyncpgConnector, translate
from worker.queue.listener import Listener
from worker.queue.pool import AWAY, Line, acquire, open_queue_pool

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


@pytest.fixture
def connector(queue_pool: Pool, db_url: str) -> AsyncpgConnector:
    return AsyncpgConnector(queue_pool, db_url)


def test_placeholders_become_numbers() -> None:
    text, names = translate("SELECT %(a)s, %(b)s::int, %(a)s LIKE '100%%'")
    assert (text, names) == ("SELECT $1, $2::int, $1 LIKE '100%'", ("a", "b"))


async def test_every_query_of_procrastinate_is_understood(queue_pool: Pool) -> None:
    async with queue_pool.acquire() as connection:
        for name, query in sql.queries.items():
            if "{" not in query:
                assert await connection.prepare(translate(query)[0]), name


async def test_the_pool_acts_as_the_system_role_in_its_schema(queue_pool: Pool) -> None:
    for _ in range(2):
        async with queue_pool.acquire() as connection:
            who = await connection.fetchrow("SELECT current_user::text, current_setting('search_path')")
        assert who
        assert tuple(who) == ("headwater_system", "queue,app,pg_catalog")


async def test_rows_and_their_absence(connector: AsyncpgConnector) -> None:
    await connector.execute_query_async("SELECT %(a)s::int", a=1)
    assert await connector.execute_query_one_async("SELECT %(a)s::int AS x", a=1) == {"x": 1}
    assert await connector.execute_query_all_async("SELECT unnest(%(a)s::int[]) AS x", a=[1, 2]) == [{"x": 1}, {"x": 2}]
    with pytest.raises(exceptions.NoResult):
        await connector.execute_query_one_async("SELECT 1 WHERE false")


async def test_json_goes_both_ways(connector: AsyncpgConnector) -> None:
    body: dict[str, Any] = {"a": [1, None, "é\n"], "b": {"c": 1.5}}
    assert await connector.execute_query_one_async("SELECT %(body)s::jsonb AS body", body=body) == {"body": body}


async def test_numbers_may_stand_in_text(connector: AsyncpgConnector) -> None:
    # "(%(seconds)s || ' SECOND')::interval" is how Procrastinate asks for stalled workers.
    row = await connector.execute_query_one_async(
        "SELECT extract(epoch FROM (%(s)s || ' SECOND')::interval)::int AS s", s=30
    )
    assert row == {"s": 30}


async def test_jobs_to_defer_arrive_whole(connector: AsyncpgConnector) -> None:
    at = datetime(2030, 1, 2, tzinfo=UTC)
    job = types.JobToDefer(
        queue_name="probe",
        task_name="probe.run",
        priority=3,
        lock=None,
        queueing_lock="a\n)b",
        args={"x": 1},
        scheduled_at=at,
    )
    row = await connector.execute_query_one_async(
        "SELECT (j).queue_name, (j).priority, (j).queueing_lock, (j).args, (j).scheduled_at "
        "FROM unnest(%(jobs)s::procrastinate_job_to_defer_v1[]) AS j",
        jobs=[job],
    )
    assert row == {"queue_name": "probe", "priority": 3, "queueing_lock": "a\n)b", "args": {"x": 1}, "scheduled_at": at}


async def test_a_job_cannot_be_deferred_past_the_outbox(connector: AsyncpgConnector) -> None:
    # A row without an execution would never run: it is refused at the door.
    app = procrastinate.App(connector=connector)
    with pytest.raises(exceptions.ConnectorException, match="tenant_id"):
        await app.configure_task("probe.run", queue="probe").defer_async()


@pytest.mark.parametrize("lock", ["plain", "two\nlines", "with ) and ("])
async def test_a_taken_queueing_lock_is_named(conn: Connection, connector: AsyncpgConnector, lock: str) -> None:
    # Whole and unharmed: other drivers cut or refuse such keys (H11).
    insert = "INSERT INTO taken (queueing_lock, status) VALUES (%(lock)s, 'todo')"
    await conn.execute(
        "CREATE TABLE queue.taken (queueing_lock text, status text);"
        "CREATE UNIQUE INDEX taken_key ON queue.taken (queueing_lock);"
        "GRANT ALL ON queue.taken TO headwater_system;"
        "DROP INDEX IF EXISTS queue.procrastinate_jobs_queueing_lock_idx_v1;"
        "ALTER INDEX queue.taken_key RENAME TO procrastinate_jobs_queueing_lock_idx_v1"
    )
    await connector.execute_query_async(insert, lock=lock)
    with pytest.raises(exceptions.UniqueViolation) as caught:
        await connector.execute_query_async(insert, lock=lock)
    assert caught.value.queueing_lock == lock


async def test_an_error_leaves_the_pool_usable(connector: AsyncpgConnector) -> None:
    for _ in range(10):
        with pytest.raises(exceptions.ConnectorException):
            await connector.execute_query_async("SELECT 1 / 0")
    assert await connector.execute_query_one_async("SELECT 1 AS x") == {"x": 1}


async def test_a_callers_transaction_is_used(conn: Connection, connector: AsyncpgConnector) -> None:
    async with conn.transaction():
        await conn.execute("CREATE TEMP TABLE mine ON COMMIT DROP AS SELECT 7 AS x")
        one = await connector.execute_query_one_async_with_connection(conn, "SELECT x FROM mine")
        assert one == {"x": 7}
        assert await connector.execute_query_all_async_with_connection(conn, "SELECT x FROM mine") == [{"x": 7}]


async def test_notifications_reach_procrastinates_callback(conn: Connection, connector: AsyncpgConnector) -> None:
    heard: list[tuple[str, str]] = []

    async def told(*, channel: str, payload: str) -> None:
        heard.append((channel, payload))

    listening = asyncio.create_task(connector.listen_notify(told, ["one", "two"]))
    await until(lambda: connector.listener.listening)
    await conn.execute("NOTIFY one, 'a'; NOTIFY two, 'b'; NOTIFY three, 'c'")
    await until(lambda: len(heard) == 2)
    listening.cancel()
    assert sorted(heard) == [("one", "a"), ("two", "b")]


async def test_a_listener_comes_back_and_says_so(conn: Connection, db_url: str) -> None:
    looks: list[int] = []
    listener = Listener(db_url, name="lonely", probe_s=0.1, on_relisten=lambda: looks.append(1))
    listening = asyncio.create_task(listener.run(["one"], lambda *_: None))
    await until(lambda: listener.listening)
    await conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lonely'")
    await until(lambda: listener.sessions == 2)
    assert len(looks) == 2
    listening.cancel()


async def test_a_broken_line_is_replaced(conn: Connection, queue_pool: Pool) -> None:
    line = Line(queue_pool)
    first = await (await line.take()).fetchval("SELECT pg_backend_pid()")
    await conn.execute("SELECT pg_terminate_backend($1)", first)
    after: list[int] = []

    async def answers() -> bool:
        try:
            after.append(await (await line.take()).fetchval("SELECT pg_backend_pid()"))
        except AWAY:
            await line.cut()
        return bool(after)

    await until(answers)
    assert after != [first]
    await line.give_back()


async def test_patience_ends_with_what_to_do(db_url: str) -> None:
    pool = await open_queue_pool(db_url, size=1)
    await pool.close()
    began = time.monotonic()
    with pytest.raises(Unavailable, match="check that it runs"):
        await acquire(pool, patience_s=0.3)
    assert time.monotonic() - began < 5


async def test_the_app_role_sees_no_queue(pool: Pool, db_url: str) -> None:
    await seed_jobs(pool, 1)
    as_app = await open_pool(db_url, name="test", size=1, settings={"role": "headwater_app"})
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await as_app.fetch("SELECT * FROM queue.procrastinate_jobs")
    await as_app.close()
