"""Lists, stories and reasons read an index and stop, whatever stands in history: as a tenant and as the system.

Three readings of the same calls: the plans of each statement; what the tables say was read; and the same again where
the server may only use plans made for any parameters, which is what a prepared statement ends up with.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import asyncpg
import pytest

from contracts.executions import ExecutionFilter
from contracts.outbox import EventFilter, EventStatus
from contracts.replays import ReplayRequest
from db import executions, explanations, inspection, paging, replays, stats, throughput, verification
from db.pool import open_pool
from db.transaction import DbRole, Pool, Tx, transaction
from tests.inspection import history

BIG = UUID(history.BIG)
GUARDED = ("outbox_history", "job_executions")
MONTH_AGO = datetime.now(UTC) - timedelta(days=30)
SENT = [EventStatus.SENT]
#: A month of history that has only begun, or is nearly forgotten, is read whole: that is the quickest, and harmless. A whole
#: month is 50,000 rows and more here; where a month of so few begins to pay for an index depends on the hour of its first day.
A_FEW = 2_000
Call = Callable[[Tx, list[UUID], "Known"], Awaitable[object]]


class Known:
    """Ids that are in the history, for whoever has to name one."""

    def __init__(self, row: asyncpg.Record) -> None:
        self.event: UUID = row["event_id"]
        self.aggregate: UUID = row["aggregate_id"]
        self.correlation: UUID = row["correlation_id"]
        self.execution: UUID = row["execution_id"]


def events(**asked: Any) -> Call:
    return lambda tx, who, known: inspection.list_events(tx, who, _filter(asked, known))


def _filter(asked: dict[str, Any], known: Known) -> EventFilter:
    return EventFilter(**{name: value(known) if callable(value) else value for name, value in asked.items()})


def jobs(**asked: Any) -> Call:
    def call(tx: Tx, who: list[UUID], known: Known) -> Awaitable[object]:
        filled = {name: value(known) if callable(value) else value for name, value in asked.items()}
        return executions.list_executions(tx, who, ExecutionFilter(**filled))

    return call


async def deep(tx: Tx, who: list[UUID], _: Known) -> object:
    """The page that starts in the middle of history."""
    cursor = paging.encode("sent", "2026-11-01T00:00:00+00:00", 1)
    return await inspection.list_events(tx, who, EventFilter(), cursor=cursor)


async def explain(tx: Tx, who: list[UUID], known: Known) -> object:
    delivery = explanations.Delivery(1, 0.0, 0, 200)
    return await explanations.explain(tx, who, known.event, delivery, max_attempts=5)


async def dry_replay(tx: Tx, who: list[UUID], known: Known) -> object:
    asked = {"filter": {"status": ["sent"], "error_class": "bad_payload"}, "dry_run": True, "limit": 10}
    return await replays.replay_many(tx, who, ReplayRequest.model_validate(asked), "olga")


async def letters(tx: Tx, who: list[UUID], _: Known) -> object:
    return await executions.list_dead_letters(tx, who)


CALLS: dict[str, Call] = {
    "events": events(),
    "events, deep": deep,
    "events sent": events(status=SENT),
    "events of a type": events(status=SENT, type="RunFinished"),
    "events of an aggregate": events(aggregate_id=lambda known: known.aggregate),
    "events of an aggregate type": events(status=SENT, aggregate_type="nothing"),
    "events of a correlation": events(correlation_id=lambda known: known.correlation),
    "events with an error": events(status=SENT, error_class="bad_payload"),
    "events with an error and a type": events(status=SENT, error_class="bad_payload", type="Probed"),
    "events that failed": events(status=[EventStatus.FAILED]),
    "events, young": events(status=SENT, newer_than_s=86_400),
    "events, old": events(status=SENT, older_than_s=50 * 86_400),
    "events of a minute": events(status=SENT, since=MONTH_AGO, until=MONTH_AGO + timedelta(minutes=1)),
    "dead events": events(status=[EventStatus.DEAD_LETTER]),
    "one event": lambda tx, who, known: inspection.show_event(tx, who, known.event),
    "explain": explain,
    "stats": lambda tx, who, _: stats.stats(tx, who, stats.QueueDepth(0, 0, 0, None)),
    "replay, dry": dry_replay,
    "jobs": jobs(),
    "jobs of a minute": jobs(state=["done"], since=MONTH_AGO, until=MONTH_AGO + timedelta(minutes=1)),
    "jobs of a name": jobs(job="probe.touch"),
    "jobs that run": jobs(state=["running"]),
    "jobs that died": jobs(status="failed", state=["dead", "quarantined"]),
    "jobs of a run": jobs(run_id=lambda known: known.correlation),
    "jobs of an event": jobs(event_id=lambda known: known.event),
    "one job": lambda tx, who, known: executions.show_execution(tx, who, known.execution),
    "dead letters": letters,
    "throughput of an hour": lambda tx, who, _: throughput.series(tx, who[0], minutes=60, look=500),
    "throughput of a day": lambda tx, who, _: throughput.series(tx, who[0], minutes=1440, look=500),
    "replays of many": lambda tx, who, _: replays.batches(tx, who[0]),
}


class Explaining:
    """A connection that reads the plan of every statement before it runs it."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self.plans: list[dict[str, Any]] = []

    async def fetch(self, query: str, *arguments: Any) -> Any:
        (plan,) = await self._tx.fetch(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}", *arguments)
        self.plans += [read["Plan"] for read in json.loads(plan[0])]
        return await self._tx.fetch(query, *arguments)

    async def fetchrow(self, query: str, *arguments: Any) -> Any:
        rows = await self.fetch(query, *arguments)
        return rows[0] if rows else None

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        row = await self.fetchrow(query, *arguments)
        return row[0] if row else None

    async def execute(self, query: str, *arguments: Any) -> Any:
        return await self._tx.execute(query, *arguments)


def scans(plan: dict[str, Any]) -> list[tuple[str, str, float]]:
    """(relation, kind of scan, rows looked at) of every scan of a guarded table."""
    found = []
    relation = plan.get("Relation Name", "")
    if relation.startswith(GUARDED):
        looked = (
            plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
        )
        found.append((relation, plan["Node Type"], looked * plan["Actual Loops"]))
    for child in plan.get("Plans", []):
        found += scans(child)
    return found


@asynccontextmanager
async def looking(pool: Pool, role: DbRole) -> AsyncIterator[tuple[Tx, list[UUID], Known]]:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        row = await tx.fetchrow(
            "SELECT h.*, e.id AS execution_id FROM app.outbox_history h JOIN app.job_executions e USING (tenant_id, event_id)"
            " WHERE h.tenant_id = $1 AND h.id = 1000", BIG,
        )  # fmt: skip
        everybody = await inspection.all_tenants(tx)
    assert row is not None
    async with transaction(pool, BIG if role is DbRole.APP else None, role=role) as tx:
        yield tx, [BIG] if role is DbRole.APP else everybody, Known(row)


async def read_plans(pool: Pool, role: DbRole, bound: int) -> None:
    for name, call in CALLS.items():
        async with looking(pool, role) as (tx, who, known):
            explaining = Explaining(tx)
            await call(cast(Tx, explaining), who, known)
        assert explaining.plans, name
        for relation, kind, looked in (scan for plan in explaining.plans for scan in scans(plan)):
            where = f"{name} as {role.value}: {kind} on {relation} looked at {looked:.0f} rows"
            assert kind != "Seq Scan" or looked <= A_FEW, where
            assert looked <= bound, where


_READ = """
SELECT coalesce(sum(seq_tup_read), 0)::bigint AS scanned, coalesce(sum(idx_tup_fetch), 0)::bigint AS fetched
  FROM pg_stat_xact_user_tables
 WHERE schemaname = 'app' AND (relname LIKE 'outbox_history%' OR relname = 'job_executions')
"""


async def read_counters(pool: Pool, role: DbRole, bound: int) -> None:
    for name, call in CALLS.items():
        async with looking(pool, role) as (tx, who, known):
            before = await tx.fetchrow(_READ)
            await call(tx, who, known)
            after = await tx.fetchrow(_READ)
        assert before is not None
        assert after is not None
        scanned, fetched = after["scanned"] - before["scanned"], after["fetched"] - before["fetched"]
        assert scanned <= 2 * A_FEW, f"{name} as {role.value} with any-parameter plans scanned {scanned} rows"
        assert fetched <= bound, f"{name} as {role.value} with any-parameter plans fetched {fetched} rows"


async def judge(url: str, bound: int) -> None:
    """Every call, both roles, as planned for its parameters and as planned for any."""
    pool = await open_pool(url, name="tests", size=2)
    generic = await open_pool(url, name="tests", size=2, settings={"plan_cache_mode": "force_generic_plan"})
    try:
        for role in (DbRole.APP, DbRole.SYSTEM):
            await read_plans(pool, role, bound)
            await read_counters(generic, role, bound)
    finally:
        await pool.close()
        await generic.close()


#: A page looks at LOOK rows at most in all; the heads of other tenants and partitions come on top.
BOUND = paging.LOOK + 5_000


@pytest.mark.slow
async def test_plans_on_a_hundred_thousand_events(db_url: str) -> None:
    # S2.04, C.06
    await history.write(db_url, 100_000)
    await judge(db_url, BOUND)
    await history.analyze(db_url)
    await judge(db_url, BOUND)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_plans_and_proof_on_a_million_events(db_url: str) -> None:
    # S2.04, C.06, B.01
    await history.write(db_url, 1_000_000)
    await judge(db_url, BOUND)
    await history.analyze(db_url)
    await judge(db_url, BOUND)
    pool = await open_pool(db_url, name="tests", size=2, command_timeout_s=120)
    try:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            began = time.monotonic()
            deliveries = await verification.check_deliveries(tx, None)
            proof = await verification.verify(tx, None, deliveries)
            took_s = time.monotonic() - began
    finally:
        await pool.close()
    assert (proof.ok, proof.events, proof.jobs) == (True, 1_000_000, 1_000_000)
    assert took_s < 60
