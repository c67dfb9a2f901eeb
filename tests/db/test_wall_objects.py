"""What the app role can reach, object by object, read from the catalog: a new object is behind the wall or on a list here."""

from __future__ import annotations

import io
import re
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

import db
from tests.conftest import Connection
from tests.db.rows import fill, tenant_tables
from tests.db.test_walls import GUARDED, acting

OURS = "('app'::regnamespace, 'queue'::regnamespace, 'public'::regnamespace)"
VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
#: Tables without a tenant: what the app role may do there, and why that tells nobody anything about another tenant.
WITHOUT_TENANT = {
    "app.tenants": {"SELECT"},  # the directory: logging in names a tenant before it has one
    "app.workers": {"SELECT"},  # processes of the installation, which work for everybody
    "app.vendor_operations": {"SELECT"},  # whom this installation can ask
    "app.schema_migrations": {"SELECT"},  # which version of the schema this is
    "app.breakers": set(),
    "app.paces": set(),  # how the house's keys are used
    "app.crawl_hosts": set(),  # whom anybody's jobs look at
    "app.crawl_robots": set(),
    "app.retention_passes": set(),  # when which table was gone through
    "app.queue_ageing": set(),  # when waiting jobs were last moved up
    "queue.procrastinate_workers": set(),
    "queue.procrastinate_periodic_defers": set(),
    "queue.procrastinate_events": set(),
}
#: Functions the app role may call: none of them reads a table.
HARMLESS = {
    "app.now()", "app.clock_shift()", "app.uuidv7()", "app.run_measures(text,jsonb,integer,integer)",
    "app.moved_name(uuid,text,text)",
}  # fmt: skip
#: Procedures it may call that touch a table: as the caller, behind its policies (tests/db/test_jobs.py tries another tenant).
AS_CALLER = {"app.complete(uuid,uuid,integer)"}
MALFORMED = ("x", "0", " ", "%", "null", "{victim}x", "{victim},{victim}", "' OR true --", "{victim}\n{victim}")


@pytest.fixture
async def victim(conn: Connection) -> UUID:
    """A tenant with a row in every table, in past months too."""
    tenant = uuid4()
    await fill(conn, tenant)
    for months in range(3):
        await conn.execute(f"SELECT app.make_month((app.now() - interval '{months} months')::date)")
        await conn.execute(
            "INSERT INTO app.outbox_history (tenant_id, id, event_id, aggregate_type, aggregate_id, type, version, payload,"
            " headers, sink, priority, attempts, routes, created_at, sent_at) SELECT $1, $2, gen_random_uuid(), 'probe',"
            f" gen_random_uuid(), 'Probed', 1, '{{}}', '{{}}', 'queue', 0, 0, 1, app.now() - interval '{months} months', app.now()",
            tenant,
            months,
        )
    return tenant


async def names(conn: Connection, query: str) -> set[str]:
    return {row[0] for row in await conn.fetch(query)}


async def test_tables_without_a_tenant_are_known_and_give_nothing_away(conn: Connection) -> None:
    # R18
    found = await conn.fetch(
        "SELECT c.oid::regclass::text AS name, ARRAY(SELECT v FROM unnest($1::text[]) v"
        "       WHERE has_table_privilege('headwater_app', c.oid, v)) AS verbs"
        f" FROM pg_class c WHERE c.relnamespace IN {OURS} AND c.relkind NOT IN ('i', 'I', 'S', 't', 'c')"
        " AND NOT EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id')",
        VERBS,
    )
    assert {row["name"]: set(row["verbs"]) for row in found} == WITHOUT_TENANT


async def test_whatever_has_a_tenant_is_a_walled_table_or_a_view_that_asks_as_its_reader(conn: Connection) -> None:
    # R18: a materialized view or foreign table has no wall at all
    kinds = await conn.fetch(
        "SELECT c.oid::regclass::text AS name, c.relkind::text AS kind, c.relrowsecurity AND c.relforcerowsecurity AS walled,"
        " coalesce('security_invoker=true' = ANY(c.reloptions), false) AS invoker,"
        " has_table_privilege('headwater_app', c.oid, 'TRUNCATE, REFERENCES, TRIGGER') AS loose"
        " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'"
        f" WHERE c.relnamespace IN {OURS} AND c.relkind NOT IN ('i', 'I') AND c.oid <> 'queue.procrastinate_jobs'::regclass"
    )
    assert len(kinds) > 25
    for row in kinds:
        sound = row["walled"] if row["kind"] in ("r", "p") else row["kind"] == "v" and row["invoker"]
        assert sound, f"{row['name']}: CALL app.wall on a table, give a view security_invoker"
        assert not row["loose"], row["name"]


async def test_every_wall_is_opened_by_the_same_three_policies(conn: Connection) -> None:
    # R18: permissive policies add up, so one more could open the wall; restrictive ones only narrow it
    found = await conn.fetch(
        "SELECT tablename, policyname, roles::text[] AS roles, cmd, qual, with_check FROM pg_policies"
        " WHERE schemaname IN ('app', 'queue', 'public') AND permissive = 'PERMISSIVE'"
    )
    own = "(tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)"
    expected = {
        "tenant": (["headwater_app"], own),
        "system": (["headwater_system"], "true"),
        "owner": (["headwater_owner"], "true"),
    }
    tables: dict[str, set[str]] = {}
    for row in found:
        roles, rule = expected[row["policyname"]]
        assert (row["roles"], row["qual"], row["with_check"], row["cmd"]) == (roles, rule, rule, "ALL"), row[
            "tablename"
        ]
        tables.setdefault(row["tablename"], set()).add(row["policyname"])
    assert [name for name, policies in tables.items() if policies != set(expected)] == []


async def test_functions_sequences_and_schemas_are_out_of_reach(conn: Connection) -> None:
    # R18
    callable_ = await names(
        conn,
        f"SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace IN {OURS}"
        " AND has_function_privilege('headwater_app', p.oid, 'EXECUTE')",
    )
    assert callable_ == HARMLESS | AS_CALLER | set(GUARDED), (
        "REVOKE EXECUTE ... FROM PUBLIC, or say in HARMLESS why it may be called"
    )
    acts_as_owner = await names(
        conn, f"SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.prosecdef AND p.pronamespace IN {OURS}"
    )
    assert acts_as_owner == set(GUARDED)
    # A sequence tells how much everybody writes together. (CASE: other relations have no such privilege to ask for.)
    counted = (
        "CASE WHEN c.relkind = 'S' THEN has_sequence_privilege('headwater_app', c.oid, 'USAGE, SELECT, UPDATE') END"
    )
    assert await names(conn, f"SELECT c.oid::regclass::text FROM pg_class c WHERE {counted}") == set()
    created = "SELECT nspname::text FROM pg_namespace n WHERE has_schema_privilege('headwater_app', n.oid, 'CREATE')"
    assert await names(conn, created) == set()
    used = f"SELECT nspname::text FROM pg_namespace n WHERE n.oid IN {OURS}"
    used += " AND has_schema_privilege('headwater_app', n.oid, 'USAGE')"
    assert await names(conn, used) == {"app", "public"}
    assert await names(
        conn, "SELECT rolname::text FROM pg_roles r WHERE pg_has_role('headwater_app', r.oid, 'MEMBER')"
    ) == {"headwater_app"}
    assert await conn.fetchval("SELECT count(*) FROM pg_largeobject_metadata") == 0


async def test_a_month_of_history_cannot_be_entered_by_its_own_name(conn: Connection, victim: UUID) -> None:
    # R18
    months = await names(
        conn, "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'app.outbox_history'::regclass"
    )
    assert len(months) > 3
    seen = 0
    for month in sorted(months):
        seen += await conn.fetchval(f"SELECT count(*) FROM {month} WHERE tenant_id = $1", victim)
        for tenant in (None, uuid4()):
            async with acting(conn, tenant):
                assert await conn.fetchval(f"SELECT count(*) FROM {month}") == 0, month
            for statement in (
                f"INSERT INTO {month} SELECT * FROM app.outbox_history",
                f"UPDATE {month} SET routes = 0",
                f"DELETE FROM {month}",
                f"TRUNCATE {month}",
                f"ALTER TABLE app.outbox_history DETACH PARTITION {month}",
            ):
                async with acting(conn, tenant):
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await conn.execute(statement)
    assert seen >= 3


@pytest.mark.parametrize("setting", MALFORMED)
async def test_a_tenant_that_is_no_tenant_sees_and_changes_nothing(
    conn: Connection, victim: UUID, setting: str
) -> None:
    # R18
    given = setting.replace("{victim}", str(victim))
    before = await conn.fetchval("SELECT string_agg(l.xmin::text, ',') FROM app.leads l")
    for table in await tenant_tables(conn):
        for statement in (
            f"SELECT * FROM {table.name}",
            f"UPDATE {table.name} SET tenant_id = tenant_id RETURNING 1",
            f"DELETE FROM {table.name} RETURNING 1",
        ):
            async with acting(conn, None):
                await conn.execute("SELECT set_config('request.tenant_id', $1, true)", given)
                try:
                    assert await conn.fetch(statement) == [], f"{table.name} with {given!r}"
                except (asyncpg.InvalidTextRepresentationError, asyncpg.InsufficientPrivilegeError):
                    continue
    assert await conn.fetchval("SELECT string_agg(l.xmin::text, ',') FROM app.leads l") == before


async def test_bulk_commands_keep_the_wall(conn: Connection, victim: UUID) -> None:
    # R18
    for table in await tenant_tables(conn):
        schema, name = table.name.split(".")
        for tenant in (None, uuid4()):
            out = io.BytesIO()
            async with acting(conn, tenant):
                await conn.copy_from_query(f"SELECT * FROM {table.name}", output=out)
            assert out.getvalue() == b"", table.name
            async with acting(conn, tenant):
                with pytest.raises((asyncpg.FeatureNotSupportedError, asyncpg.InsufficientPrivilegeError)):
                    await conn.copy_to_table(
                        name, schema_name=schema, columns=["tenant_id"], source=io.BytesIO(f"{victim}\n".encode())
                    )
            for statement in (
                f"TRUNCATE {table.name} CASCADE",
                f"ALTER TABLE {table.name} DISABLE ROW LEVEL SECURITY",
                f"CREATE POLICY mine ON {table.name} USING (true)",
                f"COPY {table.name} TO PROGRAM 'cat'",
                f"CREATE TRIGGER t AFTER INSERT ON {table.name} EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            ):
                async with acting(conn, tenant):
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await conn.execute(statement)
    async with acting(conn, uuid4()):
        await conn.execute("SET LOCAL row_security = off")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.fetch("SELECT * FROM app.leads")


async def test_what_the_planner_knows_is_not_shown(conn: Connection, victim: UUID) -> None:
    # R18: most common values are values of somebody's rows
    await conn.execute("ANALYZE")
    walled = [t.name.removeprefix("app.") for t in await tenant_tables(conn)]
    shown = "SELECT DISTINCT tablename::text FROM pg_stats WHERE schemaname = 'app' AND tablename = ANY($1)"
    assert await conn.fetch(shown, walled) != []
    for tenant in (None, uuid4(), victim):
        async with acting(conn, tenant):
            assert await conn.fetch(shown, walled) == []
            assert await conn.fetchval("SELECT count(*) FROM pg_stats_ext WHERE schemaname = 'app'") == 0
        for catalog in ("pg_statistic", "pg_statistic_ext_data", "pg_authid", "pg_largeobject"):
            async with acting(conn, tenant):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await conn.fetch(f"SELECT count(*) FROM {catalog}")


async def test_what_others_are_running_is_not_shown(conn: Connection, db_url: str, victim: UUID) -> None:
    # R18
    other = await asyncpg.connect(db_url)
    try:
        await other.fetchval(f"SELECT count(*) FROM app.leads WHERE tenant_id = '{victim}'")
        query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%' || $1 || '%' AND pid <> pg_backend_pid()"
        assert await conn.fetchval(query, str(victim)) == 1
        async with acting(conn, uuid4()):
            assert await conn.fetchval(query, str(victim)) == 0
    finally:
        await other.close()


def test_a_notification_carries_nothing() -> None:
    """Anyone connected may listen, so a channel only says that there is something to look for."""
    sent = re.compile(r"pg_notify\s*\(([^()]*)\)|\bNOTIFY\s+\w+\s*,")
    found = [
        (path.name, match[0])
        for path in sorted(Path(db.__file__).parent.glob("*.sql"))
        if path.name != "schema.sql"
        for match in sent.finditer(re.sub(r"--.*", "", path.read_text()))
    ]
    assert found
    assert [each for each in found if not re.fullmatch(r"pg_notify\s*\(\$1, ''\)", each[1])] == []
