"""Nobody sees another tenant's rows: a walk over the catalog, so that a new table is covered the day it is made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from db.transaction import DbRole, opening
from tests.conftest import Connection
from tests.db.rows import Table, fill, tenant_tables

VIEWS = {"app.company_enrichment_runs", "app.discovery_runs", "app.enrichment_runs", "app.outbox"}
REFUSED = (asyncpg.InsufficientPrivilegeError,)


@asynccontextmanager
async def acting(conn: Connection, tenant: UUID | None, role: DbRole = DbRole.APP) -> AsyncIterator[Connection]:
    """A transaction of that role and tenant; whatever it did is undone."""
    await conn.execute(opening(role, tenant))
    try:
        yield conn
    finally:
        await conn.execute("ROLLBACK")


async def touched(conn: Connection, statement: str, *arguments: Any) -> int:
    """How many rows a statement changed; 0 when it is not allowed at all."""
    try:
        return int((await conn.execute(statement, *arguments)).rsplit(" ", 1)[-1])
    except REFUSED:
        return 0


@pytest.fixture
async def two(conn: Connection) -> tuple[UUID, UUID]:
    """Two tenants with a row in every table."""
    ours, theirs = uuid4(), uuid4()
    for tenant in (ours, theirs):
        await fill(conn, tenant)
    return ours, theirs


async def test_without_a_tenant_nothing_is_visible_and_nothing_can_be_written(
    conn: Connection, two: tuple[UUID, UUID]
) -> None:
    # R16 R18
    for table in await tenant_tables(conn):
        await _shut_out(conn, None, two[0], table)


async def test_as_another_tenant_nothing_is_visible_and_nothing_can_be_written(
    conn: Connection, two: tuple[UUID, UUID]
) -> None:
    # R16 R18
    ours, theirs = two
    for table in await tenant_tables(conn):
        await _shut_out(conn, theirs, ours, table)


async def _shut_out(conn: Connection, acting_as: UUID | None, victim: UUID, table: Table) -> None:
    """All four verbs, each in a transaction of its own: an error ends one."""
    async with acting(conn, acting_as):
        seen = await conn.fetchval(f"SELECT count(*) FROM {table.name} WHERE tenant_id = $1", victim)
        total = await conn.fetchval(f"SELECT count(*) FROM {table.name} WHERE tenant_id IS DISTINCT FROM $1", acting_as)
    assert (seen, total) == (0, 0), f"{table.name} shows another tenant's rows: CALL app.wall on it in its migration"
    async with acting(conn, acting_as):
        with pytest.raises(REFUSED):
            await table.insert(conn, victim)
    for statement in (
        f"UPDATE {table.name} SET tenant_id = tenant_id WHERE tenant_id = $1",
        f"DELETE FROM {table.name} WHERE tenant_id = $1",
    ):
        async with acting(conn, acting_as):
            assert await touched(conn, statement, victim) == 0, f"{statement} reached another tenant's rows"
    if acting_as is not None:  # nor can a row be given away
        async with acting(conn, acting_as):
            try:
                given = await touched(conn, f"UPDATE {table.name} SET tenant_id = $1", victim)
            except asyncpg.IntegrityConstraintViolationError:
                given = 0
            assert given == 0, f"{table.name} lets a row be handed to another tenant"


async def test_as_the_tenant_its_own_rows_are_there_and_no_others(conn: Connection, two: tuple[UUID, UUID]) -> None:
    ours, _ = two
    for table in await tenant_tables(conn):
        async with acting(conn, ours):
            owners = await conn.fetch(f"SELECT DISTINCT tenant_id FROM {table.name}")
        assert [o["tenant_id"] for o in owners] == [ours], table.name
        for verb, statement in (("UPDATE", "UPDATE {} SET tenant_id = tenant_id"), ("INSERT", "")):
            granted = await conn.fetchval("SELECT has_table_privilege('headwater_app', $1, $2)", table.name, verb)
            async with acting(conn, ours):
                if verb == "UPDATE":
                    changed = await touched(conn, statement.format(table.name))
                    assert (changed > 0) == granted, f"{verb} on {table.name}"
                elif granted:  # a second row like the first may clash with it, but the wall lets it through
                    try:
                        await table.insert(conn, ours)
                    except (asyncpg.UniqueViolationError, asyncpg.ForeignKeyViolationError):
                        continue


async def test_views_keep_the_walls(conn: Connection, two: tuple[UUID, UUID]) -> None:
    # R2
    ours, theirs = two
    for tenant in two:
        await conn.execute(
            "INSERT INTO app.runs (tenant_id, kind, triggered_by) VALUES ($1, 'nightly', 'tests')", tenant
        )
    views = await conn.fetch(
        "SELECT c.oid::regclass::text AS name, c.reloptions FROM pg_class c"
        " WHERE c.relnamespace = 'app'::regnamespace AND c.relkind = 'v' ORDER BY 1"
    )
    assert {v["name"] for v in views} >= VIEWS
    for view in views:
        assert "security_invoker=true" in (view["reloptions"] or []), f"{view['name']} acts as its owner"
        for acting_as, expected in ((None, set()), (theirs, {theirs}), (ours, {ours})):
            async with acting(conn, acting_as):
                seen = {r["tenant_id"] for r in await conn.fetch(f"SELECT tenant_id FROM {view['name']}")}
            assert seen == expected, (view["name"], acting_as)


async def test_the_system_role_sees_everybody(conn: Connection, two: tuple[UUID, UUID]) -> None:
    for table in await tenant_tables(conn):
        async with acting(conn, None, DbRole.SYSTEM):
            owners = {r[0] for r in await conn.fetch(f"SELECT DISTINCT tenant_id FROM {table.name}")}
        assert set(two) <= owners, table.name


async def test_every_table_is_forced_behind_its_wall(conn: Connection) -> None:
    names = await conn.fetch(
        "SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = 'app'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname = 'tenant_id'"
        " AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"
    )
    assert [n["name"] for n in names] == []
    bypass = await conn.fetch(
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'headwater\\_%' AND (rolbypassrls OR rolsuper OR rolcanlogin)"
    )
    assert [b["rolname"] for b in bypass] == []


async def test_tenant_leads_every_key_and_every_reference(conn: Connection) -> None:
    """So that the schema can be distributed by tenant, and no row can refer across a wall."""
    keys = await conn.fetch(
        "SELECT i.indrelid::regclass::text AS name, a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]"
        " WHERE c.relnamespace = 'app'::regnamespace AND i.indisprimary AND EXISTS"
        " (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id')"
    )
    assert len(keys) > 20
    assert [k["name"] for k in keys if k["attname"] != "tenant_id"] == []
    references = await conn.fetch(
        "SELECT k.conname FROM pg_constraint k WHERE k.contype = 'f' AND k.connamespace = 'app'::regnamespace"
        " AND EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = k.confrelid AND t.attname = 'tenant_id')"
        " AND NOT EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = k.conrelid AND t.attname = 'tenant_id'"
        "                  AND t.attnum = k.conkey[1])"
    )
    assert [r["conname"] for r in references] == []


async def test_the_app_role_owns_nothing_and_has_no_rights_in_the_queue(conn: Connection) -> None:
    assert not await conn.fetchval("SELECT has_schema_privilege('headwater_app', 'queue', 'USAGE')")
    owned = await conn.fetchval("SELECT count(*) FROM pg_class WHERE relowner = 'headwater_app'::regrole")
    owned += await conn.fetchval("SELECT count(*) FROM pg_proc WHERE proowner = 'headwater_app'::regrole")
    assert owned == 0
    reachable = await conn.fetch(
        "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'queue'::regnamespace AND c.relkind IN ('r', 'v', 'p')"
        " AND has_table_privilege('headwater_app', c.oid, 'SELECT, INSERT, UPDATE, DELETE')"
    )
    assert [r["relname"] for r in reachable] == []
    with pytest.raises(REFUSED):
        async with acting(conn, uuid4()):
            await conn.fetch("SELECT * FROM queue.procrastinate_jobs")


#: Functions that act as the owner, whose bodies keep to the caller's own tenant -> where its leak test is.
GUARDED = {
    "app.hold_units(text,text,double precision,uuid,jsonb)": "tests/db/test_budgets.py",
    "app.night_may_begin(integer)": "tests/nightly/test_plan.py",
    "app.nights_waiting()": "tests/nightly/test_plan.py",
    "app.similar_companies(text[],text[],uuid[],integer)": "tests/db/test_similar.py",
    "app.settle_call(uuid,text,double precision,double precision,integer[],text,text)": "tests/db/test_budgets.py",
}


async def test_functions_that_act_as_their_owner_are_known(conn: Connection) -> None:
    """Each of them needs a leak test of its own: add it, then name the function in GUARDED."""
    found = await conn.fetch(
        "SELECT p.oid::regprocedure::text AS name FROM pg_proc p WHERE p.pronamespace = 'app'::regnamespace AND p.prosecdef"
    )
    assert {f["name"] for f in found} == set(GUARDED)


S0_01 = """
id started_at finished_at status mode dry_run triggered_by stats error created_companies_count created_contacts_count
created_leads_count skipped_count error_count created_at updated_at
"""
S1_01 = """
id started_at completed_at duration_seconds status naics_codes posted_from posted_to api_calls_made opportunities_found
opportunities_new opportunities_updated opportunities_unchanged evaluations_created error_message error_details created_at
"""


async def test_documented_columns_of_discovery_runs_can_be_read(conn: Connection) -> None:
    # R2 S0.01 S1.01
    tenant = uuid4()
    await fill(conn, tenant)
    for column in sorted({*S0_01.split(), *S1_01.split()}):
        async with acting(conn, tenant):
            assert len(await conn.fetch(f"SELECT {column} FROM app.discovery_runs")) == 1, column


async def test_documented_defaults_of_a_run(conn: Connection) -> None:
    # S0.01 S1.01
    tenant = uuid4()
    await fill(conn, tenant)
    async with acting(conn, tenant):
        row = await conn.fetchrow("SELECT * FROM app.discovery_runs")
    assert row is not None
    assert (row["status"], row["dry_run"], row["started_at"] is not None) == ("pending", False, True)
    counts = [
        v for k, v in row.items() if k.endswith("_count") or k.startswith(("opportunities", "evaluations", "api_"))
    ]
    assert counts == [0] * 11
