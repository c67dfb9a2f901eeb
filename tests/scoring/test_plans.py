"""What is asked for every score and every list of leads is read out of an index, behind the wall, however many scores there are."""

from __future__ import annotations

from uuid import UUID

import pytest

from db import scores
from db.transaction import DbRole, opening
from tests.conftest import Connection

LEADS = 4000
_FILL = (
    "INSERT INTO app.leads (tenant_id, id, company_id, source, status, snapshot_id)"
    " SELECT $1, md5('l' || n)::uuid, md5('c' || n)::uuid, 'x', 'enriched', md5('s' || n)::uuid FROM generate_series(1, {n}) n",
    "INSERT INTO app.feature_snapshots"
    " (tenant_id, id, lead_id, snapshot_version, source_version, feature_vector_hash, vector, verdict)"
    " SELECT $1, md5('s' || n)::uuid, md5('l' || n)::uuid, 1, '1', sha256(convert_to(n::text, 'UTF8')), '{{}}', 'PASSED'"
    " FROM generate_series(1, {n}) n",
    "INSERT INTO app.score_predictions (tenant_id, lead_id, snapshot_id, rule_set_id, decides, score, band, coverage)"
    " SELECT $1, md5('l' || n)::uuid, md5('s' || n)::uuid, md5('r' || k)::uuid, k = 1, (n % 100) / 100.0,"
    " CASE WHEN n % 100 = 0 THEN 'HIGH' ELSE 'LOW' END, 1 FROM generate_series(1, {n}) n, generate_series(1, 3) k",
)
_PLANS = {
    "percentile": ("uuid, float8, uuid, int, int", "'{t}', 0.5, '{lead}', 500, 20", "score_predictions_recent"),
    "latest": ("uuid, uuid[]", "'{t}', ARRAY['{lead}'::uuid]", "score_predictions"),
    "rationale": (
        "uuid, bytea, uuid, text, uuid, uuid", "'{t}', sha256('7'), NULL, '1', md5('r1')::uuid, NULL", "feature_snapshots_hash",
    ),
    "stand_down": ("uuid, uuid", "'{t}', '{lead}'", "score_predictions"),
    "scores": ("uuid, uuid", "'{t}', '{lead}'", "score_predictions_lead"),
    "snapshots": ("uuid, uuid", "'{t}', '{lead}'", "feature_snapshots_lead"),
}  # fmt: skip


@pytest.fixture
async def filled(conn: Connection, tenant: UUID) -> UUID:
    await conn.execute("SET session_replication_role = replica")
    for statement in _FILL:
        await conn.execute(statement.format(n=LEADS), tenant)
    await conn.execute("SET session_replication_role = origin")
    await conn.execute("ANALYZE")
    return tenant


async def test_no_score_reads_more_than_its_lead_and_the_newest(conn: Connection, filled: UUID) -> None:
    lead = await conn.fetchval("SELECT md5('l7')::uuid")
    for name, (types, given, index) in _PLANS.items():
        await conn.execute(opening(DbRole.APP, filled))
        await conn.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await conn.execute(f"PREPARE asked ({types}) AS {scores.SQL[name]}")
        said = await conn.fetch(f"EXPLAIN (COSTS OFF) EXECUTE asked ({given.format(t=filled, lead=lead)})")
        plan = "\n".join(row[0] for row in said)
        await conn.execute("ROLLBACK")
        await conn.execute("DEALLOCATE asked")
        assert index in plan, f"{name}:\n{plan}"
        assert "Seq Scan" not in plan, f"{name}:\n{plan}"
