"""Tables that have just grown: what is looked up by its key is found by its key, in sessions that knew them empty too."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from db import runs, statistics
from db.transaction import DbRole, Pool, Tx, transaction

ROWS = 500
_MANY = """
INSERT INTO app.runs (tenant_id, kind, mode, dry_run, triggered_by, params)
SELECT $1, 'discovery', 'test', false, 'api', '{}' FROM generate_series(1, $2::int)
"""


async def _rows_read(tx: Tx, tenant: UUID, run_id: UUID) -> int:
    """By the plan that this session has kept."""
    (found,) = await tx.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE one('{tenant}', '{run_id}')")
    return _read(json.loads(found[0])[0]["Plan"])


def _read(plan: dict[str, Any]) -> int:
    own = int(plan["Actual Rows"]) + int(plan.get("Rows Removed by Filter", 0))
    return max([own, *(_read(below) for below in plan.get("Plans", []))])


async def test_a_plan_made_on_an_empty_table_does_not_outlive_its_growth(pool: Pool, tenant: UUID) -> None:
    # S2.15
    async with pool.acquire() as session:
        await session.execute(f"PREPARE one(uuid, uuid) AS {runs.SQL['show']}")
        await session.execute("SET plan_cache_mode = force_generic_plan")
        assert await _rows_read(session, tenant, tenant) == 0
        async with transaction(pool, tenant, role=DbRole.SYSTEM) as tx:
            await tx.execute(_MANY, tenant, ROWS)
            await tx.execute("SELECT pg_stat_force_next_flush()")
            run_id = await tx.fetchval("SELECT id FROM app.runs WHERE tenant_id = $1 LIMIT 1", tenant)

        await statistics.refresh(pool)

        assert await _rows_read(session, tenant, run_id) == 1


async def test_what_has_not_grown_is_left_alone(pool: Pool, tenant: UUID) -> None:
    # S2.15
    async with transaction(pool, tenant, role=DbRole.SYSTEM) as tx:
        await tx.execute(_MANY, tenant, ROWS)
        await tx.execute("SELECT pg_stat_force_next_flush()")
    await statistics.refresh(pool)
    async with transaction(pool, tenant, role=DbRole.SYSTEM) as tx:
        await tx.execute(_MANY, tenant, ROWS // 2)
        await tx.execute("SELECT pg_stat_force_next_flush()")
    await statistics.refresh(pool)
    async with transaction(pool, tenant, role=DbRole.SYSTEM) as tx:
        assert await tx.fetchval("SELECT reltuples FROM pg_class WHERE oid = 'app.runs'::regclass") == ROWS
