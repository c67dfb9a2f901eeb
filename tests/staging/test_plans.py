"""The night reads changes in order out of an index, behind the wall, however large the register is."""

from __future__ import annotations

from contracts.tenants import SYSTEM_TENANT
from db import staging
from db.transaction import DbRole, opening
from tests.conftest import Connection


async def test_changes_are_read_out_of_an_index(conn: Connection) -> None:
    # S3.18
    await conn.execute(
        "INSERT INTO app.staging_acra_companies (tenant_id, uen, entity_name, source, content_hash, changed_at)"
        " SELECT $1, n || 'K', 'x', 'file', '', app.now() - n * interval '1 second' FROM generate_series(100000, 120000) n",
        SYSTEM_TENANT,
    )
    await conn.execute("ANALYZE app.staging_acra_companies")
    middle = await conn.fetchval("SELECT changed_at::text FROM app.staging_acra_companies WHERE uen = '110000K'")
    await conn.execute(opening(DbRole.APP, SYSTEM_TENANT))
    await conn.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    query = f"PREPARE page (uuid, timestamptz, text, int) AS {staging.SQL['changed']}"
    await conn.execute(query)
    plan = await conn.fetch(
        f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) EXECUTE page ('{SYSTEM_TENANT}', '{middle}', '110000K', 50)"
    )
    text = "\n".join(row[0] for row in plan)
    await conn.execute("ROLLBACK")
    assert "staging_acra_companies_changed" in text, text
    assert "Sort" not in text, text
    assert "Rows Removed" not in text, text
