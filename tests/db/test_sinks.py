"""A leased sink: every documented state of an event, stale leases taken back, late answers that change nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from db import outbox, sinks
from db.sinks import Leased
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.worker.dispatching import dispatcher, emit, probes

SINK = "test-webhook"


async def _lease(pool: Pool, *, batch: int = 10, for_s: float = 60) -> list[Leased]:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return await sinks.lease(tx, SINK, batch=batch, for_s=for_s)


async def _settle(pool: Pool, event: Leased) -> bool:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return await sinks.settle(tx, event)


async def _refuse(pool: Pool, event: Leased, **how: Any) -> str:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return await sinks.refuse(tx, event, "410 Gone", "refused", **{"counts": True, "max_attempts": 5, **how})


async def _reclaim(pool: Pool) -> int:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return await sinks.reclaim(tx)


async def _status(conn: Connection) -> list[str]:
    return [r["status"] for r in await conn.fetch("SELECT status FROM app.outbox ORDER BY id")]


async def test_pending_processing_sent(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S2.05 R8
    await emit(pool, tenant, *probes(2), sink=SINK)
    assert await _status(conn) == ["pending", "pending"]
    first, second = await _lease(pool)
    assert (first.tenant_id, first.type, first.attempts) == (tenant, "Probed", 0)
    assert await _status(conn) == ["processing", "processing"]
    assert await _lease(pool) == []  # nobody else gets what is leased

    assert await _settle(pool, first)
    assert await _settle(pool, second)
    assert await _status(conn) == ["sent", "sent"]
    assert not await _settle(pool, first)  # once
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_history") == 2


async def test_the_dispatcher_leaves_other_sinks_alone(conn: Connection, pool: Pool, tenant: UUID) -> None:
    await emit(pool, tenant, *probes(1), sink=SINK)
    assert await dispatcher(pool).dispatch_batch() == (0, 0)
    await emit(pool, tenant, *probes(1))
    assert len(await _lease(pool)) == 1
    assert await dispatcher(pool).dispatch_batch() == (1, 1)


async def test_refused_five_times_is_a_dead_letter(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S2.04 S2.05 R9
    await emit(pool, tenant, *probes(1), sink=SINK)
    ends: list[str] = []
    for _ in range(5):
        (event,) = await _lease(pool)
        ends.append(await _refuse(pool, event))
        if ends[-1] == "failed":
            wait = await conn.fetchval("SELECT available_at > created_at FROM app.outbox_events")
            assert wait
            assert await _status(conn) == ["failed"]
        await conn.execute("UPDATE app.outbox_events SET available_at = app.now()")
    assert ends == ["failed"] * 4 + ["dead_letter"]
    assert await _status(conn) == ["dead_letter"]
    letter = await conn.fetchrow("SELECT attempts, error_class, error FROM app.dead_letters")
    assert letter is not None
    assert tuple(letter) == (5, "refused", "410 Gone")


async def test_an_unreachable_sink_spends_no_attempt(conn: Connection, pool: Pool, tenant: UUID) -> None:
    await emit(pool, tenant, *probes(1), sink=SINK)
    for _ in range(7):
        (event,) = await _lease(pool)
        assert await _refuse(pool, event, counts=False) == "failed"
        await conn.execute("UPDATE app.outbox_events SET available_at = app.now()")
    assert await conn.fetchval("SELECT attempts FROM app.outbox_events") == 0


async def test_a_stale_lease_is_taken_back_and_its_holders_late_answer_changes_nothing(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # S2.04 R8
    await emit(pool, tenant, *probes(1), sink=SINK)
    (slow,) = await _lease(pool, for_s=60)
    assert await _reclaim(pool) == 0
    await conn.execute("UPDATE app.outbox_events SET lease_expires_at = app.now() - interval '1 second'")
    assert await _reclaim(pool) == 1
    row = await conn.fetchrow("SELECT state, error_class, attempts FROM app.outbox_events")
    assert row is not None
    assert tuple(row) == ("failed", "lease_expired", 0)

    (quick,) = await _lease(pool)
    assert quick.event_id == slow.event_id
    assert not await _settle(pool, slow)
    assert await _refuse(pool, slow) == "lost"
    assert await _status(conn) == ["processing"]
    assert await _settle(pool, quick)
    assert await _status(conn) == ["sent"]


async def test_events_of_one_key_go_out_one_at_a_time_and_in_order(conn: Connection, pool: Pool, tenant: UUID) -> None:
    await emit(pool, tenant, *probes(3), sink=SINK, ordering_key="company 7")
    await emit(pool, tenant, *probes(1), sink=SINK)
    leased = await _lease(pool)
    assert len(leased) == 2  # the first of the key, and the one without
    first = next(e for e in leased if e.ordering_key)
    assert await _refuse(pool, first) == "failed"
    assert await _lease(pool) == []  # the second waits for the first, which waits for its backoff

    order: list[int] = []
    for _ in range(3):
        await conn.execute("UPDATE app.outbox_events SET available_at = app.now()")
        (event,) = await _lease(pool)
        order.append(event.id)
        assert await _settle(pool, event)
    assert order == sorted(order)


async def test_writers_of_one_key_take_turns(pool: Pool, tenant: UUID) -> None:
    """So that the order of ids is the order of commits."""
    async with transaction(pool, tenant) as first:
        await outbox.emit(first, tenant, probes(1)[0], sink=SINK, ordering_key="k")
        async with transaction(pool, tenant) as second:
            free = "SELECT pg_try_advisory_xact_lock(hashtextextended($1 || ':' || $2, 0))"
            assert not await second.fetchval(free, str(tenant), "k")
            assert await second.fetchval(free, str(tenant), "other")


@pytest.mark.parametrize("change", ["state = 'processing'", "lease_token = gen_random_uuid()"])
async def test_processing_without_a_lease_cannot_be_written(pool: Pool, tenant: UUID, change: str) -> None:
    await emit(pool, tenant, *probes(1), sink=SINK)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="leased_while_processing"):
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            await tx.execute(f"UPDATE app.outbox_events SET {change}")


LEASED = {"state": "'processing'", "lease_token": "gen_random_uuid()", "lease_expires_at": "app.now()"}


@pytest.mark.parametrize(
    ("role", "law", "sink", "given"),
    [
        (DbRole.APP, "emitted_as_pending", SINK, {"state": "'failed'"}),
        (DbRole.APP, "emitted_as_pending", SINK, LEASED),
        (DbRole.APP, "emitted_as_pending", SINK, {"lease_token": "gen_random_uuid()"}),
        (DbRole.APP, "emitted_as_pending", SINK, {"lease_expires_at": "app.now()"}),
        # What is due for our queue is indexed without a look at its state.
        (DbRole.SYSTEM, "leased_while_processing", "queue", LEASED),
    ],
)
async def test_nobody_writes_an_event_that_is_in_process_from_the_start(
    pool: Pool, tenant: UUID, role: DbRole, law: str, sink: str, given: dict[str, str]
) -> None:
    insert = (
        "INSERT INTO app.outbox_events (tenant_id, aggregate_type, aggregate_id, type, version, payload, available_at, created_at,"
        f" sink, {', '.join(given)}) VALUES ($1, 'probe', $1, 'Probed', 1, '{{}}', app.now(), app.now(),"
        f" '{sink}', {', '.join(given.values())})"
    )
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match=law):
        async with transaction(pool, tenant if role is DbRole.APP else None, role=role) as tx:
            await tx.execute(insert, tenant)
