"""A database of the previous version, a row in every table, becomes one of this version; nothing is lost: it is as a fresh one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg

from contracts.settings import Settings
from db import migrate, planting
from db.checkup import examine
from db.pool import open_pool
from db.transaction import DbRole, transaction
from tests.conftest import Connection
from tests.db.rows import tenant_tables

#: The last migration of the version before this one.
RELEASED = "0026_exchange.sql"
_SHAPE = """
SELECT c.relname || '.' || a.attname AS what, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
       CASE WHEN a.attnotnull THEN 'not null' END, pg_get_expr(d.adbin, d.adrelid)) AS how
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE c.relnamespace IN ('app'::regnamespace, 'queue'::regnamespace) AND c.relkind IN ('r', 'p', 'v')
   AND a.attnum > 0 AND NOT a.attisdropped AND NOT c.relispartition
UNION ALL
SELECT k.conrelid::regclass || ' ' || k.conname, pg_get_constraintdef(k.oid) FROM pg_constraint k
 WHERE k.connamespace = 'app'::regnamespace AND k.contype <> 'n'
   AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = k.conrelid)
UNION ALL
SELECT p.oid::regprocedure::text, md5(p.prosrc) FROM pg_proc p WHERE p.pronamespace IN ('app'::regnamespace, 'queue'::regnamespace)
UNION ALL
SELECT p.polrelid::regclass || ' ' || p.polname,
       concat_ws(' / ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) FROM pg_policy p
 WHERE NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = p.polrelid)
"""


async def shape(url: str) -> dict[str, str]:
    connection = await asyncpg.connect(url)
    try:
        return {row["what"]: row["how"] for row in await connection.fetch(_SHAPE)}
    finally:
        await connection.close()


async def rows(conn: Connection, tables: list[str]) -> dict[str, dict[str, Any]]:
    return {name: dict(await conn.fetchrow(f"SELECT to_jsonb(t)::text AS row FROM {name} t") or {}) for name in tables}


async def test_a_database_of_the_previous_version_is_brought_to_this_one(
    empty_db_url: str, db_url: str, tmp_path: Path
) -> None:
    # S1.10
    for path in migrate.FOLDER.glob("*.sql"):
        if path.name <= RELEASED:
            shutil.copy(path, tmp_path)
    await migrate.migrate(empty_db_url, tmp_path)
    conn = await asyncpg.connect(empty_db_url)
    tables = [t.name for t in await tenant_tables(conn) if not t.name.endswith("_default")]
    pool = await open_pool(empty_db_url, name="tests", size=2)
    tenant = uuid4()
    async with transaction(pool, None, role=DbRole.OWNER) as tx:
        await tx.execute("INSERT INTO app.tenants (id, slug, name) VALUES ($1, 'old', 'An old one')", tenant)
        assert (await planting.plant(tx, tenant, "of yesterday")).missing == []
    before = await rows(conn, tables)
    assert len(before) > 60

    applied = await migrate.migrate(empty_db_url)
    assert applied == sorted(p.name for p in migrate.FOLDER.glob("*.sql") if p.name > RELEASED)
    after = await rows(conn, tables)
    for name in tables:
        for column, value in _columns(before[name]).items():
            assert _columns(after[name]).get(column) == value, f"{name}.{column} was changed"
    assert await shape(empty_db_url) == await shape(db_url)
    async with transaction(pool, tenant) as tx:
        assert await tx.fetchval("SELECT count(*) FROM app.leads") == 1
    found = await examine(empty_db_url, Settings.model_construct())
    assert [f.check for f in found if f.check == "migrations" and f.level == "ok"] == ["migrations"]
    await pool.close()
    await conn.close()


def _columns(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row["row"])
    return found
