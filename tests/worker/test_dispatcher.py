"""outbox -> queue: each event once, poison alone, nobody starved (C.04)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from contracts.events import Probed, SliceReady
from contracts.settings import Settings
from db import jobs, outbox, queue
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.db.conftest import new_tenant
from tests.worker.dispatching import dispatcher, emit, probes
from worker.dispatcher import REPLAN_EVERY, Dispatcher, open_dispatch_pool


async def _states(conn: Connection) -> dict[str, int]:
    return {r[0]: r[1] for r in await conn.fetch("SELECT state, count(*)::int FROM app.job_executions GROUP BY 1")}


async def test_an_event_becomes_one_job_and_leaves_the_outbox(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # C.04 S2.04 S2.05 R8
    await emit(pool, tenant, *probes(3))
    assert await dispatcher(pool).dispatch_batch() == (3, 3)
    assert await dispatcher(pool).dispatch_batch() == (0, 0)

    assert await conn.fetchval("SELECT count(*) FROM app.outbox_events") == 0
    rows = await conn.fetch(
        "SELECT h.routes, e.state, j.status::text, o.status AS shown FROM app.outbox_history h"
        " JOIN app.job_executions e ON e.event_id = h.event_id JOIN queue.procrastinate_jobs j ON j.execution_id = e.id"
        " JOIN app.outbox o ON o.event_id = h.event_id"
    )
    assert [tuple(r) for r in rows] == [(1, "queued", "todo", "sent")] * 3


POISON = [
    ("unknown_event", {"type": "NoSuchThing"}),
    ("unknown_version", {"version": 99}),
    ("bad_payload", {"payload": {"probeId": "not an id"}}),
    ("bad_payload", {"payload": {"probeId": str(uuid4()), "extra": 1}}),
]


@pytest.mark.parametrize(("error_class", "change"), POISON, ids=[f"{c}-{n}" for n, (c, _) in enumerate(POISON)])
async def test_poison_is_parked_alone_while_its_batch_goes_through(
    conn: Connection, pool: Pool, tenant: UUID, error_class: str, change: dict[str, object]
) -> None:
    # S2.06 S2.04
    await emit(pool, tenant, *probes(5))
    await _spoil(pool, conn, tenant, change)
    await emit(pool, tenant, *probes(5))

    assert await dispatcher(pool).dispatch_batch() == (10, 11)
    left = await conn.fetch(
        "SELECT state, attempts, error_class, last_error, available_at > app.now() AS later FROM app.outbox_events"
    )
    assert [(r["state"], r["attempts"], r["error_class"]) for r in left] == [("failed", 1, error_class)]
    assert left[0]["last_error"]
    assert await _states(conn) == {"queued": 10}


async def _spoil(pool: Pool, conn: Connection, tenant: UUID, change: dict[str, object]) -> None:
    """One event that was written by another version of the code."""
    await emit(pool, tenant, Probed(probe_id=uuid4(), key="spoilt"))
    found = {"type": "Probed", "version": 1, "payload": {"probeId": str(uuid4())}, **change}
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await tx.execute(
            "UPDATE app.outbox_events SET type = $1, version = $2, payload = $3 WHERE payload ->> 'key' = 'spoilt'",
            *found.values(),
        )


async def test_an_event_whose_job_the_database_refuses_is_found_and_parked_alone(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    """SQLSTATE 23: the batch is halved until the culprit stands by itself."""
    await conn.execute("ALTER TABLE app.job_executions ADD CHECK (key <> 'probe.touch:refused') NOT VALID")
    await emit(pool, tenant, *probes(6), *probes(1, key="refused"), *probes(6))

    assert await dispatcher(pool).dispatch_batch() == (12, 13)
    left = await conn.fetch("SELECT state, attempts, error_class FROM app.outbox_events")
    assert [tuple(r) for r in left] == [("failed", 1, "sqlstate_23514")]
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_history") == 12


async def test_after_five_failures_an_event_is_a_dead_letter(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S2.04 S2.05 R9
    await _spoil(pool, conn, tenant, {"type": "NoSuchThing"})
    event_id = await conn.fetchval("SELECT event_id FROM app.outbox_events")
    waits: list[float] = []
    for _ in range(4):
        await dispatcher(pool).dispatch_batch()
        waits.append(
            await conn.fetchval(
                "SELECT extract(epoch FROM available_at - app.now())::float8 FROM app.outbox_events WHERE state = 'failed'"
            )
        )
        # Not before it is due again; a wait too short to look at would spend an attempt here.
        assert waits[-1] < 0.1 or await dispatcher(pool).dispatch_batch() == (0, 0)
        await conn.execute("UPDATE app.outbox_events SET available_at = app.now()")
    await dispatcher(pool).dispatch_batch()

    assert all(
        wait <= outbox.BACKOFF_BASE_S * 2**n for n, wait in enumerate(waits)
    )  # full jitter under a doubling ceiling
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_events") == 0
    letter = await conn.fetchrow("SELECT * FROM app.dead_letters")
    assert letter is not None
    assert (letter["kind"], letter["event_id"], letter["attempts"]) == ("event", event_id, 5)
    assert (letter["error_class"], letter["resolved_at"]) == ("unknown_event", None)
    assert "NoSuchThing" in letter["error"]
    shown = await conn.fetchrow("SELECT status, attempts FROM app.outbox WHERE event_id = $1", event_id)
    assert shown is not None
    assert tuple(shown) == ("dead_letter", 5)


async def test_an_outage_retries_the_batch_and_charges_nobody(
    conn: Connection, pool: Pool, tenant: UUID, db_url: str
) -> None:
    """SQLSTATE 55: the database is busy, the events are innocent."""
    await emit(pool, tenant, *probes(3))
    other = await asyncpg.connect(db_url)
    await conn.execute(f"ALTER DATABASE {await conn.fetchval('SELECT current_database()')} SET lock_timeout = '100ms'")
    await pool.expire_connections()
    try:
        async with other.transaction():
            await other.execute("LOCK TABLE app.job_executions IN SHARE MODE")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await dispatcher(pool).dispatch_batch()
    finally:
        await other.close()
    rows = await conn.fetch("SELECT state, attempts FROM app.outbox_events")
    assert [tuple(r) for r in rows] == [("pending", 0)] * 3
    assert await dispatcher(pool).dispatch_batch() == (3, 3)


async def test_a_tenant_with_a_flood_does_not_hold_up_another(conn: Connection, pool: Pool, tenant: UUID) -> None:
    quiet = await new_tenant(pool)
    async with transaction(pool, tenant) as tx:
        await outbox.emit_many(tx, tenant, probes(1000))
    await emit(pool, quiet, *probes(5))

    await dispatcher(pool, dispatch_batch=100).dispatch_batch()
    standing = "SELECT count(*) FROM queue.procrastinate_jobs WHERE tenant_id = $1"
    assert await conn.fetchval(standing, quiet) == 5
    assert await conn.fetchval(standing, tenant) == 50


async def test_the_queue_stays_short_and_the_backlog_waits_in_the_outbox(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    async with transaction(pool, tenant) as tx:
        await outbox.emit_many(tx, tenant, probes(300))
    one = dispatcher(pool, dispatch_batch=500, dispatch_tenant_buffer=40)
    assert await one.dispatch_batch() == (40, 40)
    assert await one.dispatch_batch() == (0, 0)
    assert await one.turn() < 1  # it looks again soon

    await conn.execute(
        "DELETE FROM queue.procrastinate_jobs WHERE id IN (SELECT id FROM queue.procrastinate_jobs LIMIT 7)"
    )
    assert await one.dispatch_batch() == (7, 7)
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_events") == 253


async def test_a_paused_tenant_waits_without_keeping_the_dispatcher_awake(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    await conn.execute("INSERT INTO app.pauses (tenant_id, paused_by) VALUES ($1, 'tests')", tenant)
    await emit(pool, tenant, *probes(2))
    other = await new_tenant(pool)
    await emit(pool, other, *probes(2))
    one = dispatcher(pool, dispatch_poll_s=5)

    assert await one.dispatch_batch() == (2, 2)
    assert await one.turn() == 5
    await conn.execute("DELETE FROM app.pauses")
    assert await one.dispatch_batch() == (2, 2)


async def test_far_work_waits_in_the_outbox_and_is_slept_for_exactly(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    await emit(pool, tenant, *probes(1), available_at=datetime.now(UTC) + timedelta(seconds=3))
    one = dispatcher(pool, dispatch_poll_s=5)
    assert 2 < await one.turn() < 3
    await conn.execute("UPDATE app.outbox_events SET available_at = app.now()")
    assert await one.dispatch_batch() == (1, 1)


async def test_two_dispatchers_on_the_same_keys_neither_lock_up_nor_double(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    """Law 7: keys are inserted in order, so that sharing them costs waiting and nothing else."""

    async def drain() -> int:
        one, made = dispatcher(pool, dispatch_batch=200, dispatch_tenant_buffer=100_000), 0
        while await conn_free(pool):
            made += (await one.dispatch_batch())[0]
        return made

    made = 0
    for turn in range(4):
        # Four batches that meet: the last two hold the keys of the first two, the other way round.
        there = [Probed(probe_id=uuid4(), key=f"{turn}-{n}") for n in range(400)]
        back = [Probed(probe_id=uuid4(), key=f"{turn}-{n}") for n in reversed(range(400))]
        async with transaction(pool, tenant) as tx:
            await outbox.emit_many(tx, tenant, [*there, *back])
        made += sum(await asyncio.gather(*[drain() for _ in range(4)]))

    assert await conn.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0
    assert made == await conn.fetchval("SELECT count(*) FROM app.job_executions") == 1600
    assert await conn.fetchval("SELECT count(*) FROM queue.procrastinate_jobs") == made
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_history") == 3200
    assert await conn.fetchval("SELECT count(*) FROM app.absorbed_events") == 1600


async def _blocked(pool: Pool, wait: str, statement: str) -> None:
    """Wait until somebody stands before such a lock in a statement that contains these words."""
    async with asyncio.timeout(60):
        while True:
            async with pool.acquire() as login:
                if await login.fetchval(
                    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = $1"
                    " AND wait_event_type = 'Lock' AND position($2 IN query) > 0)",
                    wait,
                    statement,
                ):
                    return
            await asyncio.sleep(0.01)


async def test_a_job_started_while_it_absorbs_an_event_makes_no_deadlock(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    """Law 7: a key that came free in the middle of a handoff is taken in order, not after all others."""
    await emit(pool, tenant, *probes(1, key="a"))
    await dispatcher(pool).dispatch_batch()
    async with conn.transaction():
        await conn.execute("LOCK TABLE app.absorbed_events IN SHARE MODE")
        await emit(pool, tenant, *probes(1, key="a"), *probes(1, key="b"))
        first = asyncio.create_task(dispatcher(pool).dispatch_batch())
        await _blocked(pool, "relation", "Events whose job existed already")
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            worker = await queue.register(tx, "here", 1, ["jobs"])
            assert len(await queue.fetch(tx, worker, ["probe"], 10)) == 1
        # The first has made b and will have to make a; the second has made a and waits for b.
        await emit(pool, tenant, *probes(1, key="a"), *probes(1, key="b"))
        second = asyncio.create_task(dispatcher(pool).dispatch_batch())
        await _blocked(pool, "transactionid", "Events leave for history")

    assert sum([made for made, _ in await asyncio.gather(first, second)]) == 2
    assert await conn.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0
    assert await _states(conn) == {"running": 1, "queued": 2}
    assert await conn.fetchval("SELECT count(*) FROM app.absorbed_events") == 2
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_history") == 5


async def test_absorbing_reads_no_more_however_many_jobs_a_tenant_has_had(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    await conn.execute(
        "INSERT INTO app.job_executions (tenant_id, job, queue, scope, key, state, payload, event_id, queued_at)"
        " SELECT $1, 'probe.run', 'probe', 'once', 'probe.run:' || n, 'done', '{}', app.uuidv7(), app.now()"
        " FROM generate_series(1, 20000) n",
        tenant,
    )
    await conn.execute("ANALYZE app.job_executions")
    asked = ([tenant] * 400, ["probe.run"] * 400, [f"probe.run:{n}" for n in range(400)], [uuid4() for _ in range(400)])
    plan = await conn.fetch(f"EXPLAIN (ANALYZE, TIMING OFF) {outbox.SQL['absorb']}", *asked)
    sifted = [row[0] for row in plan if "Rows Removed by Join Filter" in row[0]]
    assert sifted == [], "it was a join with all jobs of the tenant once"


async def conn_free(pool: Pool) -> bool:
    """Is anything left to dispatch?"""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return bool(await tx.fetchval("SELECT EXISTS (SELECT FROM app.outbox_events)"))


async def test_a_handoff_is_not_planned_anew_each_time_and_no_plan_is_kept_for_ever(
    db_url: str, pool: Pool, tenant: UUID
) -> None:
    # S2.04: planning one event's handoff takes longer than to run it. A plan made on empty tables must not serve full ones (H12).
    own = await open_dispatch_pool(db_url, Settings(), size=1)
    moves, said = Dispatcher(own, Settings()), []
    try:
        connection: Any = await own.acquire()
        connection._con.add_query_logger(lambda record: said.append(record.query))
        await own.release(connection)
        for _ in range(2 * REPLAN_EVERY):
            await emit(pool, tenant, *probes(1))
            assert await moves.dispatch_batch() == (1, 1)
        async with transaction(own, None, role=DbRole.SYSTEM) as tx:
            planned = await tx.fetch(
                "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '-- Events leave for history%'"
            )
        assert [tuple(row) for row in planned] == [(2 * REPLAN_EVERY, 0)]
        assert sum("DISCARD PLANS" in each for each in said) == 2
    finally:
        await own.close()


async def test_the_same_cause_is_done_once_for_ever(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S2.15 C.05
    run, part = uuid4(), uuid4()
    page = SliceReady(run_id=run, slice_id=part, page=0)
    await emit(pool, tenant, page, page)
    await dispatcher(pool).dispatch_batch()
    await conn.execute("UPDATE app.job_executions SET state = 'done', finished_at = app.now()")
    await conn.execute("DELETE FROM queue.procrastinate_jobs")
    await emit(pool, tenant, page, SliceReady(run_id=run, slice_id=part, page=1))

    assert await dispatcher(pool).dispatch_batch() == (1, 2)
    keys = await conn.fetch("SELECT key, state FROM app.job_executions ORDER BY key")
    assert [tuple(k) for k in keys] == [
        (f"discovery.fetch:{run}:{part}:0", "done"), (f"discovery.fetch:{run}:{part}:1", "queued"),
    ]  # fmt: skip
    assert await conn.fetchval("SELECT count(*) FROM app.absorbed_events") == 2
    other = await new_tenant(pool)
    await emit(pool, other, page)  # another tenant's cause is another cause
    assert await dispatcher(pool).dispatch_batch() == (1, 1)


async def test_a_coalescing_job_absorbs_until_it_starts(conn: Connection, pool: Pool, tenant: UUID) -> None:
    await emit(pool, tenant, *probes(4, key="k"))
    assert await dispatcher(pool).dispatch_batch() == (1, 4)
    named = await conn.fetch(
        "SELECT DISTINCT a.execution_id = e.id AS same FROM app.absorbed_events a, app.job_executions e"
    )
    assert [n["same"] for n in named] == [True]

    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        worker = await queue.register(tx, "here", 1, ["jobs"])
        assert len(await queue.fetch(tx, worker, ["probe"], 10)) == 1
    await emit(pool, tenant, *probes(2, key="k"))  # it reads state that was older: once more
    assert await dispatcher(pool).dispatch_batch() == (1, 2)
    assert await _states(conn) == {"running": 1, "queued": 1}


async def test_a_job_put_off_comes_back_as_the_same_execution(conn: Connection, pool: Pool, tenant: UUID) -> None:
    await emit(pool, tenant, *probes(1))
    await dispatcher(pool).dispatch_batch()
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        worker = await queue.register(tx, "here", 1, ["jobs"])
        (delivery,) = await queue.fetch(tx, worker, ["probe"], 10)
    async with transaction(pool, tenant) as tx:
        assert await jobs.put_off(
            tx, tenant, delivery.execution_id, delivery.token, outcome="failed", counts=True, delay_s=0,
            error_class="vendor_down", error="away", traceback=None, correlation_id=None,
        )  # fmt: skip
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await queue.finish(tx, [delivery])
    assert await _states(conn) == {"waiting": 1}
    assert await conn.fetchval("SELECT count(*) FROM queue.procrastinate_jobs") == 0

    assert await dispatcher(pool).dispatch_batch() == (1, 1)
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        (again,) = await queue.fetch(tx, worker, ["probe"], 10)
    assert (again.execution_id, again.failures) == (delivery.execution_id, 1)
    assert again.token > delivery.token


async def test_what_is_rolled_back_was_never_said(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # C.03 S2.04
    async def broken() -> None:
        async with transaction(pool, tenant) as tx:
            await outbox.emit(tx, tenant, probes(1)[0])
            raise LookupError

    with pytest.raises(LookupError):
        await broken()
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_events") == 0
