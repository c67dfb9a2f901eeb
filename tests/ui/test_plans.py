"""What the console's pages ask of a tenant with many runs is read out of an index, behind the wall, whoever it is planned for."""

from __future__ import annotations

from typing import get_args
from uuid import UUID

import asyncpg
import pytest

from contracts.accounts import BusinessJob
from db import business_jobs, overview, tenants
from db.paging import SQL as PAGING
from db.pool import open_pool
from db.sql import load
from db.transaction import DbRole, opening, transaction
from tests.conftest import Connection

RUNS = 20_000
#: One business job in four never ran: the search for it finds its place in the index empty.
_FILL = f"""
INSERT INTO app.runs (tenant_id, id, kind, status, triggered_by, params, created_at, started_at, finished_at)
SELECT $1, (lpad(to_hex(n), 12, '0') || '70008000000000000000')::uuid, CASE WHEN n % 5 = 0 THEN 'job' ELSE 'discovery' END,
       CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'completed' END, 'schedule',
       CASE WHEN n % 5 = 0 THEN jsonb_build_object('job', ran.names[1 + n % 3]) ELSE '{{}}' END, t.at, t.at, t.at
  FROM generate_series(1, {RUNS}) n,
       (SELECT ARRAY['accounts.update_types', 'accounts.sample_metrics', 'accounts.triggers'] AS names) ran,
       LATERAL (SELECT app.now() - ({RUNS} - n) * interval '4 min' AS at) t
"""
_JOBS = "ARRAY['" + "', '".join(get_args(BusinessJob)) + "']"
#: Statement -> its parameters' types, what is given, and the index that it is read from.
_PLANS = {
    "business_jobs.last": ("uuid, text[]", f"'{{t}}', {_JOBS}", "runs_job"),
    "overview.levels": ("uuid, int, bigint", "'{t}', 30, 2000", "runs_finished"),
    "quotas.views": ("uuid, bigint", "'{t}', 1000", "runs_created"),
    "quotas.runs_today": ("uuid", "'{t}'", "runs_created"),
    "stats.rates": ("uuid[], bigint", "ARRAY['{t}'::uuid], 1000000", "tenant_id_sent_at_idx"),
}


@pytest.fixture
async def filled(db_url: str, conn: Connection) -> UUID:
    pool = await open_pool(db_url, name="tests", size=1)
    try:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            tenant = await tenants.create(tx, "busy", by="tests")
    finally:
        await pool.close()
    await conn.execute(_FILL, tenant.id)
    await conn.execute("VACUUM ANALYZE app.runs")
    return tenant.id


async def plan_of(conn: Connection, tenant: UUID, name: str) -> str:
    """How a statement is planned for any parameters, as the tenant itself."""
    types, given, _ = _PLANS[name]
    module, _, query = name.partition(".")
    await conn.execute(opening(DbRole.APP, tenant))
    try:
        await conn.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        if module == "stats":
            await conn.execute(PAGING["steady"])
        await conn.execute(f"PREPARE asked ({types}) AS {load(module)[query]}")
        said: list[asyncpg.Record] = await conn.fetch(f"EXPLAIN (COSTS OFF) EXECUTE asked ({given.format(t=tenant)})")
        await conn.execute("DEALLOCATE asked")
    finally:
        await conn.execute("ROLLBACK")
    return "\n".join(row[0] for row in said)


@pytest.mark.parametrize("name", list(_PLANS))
async def test_a_page_reads_an_index(conn: Connection, filled: UUID, name: str) -> None:
    plan = await plan_of(conn, filled, name)
    assert _PLANS[name][2] in plan, plan
    assert "Seq Scan on runs" not in plan, plan


_READ = (
    "SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint FROM pg_stat_xact_user_tables WHERE relname = 'runs'"
)


async def test_pages_read_no_more_runs_than_they_show(db_url: str, filled: UUID) -> None:
    pool = await open_pool(db_url, name="tests", size=1)
    try:
        async with transaction(pool, filled, read_only=True) as tx:
            jobs = {each.job: each.status for each in await business_jobs.last(tx, filled)}
            assert await tx.fetchval(_READ) <= len(jobs)
            assert jobs.pop("accounts.burn_rates") is None
            assert None not in jobs.values()
            before = await tx.fetchval(_READ)
            assert (await overview.levels(tx, filled)).runs == overview.MOST_RUNS
            assert await tx.fetchval(_READ) - before == overview.MOST_RUNS
    finally:
        await pool.close()
