"""What the documents name exists under their names, with their defaults."""

from __future__ import annotations

from uuid import UUID

import pytest

from contracts.runs import CreateRun
from contracts.settings import Settings
from db import runs
from db.transaction import DbRole, Pool, opening, transaction
from tests.conftest import Connection

ENRICHMENT_RUNS = "run_id tenant_id started_at finished_at status step_counters error_summary"
SAMPLE_METRICS = (
    "tenant_id id sku_id rep period samples converted conversion_rate rate_low rate_high revenue revenue_per_sample"
)
TRIGGER_EXECUTIONS = "tenant_id id trigger_id subject_kind subject_id window_start fired_at action evidence"
INVENTORY_ALERTS = (
    "tenant_id id sku_id sku_code severity state first_seen last_seen resolved_at on_hand burn_rate days_left"
)
COMPANY_ENRICHMENT_RUNS = (
    "tenant_id run_id company_id lead_id rank reason stage status steps error_code snapshot corpus started_at"
    " finished_at"
)
ICP_CANDIDATE_COMPANIES = "tenant_id icp_profile_id company_id verdict fit coverage reasons refreshed_at gone_at"
NIGHT_MANIFESTS = "tenant_id run_id company_ids frozen_at caps budgets"
OUTBOX = "id event_id tenant_id aggregate_type aggregate_id type version payload headers status attempts created_at"


VIEWS = [
    ("enrichment_runs", ENRICHMENT_RUNS),
    ("outbox", OUTBOX),
    ("sample_metrics", SAMPLE_METRICS),
    ("trigger_executions", TRIGGER_EXECUTIONS),
    ("inventory_alerts", INVENTORY_ALERTS),
    ("company_enrichment_runs", COMPANY_ENRICHMENT_RUNS),
    ("night_manifests", NIGHT_MANIFESTS),
    ("icp_candidate_companies", ICP_CANDIDATE_COMPANIES),
    ("staging_acra_companies", "tenant_id uen entity_name changed_at"),
]

#: LeadEnrichmentRecord, LeadFeatureSnapshot, LeadScorePrediction, and tables of documents 2 and 3.
LATER = {
    "lead_enrichment_records": "tenant_id id lead_id status payload started_at finished_at",
    "lead_features": "tenant_id lead_id icp_profile_id snapshot_version source_version feature_vector_hash vector",
    "lead_scores": "tenant_id lead_id snapshot_id model_version_id score band rationale",
    "staging_acra_companies": "tenant_id uen entity_name entity_status_description primary_ssic_code postal_code",
    "icp_candidate_companies": "tenant_id company_id icp_profile_id fit refreshed_at",
    "odoo_connections": "tenant_id url database secret_ref",
}


@pytest.mark.parametrize(("view", "columns"), [*VIEWS, *LATER.items()])
async def test_documented_columns_of_the_views_can_be_read(
    conn: Connection, tenant: UUID, view: str, columns: str
) -> None:
    # R2 S3.12 S4.04
    for column in columns.split():
        await conn.execute(opening(DbRole.APP, tenant))
        try:
            assert await conn.fetch(f"SELECT {column} FROM app.{view}") == []
        finally:
            await conn.execute("ROLLBACK")


@pytest.mark.parametrize("leading", [["status"], ["started_at"], ["mode"], ["status", "finished_at"]])
async def test_runs_have_the_documented_indexes(conn: Connection, leading: list[str]) -> None:
    # S0.01 S1.01: behind the tenant, which leads every index of a tenant's table.
    indexes = await conn.fetch(
        "SELECT (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(i.indkey) WITH ORDINALITY AS k(attnum, n)"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum) AS columns"
        " FROM pg_index i WHERE i.indrelid = 'app.runs'::regclass AND i.indpred IS NULL"
    )
    wanted = ["tenant_id", *leading]
    assert [i["columns"] for i in indexes if i["columns"][: len(wanted)] == wanted]


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("accounts", "account_type"),
        ("accounts", "last_order_at"),
        ("orders", "delivered_at"),
        ("orders", "is_first_order"),
        ("skus", "burn_rate"),
    ],
)
async def test_what_the_business_jobs_look_for_is_indexed(conn: Connection, table: str, column: str) -> None:
    # S4.04: behind the tenant, which leads every index of a tenant's table
    found = await conn.fetch(
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'app' AND tablename = $1 AND indexdef LIKE $2",
        table,
        f"%(tenant_id, {column})%",
    )
    assert len(found) == 1


async def test_a_run_is_daily_unless_its_door_says_otherwise(conn: Connection, tenant: UUID) -> None:
    # S0.01
    await conn.execute("INSERT INTO app.runs (tenant_id, kind, triggered_by) VALUES ($1, 'discovery', 'cron')", tenant)
    row = await conn.fetchrow("SELECT status, mode, dry_run, triggered_by FROM app.discovery_runs")
    assert row is not None
    assert tuple(row) == ("pending", "daily", False, "cron")


async def test_every_change_of_a_run_is_dated(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S0.01: updatedAt(auto)
    params = runs.params_of(CreateRun(), Settings.model_construct())
    async with transaction(pool, tenant) as tx:
        run_id, _ = await runs.start(tx, tenant, params, mode="test", dry_run=False, triggered_by="api")
    dates = [await conn.fetchval("SELECT updated_at FROM app.discovery_runs")]
    async with transaction(pool, tenant) as tx:
        await runs.begin(tx, tenant, run_id, 60)
    dates.append(await conn.fetchval("SELECT updated_at FROM app.discovery_runs"))
    async with transaction(pool, tenant) as tx:
        await runs.end(tx, tenant, run_id)
    dates.append(await conn.fetchval("SELECT updated_at FROM app.discovery_runs"))
    assert dates == sorted(set(dates))


async def test_no_time_is_without_its_zone(conn: Connection) -> None:
    # R7
    naive = await conn.fetch(
        "SELECT a.attrelid::regclass::text || '.' || a.attname AS name FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE c.relnamespace = 'app'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND a.attnum > 0"
        " AND a.atttypid IN ('timestamp'::regtype, 'time'::regtype, 'timetz'::regtype)"
    )
    assert [n["name"] for n in naive] == []
    kinds = await conn.fetch(
        "SELECT attname, atttypid::regtype::text AS kind FROM pg_attribute WHERE attrelid = 'app.discovery_runs'::regclass"
        " AND attname IN ('started_at', 'completed_at', 'posted_from', 'posted_to') ORDER BY 1"
    )
    assert [k["kind"] for k in kinds] == ["timestamp with time zone", "date", "date", "timestamp with time zone"]
