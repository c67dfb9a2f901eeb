"""How long a key holds: for a period, while its job is alive. What it absorbs is named, and has its answer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from contracts.errors import Conflict, NotFound, VendorDown
from contracts.jobs import JOBS
from db import executions, explanations, inspection, queue
from db.transaction import DbRole, Pool, transaction
from tests.authors.stage import performer, probe, queued, said, taken, worked, worker
from tests.conftest import Connection
from tests.queue.seeding import TENANT, hand_off, states
from tests.queue.test_rescue import no_hook
from tests.queue.working import until, working
from worker.context import Context
from worker.maintenance import rescue_once

SINGLE = {"key": "stock", "scope": "exclusive"}
HOUR = {"key": "stock", "scope": "period"}


async def absorbed(conn: Connection, event: UUID) -> UUID | None:
    found: UUID | None = await conn.fetchval("SELECT execution_id FROM app.absorbed_events WHERE event_id = $1", event)
    return found


async def alive(conn: Connection) -> int:
    return int(
        await conn.fetchval("SELECT count(*) FROM app.job_executions WHERE state IN ('queued', 'running', 'waiting')")
    )


async def test_exclusive_absorbs_while_queued_running_and_waiting_and_is_free_afterwards(
    conn: Connection, pool: Pool
) -> None:
    who = await worker(pool)
    await queued(pool, probe(**SINGLE))
    first = await conn.fetchval("SELECT id FROM app.job_executions")
    (while_queued,) = await queued(pool, probe(**SINGLE))
    seen: list[UUID] = []

    async def body(ctx: Context, _args: Any) -> None:
        seen.extend(await queued(pool, probe(**SINGLE)))
        if len(seen) == 1:
            raise VendorDown("away", after_s=0.0)

    assert await worked(pool, who, body, job="probe.single") == 1
    assert await states(pool) == {"waiting": 1}
    (while_waiting,) = await said(pool, probe(**SINGLE))
    await conn.execute("UPDATE app.outbox_events SET available_at = app.now()")
    await hand_off(pool)
    assert await worked(pool, who, body, job="probe.single") == 1
    assert await states(pool) == {"done": 1}
    for event in (while_queued, while_waiting, *seen):
        assert await absorbed(conn, event) == first
    (after,) = await queued(pool, probe(**SINGLE))
    assert await absorbed(conn, after) is None
    assert await states(pool) == {"done": 1, "queued": 1}


@pytest.mark.parametrize("way", ["died", "cancelled"])
async def test_exclusive_is_free_when_its_job_was_given_up_and_cannot_be_retried_beside_another(
    conn: Connection, pool: Pool, way: str
) -> None:
    who = await worker(pool)
    (event,) = await queued(pool, probe(**SINGLE))

    async def body(ctx: Context, _args: Any) -> None:
        raise ValueError("a bug")

    if way == "cancelled":
        await conn.execute("UPDATE app.job_executions SET cancel_requested_at = app.now()")
    await worked(pool, who, body, job="probe.single")
    assert await states(pool) == {"dead" if way == "died" else "cancelled": 1}
    await queued(pool, probe(**SINGLE))
    assert await alive(conn) == 1
    with pytest.raises(Conflict) as refused:
        async with transaction(pool, TENANT) as tx:
            await executions.retry_execution(tx, [TENANT], event, "olga")
    assert refused.value.code == "key_taken"
    assert await worked(pool, who, job="probe.single") == 1
    async with transaction(pool, TENANT) as tx:
        await executions.retry_execution(tx, [TENANT], event, "olga")
    await queued(pool, probe(**SINGLE))  # the revived one is delivered, and absorbs the new one
    assert await alive(conn) == 1


async def test_a_handoff_does_not_wait_for_the_write_of_the_job_it_meets(conn: Connection, pool: Pool) -> None:
    await queued(pool, probe(**SINGLE))
    (held,) = await taken(pool, await worker(pool))
    ctx = Context(pool, performer(pool).settings, performer(pool).ports, held, lambda: None)
    async with ctx.write():
        (event,) = await asyncio.wait_for(queued(pool, probe(**SINGLE)), 5)
    assert await absorbed(conn, event) == held.execution_id
    assert await states(pool) == {"done": 1}


async def test_exclusive_keeps_its_key_through_rescue_and_reconcile(conn: Connection, pool: Pool) -> None:
    who = await worker(pool)
    await queued(pool, probe(**SINGLE))
    (held,) = await taken(pool, who)
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        assert await queue.reconcile(tx, who, []) == 1
    assert await absorbed(conn, (await queued(pool, probe(**SINGLE)))[0]) == held.execution_id
    await taken(pool, who)
    await conn.execute("UPDATE app.workers SET beat_at = app.now() - interval '1 hour'")
    assert (await rescue_once(pool, 0.0, no_hook)).rescued == 1
    assert await absorbed(conn, (await queued(pool, probe(**SINGLE)))[0]) == held.execution_id
    assert await states(pool) == {"queued": 1}


async def test_an_exclusive_twin_that_an_older_worker_let_in_steps_aside(conn: Connection, pool: Pool) -> None:
    # A worker of the version before clears the key when it starts a job: then two of a key may be alive for a while.
    who = await worker(pool)
    await queued(pool, probe(**SINGLE))
    await taken(pool, who)
    await conn.execute("UPDATE app.job_executions SET coalesce_key = NULL")
    await queued(pool, probe(**SINGLE))
    await conn.execute("UPDATE app.workers SET beat_at = app.now() - interval '1 hour'")
    await rescue_once(pool, 0.0, no_hook)
    assert await states(pool) == {"superseded": 1, "queued": 1}


async def test_many_handoffs_at_once_let_one_live(conn: Connection, pool: Pool) -> None:
    for _ in range(5):
        await said(pool, *(probe(**SINGLE) for _ in range(8)))
        made = await asyncio.gather(*(hand_off(pool, 2) for _ in range(4)))
        assert await alive(conn) == 1
        assert sum(made) <= 1
        await hand_off(pool)
    assert await conn.fetchval("SELECT count(*) FROM app.absorbed_events") == 39


async def test_one_job_a_period_by_the_time_its_event_was_written(conn: Connection, pool: Pool) -> None:
    # S2.15
    nine = datetime(2026, 3, 1, 9, 59, 59, tzinfo=UTC)
    first, late, absent = (
        await said(pool, probe(**HOUR), at=nine),
        await said(pool, probe(**HOUR), at=nine - timedelta(minutes=59)),
        await said(pool, probe(**HOUR), at=nine + timedelta(seconds=1)),
    )
    await hand_off(pool)
    keys = {r["key"]: r["id"] for r in await conn.fetch("SELECT key, id FROM app.job_executions")}
    assert sorted(keys) == [f"probe.hourly:stock@2026-03-01T{h}:00:00Z" for h in ("09", "10")]
    assert await absorbed(conn, late[0]) == keys["probe.hourly:stock@2026-03-01T09:00:00Z"]
    assert [await absorbed(conn, e[0]) for e in (first, absent)] == [None, None]
    await worked(pool, await worker(pool), job="probe.hourly")
    (again,) = await queued(pool, probe(**HOUR), at=nine)  # done, and still the one of its period
    assert await absorbed(conn, again) == keys["probe.hourly:stock@2026-03-01T09:00:00Z"]


@pytest.mark.parametrize("scope", ["exclusive", "period"])
async def test_an_absorbed_event_reads_the_first_result(conn: Connection, pool: Pool, scope: Any) -> None:
    made = probe(key="stock", scope=scope, framed=True)
    (first,) = await queued(pool, made)
    (second,) = await queued(pool, probe(key="stock", scope=scope, framed=True))
    job = "probe.single" if scope == "exclusive" else "probe.hourly"
    assert await worked(pool, await worker(pool), job=job) == 1
    async with transaction(pool, TENANT, read_only=True) as tx:
        shown = await executions.show_execution(tx, [TENANT], second)
        event = await inspection.show_event(tx, [TENANT], second)
        why = explanations.of_sent(event, event.executions)
    assert (shown.event_id, shown.asked_by, shown.absorbed) == (first, second, 1)
    assert shown.result == {"probe_id": str(made.probe_id)}
    assert event.executions[0].result == shown.result
    assert any(
        f'(it existed already and absorbed this event) is done; it answered {{"probe_id": "{made.probe_id}"}}' in f.text
        for f in why
    )


@pytest.mark.parametrize("scope", ["coalesce", "once"])
async def test_what_was_absorbed_by_a_coalesced_or_a_single_job_reads_its_result(pool: Pool, scope: str) -> None:
    job = {"coalesce": "probe.touch", "once": "probe.run"}[scope]
    made = probe(key="stock" if scope == "coalesce" else "")
    who = await worker(pool)

    async def body(ctx: Context, args: Any) -> None:
        async with ctx.write() as tx:
            await ctx.answer(tx, {"probe_id": str(args.probe_id), "attempt": ctx.delivery.token})

    async def result(event: UUID) -> tuple[UUID | None, Any]:
        async with transaction(pool, TENANT, read_only=True) as tx:
            shown = await executions.show_execution(tx, [TENANT], event)
        return shown.event_id, shown.result

    (first,) = await queued(pool, made)
    same = probe(key="stock") if scope == "coalesce" else made
    (second,) = await queued(pool, same)
    assert await worked(pool, who, body, job=job) == 1
    answer = (first, {"probe_id": str(made.probe_id), "attempt": 1})
    assert [await result(each) for each in (first, second)] == [answer, answer]
    # Once is once and for all; who comes after a coalesced job has begun has one of its own.
    (third,) = await queued(pool, same)
    assert await worked(pool, who, body, job=job) == (1 if scope == "coalesce" else 0)
    assert (await result(third) == answer) == (scope == "once")
    assert await result(second) == answer


async def test_an_id_that_led_to_nothing_or_is_another_tenants_is_not_found(conn: Connection, pool: Pool) -> None:
    (event,) = await queued(pool, probe(**SINGLE))
    async with transaction(pool, UUID(int=9)) as tx:
        with pytest.raises(NotFound):
            await executions.show_execution(tx, [UUID(int=9)], event)


async def test_the_database_holds_the_scopes(conn: Connection, pool: Pool) -> None:
    # Law 6: no code of ours stands between two of a key and the index.
    await queued(pool, probe(**SINGLE), probe(**HOUR))
    for job in ("probe.single", "probe.hourly"):
        with pytest.raises(Exception, match=r"job_executions_(coalesce|period)"):
            await conn.execute(
                "INSERT INTO app.job_executions (tenant_id, job, queue, scope, key, coalesce_key, payload, event_id, queued_at)"
                " SELECT tenant_id, job, queue, scope, key, coalesce_key, payload, gen_random_uuid(), queued_at"
                "   FROM app.job_executions WHERE job = $1", job,
            )  # fmt: skip
    with pytest.raises(Exception, match="known_state"):
        await conn.execute(
            "SET ROLE headwater_system; UPDATE app.job_executions SET state = 'done' WHERE scope = 'exclusive'"
        )
    await conn.execute("RESET ROLE")


@pytest.mark.slow
async def test_a_start_and_an_end_write_no_index(conn: Connection, pool: Pool) -> None:
    # The scopes must not cost the other jobs their HOT updates.
    who = await worker(pool)
    await queued(pool, *(probe(framed=True) for _ in range(3)))  # few: their page must have room for every version
    await worked(pool, who)

    async def counted() -> bool:
        row = await conn.fetchrow(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_all_tables WHERE relname = 'job_executions'"
        )
        return bool(row and row["n_tup_upd"] >= 6 and row["n_tup_hot_upd"] == row["n_tup_upd"])

    await until(counted)


def test_a_period_is_declared_where_it_holds() -> None:
    for spec in JOBS.values():
        assert (spec.scope == "period") == (spec.period_s is not None), spec.name
        assert spec.period_s is None or len(spec.key_at("", datetime.now(UTC))) == len("@2026-03-01T09:00:00Z")


async def test_exclusive_under_a_real_worker_runs_one_at_a_time(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str
) -> None:
    running = most = ended = 0

    async def body(ctx: Context, _args: Any) -> None:
        nonlocal running, most, ended
        running += 1
        most = max(most, running)
        await queued(pool, probe(**SINGLE), probe(**SINGLE))  # absorbed by this very one
        running -= 1
        ended += 1

    async with working(queue_pool, db_url, performer(pool, body, "probe.single"), poll_s=0.05):
        for nth in range(1, 6):
            await queued(pool, probe(**SINGLE))

            async def over(n: int = nth) -> bool:
                return ended >= n and await alive(conn) == 0

            await until(over)
    assert (most, ended) == (1, 5)
    assert await conn.fetchval("SELECT count(*) FROM app.absorbed_events") == 10
