"""Statements of all day on large tables: each, sent as the product sends it, reads what it is about and no table whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from uuid import UUID, uuid4

import asyncpg
import pytest

from contracts.events import CrmProbeRequested, Probed
from contracts.settings import Settings
from contracts.webhook_endpoints import SINK, ordering_key
from db import drift, jobs, outbox, queue, sinks, turns, webhooks
from db.pool import open_pool
from db.queue import Delivery
from db.transaction import DbRole, Pool, Tx, transaction
from tests.inspection import history
from worker.dispatcher import open_dispatch_pool
from worker.pipeline import jobs_for
from worker.queue.pool import open_queue_pool

BIG = UUID(history.BIG)
#: What is read whole may have so many rows; what is found by an index, for one batch, so many more.
WHOLE, BATCH = 200, 2_500
T = TypeVar("T")
_BACKLOG = """
WITH made AS (
    INSERT INTO app.job_executions (tenant_id, job, queue, scope, key, payload, event_id, queued_at)
    SELECT $1, 'probe.run', 'crm_sync', 'once', 'backlog:' || n, '{}', gen_random_uuid(), app.now() FROM generate_series(1, 20000) n
    RETURNING id
)
INSERT INTO queue.procrastinate_jobs (queue_name, task_name, priority, tenant_id, execution_id)
SELECT 'crm_sync', 'probe.run', -5, $1, m.id FROM made m
"""
_ATTEMPTS = """
INSERT INTO app.job_attempts (tenant_id, execution_id, token, outcome, ended_at)
SELECT e.tenant_id, e.id, n, 'crashed', e.queued_at FROM app.job_executions e, generate_series(1, 2) n
 WHERE e.state = 'done' LIMIT 40000
"""
_ELSEWHERE = """
INSERT INTO app.outbox_events (tenant_id, aggregate_type, aggregate_id, type, version, payload, sink, ordering_key,
                               available_at, created_at)
SELECT $1, 'probe', gen_random_uuid(), 'Probed', 1, '{}', CASE n % 2 WHEN 0 THEN 'nats' ELSE 'ordered' END, 'k' || n % 500,
       app.now(), app.now()
  FROM generate_series(1, 20000) n
"""
_ENDPOINT = """
INSERT INTO app.webhook_endpoints (tenant_id, url, events, ordering, enabled, created_by)
VALUES ($1, 'https://example.com/', '{RunFinished}', 'block', true, 'tests') RETURNING id
"""
_READ = """
SELECT coalesce(sum(seq_tup_read), 0)::bigint AS whole, coalesce(sum(idx_tup_fetch), 0)::bigint AS fetched
  FROM pg_stat_xact_user_tables
 WHERE schemaname IN ('app', 'queue') AND (relname LIKE 'outbox_%' OR relname LIKE 'job_%'
        OR relname IN ('procrastinate_jobs', 'dead_letters', 'absorbed_events'))
"""


@dataclass
class Meter:
    """Runs acts, and keeps which of them read too much."""

    asked: set[str] = field(default_factory=set)
    dear: list[str] = field(default_factory=list)

    async def of(self, pool: Pool, name: str, act: Callable[[Tx], Awaitable[T]]) -> T:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            before = await tx.fetchrow(_READ)
            done = await act(tx)
            after = await tx.fetchrow(_READ)
        assert before
        assert after
        whole, fetched = after["whole"] - before["whole"], after["fetched"] - before["fetched"]
        self.asked.add(name)
        if whole > WHOLE or fetched > BATCH:
            self.dear.append(f"{name} read {whole} rows of whole tables, and {fetched} by an index")
        return done


async def life(meter: Meter, dispatch: Pool, queued: Pool, plain: Pool, endpoint: UUID) -> None:
    """Everything that happens to a batch of events, their jobs and their deliveries."""
    probe = Probed(probe_id=uuid4())
    once = Probed(probe_id=uuid4(), key=uuid4().hex, scope="exclusive")

    async def hand_off(tx: Tx) -> int:
        claimed = await outbox.claim(tx, batch=50, tenant_buffer=200)
        assert len(claimed) == 50
        facts = [probe, probe, once, *(Probed(probe_id=uuid4()) for _ in range(47))]
        return await outbox.hand_off(tx, [(c, jobs_for(f)) for c, f in zip(claimed, facts, strict=True)])

    assert await meter.of(dispatch, "claim, handoff and absorb", hand_off) == 49
    await meter.of(dispatch, "heads", outbox.heads)
    await meter.of(dispatch, "held back", outbox.held_back)
    await meter.of(dispatch, "turns", lambda tx: turns.advance(tx, turns.Round(), keys=50))
    first, second = [
        await meter.of(plain, "register", lambda tx: queue.register(tx, "here", 1, ["jobs"])) for _ in range(2)
    ]
    held = await meter.of(queued, "fetch", lambda tx: queue.fetch(tx, first, ["probe"], 20))
    assert len(held) == 20
    await ends(meter, queued, plain, held[:10])
    await again(meter, dispatch, plain, held[10])
    await plain.execute("UPDATE app.workers SET beat_at = app.now() - interval '1 hour' WHERE id = $1", first)
    stranded = await meter.of(plain, "stranded", lambda tx: queue.stranded(tx, 0.5))
    assert len(stranded) >= 9

    async def rescue(tx: Tx) -> int:
        return await queue.rescue(tx, [s for s in await queue.stranded(tx, 0.5) if s.in_flight])

    assert await meter.of(plain, "rescue", rescue) == 9
    late = [(d.tenant_id, d.execution_id, d.token) for d in held[11:]]
    assert len(await meter.of(queued, "came back", lambda tx: jobs.came_back(tx, late))) == 9
    more = await meter.of(queued, "fetch", lambda tx: queue.fetch(tx, second, ["probe"], 10))
    await meter.of(queued, "cancel requests", lambda tx: queue.cancel_requests(tx, more))
    assert await meter.of(queued, "reconcile", lambda tx: queue.reconcile(tx, second, [])) == 10
    await meter.of(plain, "age", lambda tx: queue.age(tx, 0.0))
    await deliver(meter, plain, endpoint)


async def ends(meter: Meter, queued: Pool, plain: Pool, held: list[Delivery]) -> None:
    one, other, *rest = held
    key = (one.tenant_id, one.execution_id, one.token)
    await meter.of(plain, "complete", lambda tx: tx.execute(jobs.SQL["complete"], *key))
    one.settled = True
    how: dict[str, Any] = {"error_class": "x", "error": "x", "traceback": None}
    gone = (other.tenant_id, other.execution_id, other.token)
    assert await meter.of(plain, "end", lambda tx: jobs.end(tx, *gone, state="dead", **how))
    assert await meter.of(queued, "finish", lambda tx: queue.finish(tx, held)) == (len(rest), len(held))


async def again(meter: Meter, dispatch: Pool, plain: Pool, one: Delivery) -> None:
    async def put_off(tx: Tx) -> bool:
        return await jobs.put_off(
            tx, one.tenant_id, one.execution_id, one.token, outcome="failed", counts=True, delay_s=0.0,
            error_class="x", error="x", traceback=None, correlation_id=None,
        )  # fmt: skip

    assert await meter.of(plain, "put off", put_off)
    said = await meter.of(
        dispatch, "redeliver", lambda tx: tx.execute(outbox.SQL["redeliver"], [one.tenant_id], [one.execution_id])
    )
    assert str(said) == "INSERT 0 1"


async def deliver(meter: Meter, plain: Pool, endpoint: UUID) -> None:
    async with transaction(plain, BIG) as tx:
        for _ in range(2):
            fact = CrmProbeRequested(for_tenant=endpoint, probe_id=endpoint)
            await outbox.emit(tx, BIG, fact, sink=SINK, ordering_key=ordering_key(endpoint))

    async def lease(tx: Tx) -> webhooks.Delivery:
        (leased,) = await webhooks.lease(tx, batch=32, for_s=30.0, busy=[])
        return leased

    refused = await meter.of(plain, "lease", lease)
    how: dict[str, Any] = {"counts": True, "max_attempts": 5}
    await meter.of(plain, "refuse", lambda tx: sinks.refuse(tx, refused.event, "no", "refused", **how))
    await plain.execute(
        "UPDATE app.outbox_events SET available_at = app.now() WHERE state = 'failed' AND sink = 'webhook'"
    )
    for _ in range(2):
        took = await meter.of(plain, "lease", lease)
        assert await meter.of(plain, "settle", partial(sinks.settle, event=took.event))
    await meter.of(plain, "reclaim", sinks.reclaim)


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_no_statement_of_all_day_reads_a_large_table_whole(db_url: str, pool: Pool) -> None:
    # S2.04, C.06, B.10: dispatchers and workers plan once for any arguments, others for those they have, or in time for any.
    await history.write(db_url, 100_000)
    login = await asyncpg.connect(db_url)
    # Another's: its own would leave the big tenant no room.
    await login.execute(_BACKLOG, await login.fetchval("SELECT id FROM app.tenants WHERE slug = 'small-1'"))
    await login.execute(_ATTEMPTS)
    await login.execute(_ELSEWHERE, BIG)
    endpoint = await login.fetchval(_ENDPOINT, BIG)
    await login.execute("VACUUM ANALYZE")  # as autovacuum does
    await login.close()
    dispatch, queued = await open_dispatch_pool(db_url, Settings.model_construct()), await open_queue_pool(db_url)
    generic = await open_pool(db_url, name="tests", size=2, settings={"plan_cache_mode": "force_generic_plan"})
    try:
        assert [f for f in await drift.plans(pool) if f.level != "ok"] == []
        for plain in (pool, generic):
            meter = Meter()
            await life(meter, dispatch, queued, plain, endpoint)
            assert meter.dear == []
            assert len(meter.asked) == 21
    finally:
        for each in (dispatch, queued, generic):
            each.terminate()
