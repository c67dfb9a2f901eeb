"""One plausible row in every table that has a tenant, made from the catalog alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from tests.conftest import Connection

#: What the catalog cannot tell: columns that a CHECK ties to another one.
TIED: dict[str, dict[str, str]] = {
    "app.dead_letters": {"kind": "'event'", "event": """'{"id": 1, "version": 1}'"""},
    "app.users": {"email": "gen_random_uuid() || '@example.com'"},
    "app.job_executions": {"scope": "'once'"},
    "app.waterfall_orders": {"operations": "ARRAY['hunter.finder']"},
    "app.night_companies": {"stage": "'waiting'", "slice_id": "gen_random_uuid()"},
    "app.limits": {"scope": "'tenant'", "name": "''"},
    "app.runs": {"kind": "'discovery'"},
    "app.score_predictions": {"decides": "true"},
    "app.match_decisions": {
        "a_id": "'00000000-0000-7000-8000-000000000001'",
        "decision": "'pending'",
    },
    "app.schedules": {"cron": "'0 6 * * *'", "zone": "'Etc/UTC'"},
    # So that each tenant has something in the view inventory_alerts.
    "app.alerts": {"rule": "'inventory.low_stock'", "scope": "'sku:x'"},
    "app.skus": {"code": "'x'"},
    "app.samples": {"converted_at": "app.now()"},
    "app.webhook_endpoints": {"events": "ARRAY['LeadScored']"},
    "app.stream_subscriptions": {"events": "ARRAY['LeadScored']"},
}
_BY_TYPE = {
    "uuid": "gen_random_uuid()",
    "text": "substr(gen_random_uuid()::text, 1, 20)",
    "character varying": "substr(gen_random_uuid()::text, 1, 20)",
    "bytea": "sha256(gen_random_uuid()::text::bytea)",
    "jsonb": "'{}'",
    "timestamp with time zone": "app.now()",
    "boolean": "false",
    "integer": "1",
    "smallint": "1",
    "bigint": "1",
    "double precision": "1",
    "date": "current_date",
    "text[]": "'{}'",
    "uuid[]": "'{}'",
}
_COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type,
       (SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = 'c'
           AND k.conkey = ARRAY[a.attnum] AND pg_get_constraintdef(k.oid) LIKE '%ARRAY[%' LIMIT 1) AS one_of
  FROM pg_attribute a WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped
   AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND a.attname <> 'tenant_id' ORDER BY a.attnum
"""


@dataclass(frozen=True)
class Table:
    """A table, and the SQL expression for each of its columns that needs a value."""

    name: str
    values: dict[str, str]

    async def insert(self, conn: Connection, tenant: UUID) -> None:
        columns = ", ".join(["tenant_id", *self.values])
        values = ", ".join(["$1", *self.values.values()])
        await conn.execute(f"INSERT INTO {self.name} ({columns}) VALUES ({values})", tenant)


async def tenant_tables(conn: Connection) -> list[Table]:
    """Every table of ours with a tenant_id; partitions too, since they can be asked by name."""
    names = await conn.fetch(
        "SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = 'app'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname = 'tenant_id'"
        " AND (NOT c.relispartition OR c.relname LIKE '%\\_default') ORDER BY 1"
    )
    return [Table(row["name"], await _values(conn, row["name"])) for row in names]


async def _values(conn: Connection, table: str) -> dict[str, str]:
    rows = await conn.fetch(_COLUMNS, table)
    return {row["name"]: _value(row) for row in rows} | TIED.get(table, {})


def _value(column: Any) -> str:
    allowed = re.search(r"ARRAY\[\(?'([^']*)'", column["one_of"] or "")
    return f"'{allowed[1]}'" if allowed else _BY_TYPE[column["type"]]


async def fill(conn: Connection, tenant: UUID) -> None:
    """A row of `tenant` in every table, by the login user; references are not followed."""
    async with conn.transaction():
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(
            "INSERT INTO app.tenants (id, slug, name) VALUES ($1, $2, 'a tenant of tests')",
            tenant,
            f"t-{uuid4().hex[:12]}",
        )
        for table in await tenant_tables(conn):
            try:
                await table.insert(conn, tenant)
            except Exception as error:
                raise AssertionError(
                    f"no row could be made for {table.name}: {error}; say in tests/db/rows.py (TIED) what it needs"
                ) from error
