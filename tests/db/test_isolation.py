"""The nightly canary: nothing leaks, and what does is caught, told and stored."""

from __future__ import annotations

from uuid import UUID

import pytest

from contracts.isolation import RULE
from contracts.tenants import SYSTEM_TENANT
from db import alerts, isolation
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.db.conftest import new_tenant
from tests.db.rows import tenant_tables

LEAKY = """
CREATE TABLE app.leaky (
    tenant_id uuid NOT NULL, id uuid NOT NULL DEFAULT app.uuidv7(), note text NOT NULL, PRIMARY KEY (tenant_id, id)
);
ALTER TABLE app.leaky OWNER TO headwater_owner;
CALL app.wall('app.leaky', 'SELECT');
"""


async def standing(pool: Pool) -> dict[str, str]:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        found = await alerts.standing(tx, [SYSTEM_TENANT])
    return {a.scope: a.severity for a in found if a.rule == RULE}


async def everything(conn: Connection) -> dict[str, int]:
    tables = [t.name for t in await tenant_tables(conn)] + ["app.tenants"]
    return {name: await conn.fetchval(f"SELECT count(*) FROM {name}") for name in tables}


async def test_a_secret_is_planted_in_every_table_and_seen_by_nobody_else(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # B.07 S4.08
    await new_tenant(pool)
    before = await everything(conn)
    found = await isolation.check(pool)
    assert found.unplanted == [], (
        "say in db/planting.py (TIED) what a row of these needs, or in db/isolation.py how to ask"
    )
    assert (found.leaks, found.tenants) == ([], 3)  # these two, and the reserved one
    assert found.relations > 60
    assert found.functions == len(isolation.FUNCTIONS)
    assert await standing(pool) == {}
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        assert await isolation.latest(tx) == found
    # The canary was never there.
    assert await everything(conn) == before | {"app.isolation_checks": 1}


async def test_a_planted_leak_is_caught_told_and_forgotten_when_it_is_mended(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # B.07
    await conn.execute(LEAKY)
    assert (await isolation.check(pool)).leaks == []
    await conn.execute("ALTER POLICY tenant ON app.leaky USING (true)")
    (leak,) = (await isolation.check(pool)).leaks
    assert (leak.where, leak.tenants, leak.rows) == ("app.leaky", 3, 1)  # whoever has not said who it is, too
    assert await standing(pool) == {"app.leaky": "critical"}
    await conn.execute("DROP TABLE app.leaky")
    assert (await isolation.check(pool)).leaks == []
    assert await standing(pool) == {}


@pytest.mark.parametrize(
    ("hole", "where"),
    [
        ("ALTER TABLE app.leads DISABLE ROW LEVEL SECURITY", "app.leads"),
        ("CREATE POLICY second ON app.contacts TO headwater_app USING (email IS NOT DISTINCT FROM NULL OR true)", "app.contacts"),
        ("ALTER VIEW app.outbox SET (security_invoker = false); GRANT SELECT ON app.outbox TO headwater_app", "app.outbox"),
        (
            "CREATE VIEW app.names AS SELECT name FROM app.companies; ALTER VIEW app.names OWNER TO headwater_owner;"
            " GRANT SELECT ON app.names TO headwater_app",
            "app.names",
        ),
        (
            "CREATE OR REPLACE FUNCTION app.similar_companies(p_names text[], p_countries text[], p_not uuid[], p_most integer)"
            " RETURNS TABLE (place integer, id uuid, likeness real) LANGUAGE sql STABLE SECURITY DEFINER AS"
            " 'SELECT 1, c.id, 1::real FROM app.companies c WHERE c.name_core = p_names[1]'",
            "app.similar_companies()",
        ),
        ("GRANT USAGE ON SCHEMA queue TO headwater_app", "the queue can be read by tenants"),
    ],
)  # fmt: skip
async def test_every_kind_of_hole_is_found(conn: Connection, pool: Pool, tenant: UUID, hole: str, where: str) -> None:
    # B.07: a wall that is off, a policy too many, views that act as their owner, a function that forgets to ask, the queue
    await conn.execute(hole)
    assert where in {leak.where for leak in (await isolation.check(pool)).leaks}


async def test_what_cannot_be_planted_is_named_and_standing_rows_are_looked_for(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # B.07
    await conn.execute(LEAKY + "ALTER TABLE app.leaky ADD CHECK (note = 'as agreed')")
    await conn.execute("INSERT INTO app.leaky (tenant_id, note) VALUES ($1, 'as agreed')", tenant)
    await new_tenant(pool)
    found = await isolation.check(pool)
    assert (found.leaks, found.unplanted) == ([], ["app.leaky"])
    await conn.execute("ALTER POLICY tenant ON app.leaky USING (true)")
    assert [leak.where for leak in (await isolation.check(pool)).leaks] == ["app.leaky"]


async def test_it_is_done_once_a_night_however_many_workers_there_are(conn: Connection, pool: Pool) -> None:
    # B.07
    assert await isolation.nightly(pool) is not None
    assert await isolation.nightly(pool) is None
    await conn.execute("UPDATE app.retention_passes SET begun_at = app.now() - interval '21 hours'")
    assert await isolation.nightly(pool) is not None


async def test_tenants_see_nothing_of_the_results(conn: Connection, pool: Pool, tenant: UUID) -> None:
    await isolation.check(pool)
    async with transaction(pool, tenant) as tx:
        assert await tx.fetchval("SELECT count(*) FROM app.isolation_checks") == 0
        assert not await tx.fetchval("SELECT has_table_privilege('app.isolation_checks', 'INSERT, UPDATE, DELETE')")
