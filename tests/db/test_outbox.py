"""What is written into the outbox comes out as it went in, in order, whatever its size."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import asyncpg
import pytest

from contracts.errors import Invalid
from contracts.events import LeadDiscovered, Probed
from db import outbox
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.worker.dispatching import dispatcher, emit, probes


async def test_headers_cause_and_order_are_kept(conn: Connection, pool: Pool, tenant: UUID) -> None:
    cause, events = uuid4(), probes(5)
    async with transaction(pool, tenant) as tx:
        await outbox.emit_many(tx, tenant, events, correlation_id=cause, headers={"traceparent": "00-1"})
    await emit(pool, tenant, probes(1)[0], correlation_id=cause, headers={"traceparent": "00-2"}, priority=7)
    await dispatcher(pool).dispatch_batch()

    rows = await conn.fetch(
        "SELECT aggregate_id, correlation_id, headers ->> 'traceparent' AS t, version FROM app.outbox_history ORDER BY id"
    )
    assert [r["aggregate_id"] for r in rows[:5]] == [e.aggregate_id for e in events]
    assert {(r["correlation_id"], r["version"]) for r in rows} == {(cause, 1)}
    assert [r["t"] for r in rows] == ["00-1"] * 5 + ["00-2"]
    made = await conn.fetchval("SELECT bool_and(correlation_id = $1) FROM app.job_executions", cause)
    assert made


async def test_what_emit_accepts_the_handoff_cannot_refuse(conn: Connection, pool: Pool, tenant: UUID) -> None:
    longest = Probed(probe_id=uuid4(), key="ü" * 200)
    await emit(pool, tenant, longest, LeadDiscovered(lead_id=uuid4(), provider="x" * 50), priority=32_767)
    assert await dispatcher(pool).dispatch_batch() == (1, 2)
    assert await conn.fetchval("SELECT length(key) FROM app.job_executions") == 200 + len("probe.touch:")
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_events") == 0


@pytest.mark.parametrize(
    "column", ["aggregate_type = repeat('x', 51)", "type = repeat('x', 101)", "sink = repeat('x', 51)",
               "ordering_key = repeat('x', 201)", "state = 'sent'", "state = 'processing'", "lease_token = event_id"],
)  # fmt: skip
async def test_what_would_not_fit_later_is_refused_at_once(
    conn: Connection, pool: Pool, tenant: UUID, column: str
) -> None:
    await emit(pool, tenant, *probes(1))
    for role in (DbRole.SYSTEM, DbRole.OWNER):
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.StringDataRightTruncationError)):
            async with transaction(pool, None, role=role) as tx:
                await tx.execute(f"UPDATE app.outbox_events SET {column}")


async def test_a_webhooks_delivery_with_a_key_that_nobody_leases_is_refused(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # R8: an endpoint's deliveries are found by the endpoint's own key; under another they would wait for ever.
    (fact,) = probes(1)
    for foreign in ("lead 7", f"webhook:{uuid4()}"):
        with pytest.raises(
            Invalid, match=rf"no webhook endpoint takes deliveries with the ordering key '{foreign}'"
        ) as refused:
            await emit(pool, tenant, fact, sink="webhook", ordering_key=foreign)
        assert f"'webhook:{fact.aggregate_id}'" in refused.value.detail
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_events") == 0
    await emit(pool, tenant, fact, sink="webhook", ordering_key=f"webhook:{fact.aggregate_id}")
    await emit(pool, tenant, fact, sink="webhook")
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_events") == 2


async def test_ids_are_of_our_kind_and_nobodys_twice(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # R24
    await asyncio.gather(*[emit(pool, tenant, *probes(20)) for _ in range(8)])
    ids = [r["event_id"] for r in await conn.fetch("SELECT event_id FROM app.outbox_events")]
    assert len(set(ids)) == 160
    assert {i.version for i in ids} == {7}


async def test_an_emit_of_nothing_is_nothing(conn: Connection, pool: Pool, tenant: UUID) -> None:
    async with transaction(pool, tenant) as tx:
        await outbox.emit_many(tx, tenant, [])
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_events") == 0


async def test_emit_wakes_nobody_inside_the_transaction(conn: Connection, pool: Pool, tenant: UUID) -> None:
    """A NOTIFY in a business transaction would make all commits wait for each other."""
    heard: list[str] = []
    await conn.add_listener("headwater_outbox", lambda *said: heard.append(str(said)))
    await emit(pool, tenant, *probes(3))
    await conn.execute("SELECT 1")  # whatever was notified would have arrived with this answer
    assert heard == []
    triggers = "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'app.outbox_events'::regclass AND NOT tgisinternal"
    assert await conn.fetchval(triggers) == 0
