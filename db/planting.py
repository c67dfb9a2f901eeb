"""A row of one tenant in every table, made from the catalog alone, references followed: what a search for leaks looks for.

A column that must have a value gets one that its type and its CHECKs allow; whatever text is free gets the secret. What the catalog
cannot tell, that a CHECK ties two columns together, stands in `TIED`. A table for which no row can be made is named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from db.sql import load
from db.transaction import Tx

SQL = load("isolation")
#: Values of columns that a CHECK ties to others, as SQL.
TIED: Mapping[str, Mapping[str, str]] = {
    "app.dead_letters": {"kind": "'event'", "event": """'{"id": 1, "version": 1}'"""},
    "app.job_executions": {"scope": "'once'", "coalesce_key": "NULL"},
    "app.match_decisions": {"a_id": "'00000000-0000-7000-8000-000000000001'", "decision": "'pending'"},
    "app.limits": {"scope": "'tenant'", "name": "''"},
    "app.runs": {"kind": "'discovery'"},
    "app.score_predictions": {"decides": "true"},
    "app.waterfall_orders": {"operations": "ARRAY['hunter.finder']"},
    "app.webhook_endpoints": {"events": "ARRAY['LeadScored']"},
    "app.stream_subscriptions": {"events": "ARRAY['LeadScored']"},
    "app.vendor_calls": {"state": "'sent'"},
    "app.vendor_items": {"state": "'sent'"},
    "app.budgets": {"scope": "'tenant'"},
    "app.schedules": {"cron": "'0 6 * * *'", "zone": "'Etc/UTC'"},
    "app.night_manifests": {"cap_source": "'policy'"},
    "app.samples": {"converted_at": "app.now()"},
    "app.night_companies": {"slice_id": "NULL", "stage": "'passed_over'"},
    "app.alert_deliveries": {"state": "'sending'"},
}
_BY_TYPE = {
    "uuid": "gen_random_uuid()",
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


@dataclass(slots=True)
class Planted:
    """Rows by table, as the database shows them, and the tables for which none could be made."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


async def plant(tx: Tx, tenant: UUID, secret: str) -> Planted:
    """Insert a row of `tenant` into every table that has a tenant, parents first. Owner role; undoing it is the caller's."""
    tables = await tx.fetch(SQL["plantable"])
    planted, todo = Planted(), {t["name"]: t for t in tables}
    while todo:
        ready = [
            n for n, t in todo.items() if not any(f["parent"] in todo and f["parent"] != n for f in t["foreign_keys"])
        ]
        for name in ready or list(todo):
            row = await _insert(tx, tenant, secret, todo.pop(name), planted)
            if row is None:
                planted.missing.append(name)
            else:
                planted.rows[name] = row
    return planted


async def _insert(tx: Tx, tenant: UUID, secret: str, table: Any, planted: Planted) -> dict[str, Any] | None:
    values = {c["name"]: value for c in table["columns"] if (value := _value(c, secret)) is not None}
    required = {c["name"] for c in table["columns"] if c["required"]}
    for key in table["foreign_keys"]:
        if required.isdisjoint(key["columns"]):
            continue
        parent = planted.rows.get(key["parent"])
        if parent is None:
            return None
        values |= {
            c: _literal(str(parent[r])) for c, r in zip(key["columns"], key["refers"], strict=True) if c != "tenant_id"
        }
    values = {"tenant_id": _literal(str(tenant)), **values, **TIED.get(table["name"], {})}
    names = ", ".join(f'"{column}"' for column in values)
    statement = (
        f"INSERT INTO {table['name']} AS t ({names}) VALUES ({', '.join(values.values())}) RETURNING to_jsonb(t)"
    )
    await tx.execute("SAVEPOINT planting")
    try:
        row: dict[str, Any] = await tx.fetchval(statement)
    except asyncpg.PostgresError:
        await tx.execute("ROLLBACK TO SAVEPOINT planting")
        return None
    await tx.execute("RELEASE SAVEPOINT planting")
    return row


def _value(column: Any, secret: str) -> str | None:
    """SQL for a column's value; None: it is left out."""
    allowed = re.search(r"ARRAY\[\(?'([^']*)'", column["one_of"] or "")
    if column["type"] in ("text", "character varying"):
        if allowed and column["required"]:
            return _literal(allowed[1])
        free = not column["checked"] and (column["length"] is None or column["length"] >= len(secret))
        if free or column["required"]:
            return _literal(secret[: column["length"]] if column["length"] else secret)
        return None
    return _BY_TYPE.get(column["type"], "NULL") if column["required"] else None


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
