"""The map of personal data is the catalog's: a new column fails here until somebody has thought about who may stand in it."""

from __future__ import annotations

from contracts.personal_data import RETENTION, TABLES
from tests.conftest import Connection

TEXTUAL = ("text", "character varying", "jsonb", "json", "text[]", "character varying[]", "name")


async def test_every_text_and_json_column_of_every_tenants_table_is_classified(conn: Connection) -> None:  # B.09
    rows = await conn.fetch(
        "SELECT c.relname AS name, a.attname AS column FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = 'app'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0"
        " AND NOT a.attisdropped AND format_type(a.atttypid, NULL) = ANY($1::text[])"
        " AND EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id')",
        list(TEXTUAL),
    )
    there = {(row["name"], row["column"]) for row in rows}
    known = {(name, column) for name, table in TABLES.items() for column in table.kinds()}
    missing, gone = sorted(there - known), sorted(known - there)
    assert not missing, f"who may stand in these? classify them in contracts/personal_data.py: {missing}"
    assert not gone, f"these are no columns (any more): {gone}"


async def test_every_column_has_one_kind_and_every_table_a_period(conn: Connection) -> None:
    for name, table in TABLES.items():
        said = [
            c for kinds in (table.people, table.staff, table.ours, table.company, table.hidden) for c in kinds.split()
        ]
        assert len(said) == len(set(said)), name
        assert table.retention in RETENTION, name


async def test_tables_without_a_tenant_hold_nobody(conn: Connection) -> None:
    """What is shared by all tenants is out of an erasure's reach: nothing about people may stand there."""
    rows = await conn.fetch(
        "SELECT DISTINCT c.relname AS name FROM pg_class c WHERE c.relnamespace = 'app'::regnamespace AND c.relkind IN ('r', 'p')"
        " AND NOT EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id')"
    )
    impersonal = {
        "tenants",
        "workers",
        "schema_migrations",
        "breakers",
        "paces",
        "vendor_operations",
        "crawl_hosts",
        "crawl_robots",
        "retention_passes",
        "queue_ageing",
    }
    assert {row["name"] for row in rows} <= impersonal, "a table without a tenant: can people stand in it?"
