"""Ways to learn about rows one cannot see: planted functions, errors, keys that clash, references that hold."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.conftest import Connection
from tests.db.rows import Table, fill, tenant_tables
from tests.db.test_walls import acting

REFUSED = asyncpg.InsufficientPrivilegeError


@pytest.fixture
async def victim(conn: Connection) -> UUID:
    tenant = uuid4()
    await fill(conn, tenant)
    return tenant


async def relations(conn: Connection) -> list[str]:
    """Every table and view of ours that has a tenant."""
    rows = await conn.fetch(
        "SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = 'app'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND a.attname = 'tenant_id' ORDER BY 1"
    )
    return [row["name"] for row in rows]


#: Costs nothing, so that the planner would like to call it first, and tells what it is given.
PLANTED = """
CREATE FUNCTION pg_temp.told(what text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
AS $$ BEGIN RAISE NOTICE 'told %', what; RETURN true; END $$
"""


async def test_a_planted_function_is_shown_no_row_of_another(conn: Connection, victim: UUID) -> None:
    # R18: only what is declared leakproof, which needs a superuser, may run before the wall's own condition
    heard: list[str] = []
    conn.add_log_listener(lambda _, message: heard.append(str(message)))
    for relation in await relations(conn):
        for tenant in (None, uuid4()):
            async with acting(conn, tenant):
                await conn.execute(PLANTED)
                for query in (
                    f"SELECT count(*) FROM {relation} t WHERE pg_temp.told(t::text)",
                    f"SELECT count(*) FROM {relation} t JOIN {relation} u ON pg_temp.told(t::text || u::text)",
                    f"SELECT count(*) FROM {relation} t WHERE tenant_id = '{victim}' AND pg_temp.told(t::text)",
                    # An error is as good as a notice.
                    f"SELECT count(*) FROM {relation} t WHERE (t::text)::int = 0",
                    f"SELECT count(*) FROM {relation} t WHERE 1 / (length(t::text) - length(t::text)) = 0",
                    f"SELECT max((t::text)::int) FROM {relation} t",
                ):
                    assert await conn.fetchval(query) in (0, None), f"{relation}: {query}"
            async with acting(conn, tenant):
                await conn.execute(PLANTED)
                with pytest.raises(REFUSED):
                    await conn.execute("ALTER FUNCTION pg_temp.told(text) LEAKPROOF")
    assert heard == []
    # The same as the one whose rows they are does speak.
    async with acting(conn, victim):
        await conn.execute(PLANTED)
        await conn.fetchval("SELECT count(*) FROM app.leads t WHERE pg_temp.told(t::text)")
    assert len(heard) == 1


async def test_nothing_can_be_planted_for_others_to_run(conn: Connection) -> None:
    # R18
    for schema in ("app", "public", "queue"):
        for statement in (
            f"CREATE FUNCTION {schema}.planted() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            f"CREATE TABLE {schema}.planted (a int)",
            f"CREATE VIEW {schema}.planted AS SELECT 1",
            f"CREATE OPERATOR {schema}.=== (FUNCTION = pg_catalog.uuid_eq, LEFTARG = uuid, RIGHTARG = uuid)",
        ):
            async with acting(conn, uuid4()):
                with pytest.raises(REFUSED):
                    await conn.execute(statement)
    for statement in (
        "CREATE OR REPLACE FUNCTION app.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT now()'",
        "CREATE OR REPLACE FUNCTION app.clock_shift() RETURNS interval LANGUAGE sql AS 'SELECT interval ''1 day'''",
        "CREATE SCHEMA planted",
        "CREATE EXTENSION dblink",
    ):
        async with acting(conn, uuid4()):
            with pytest.raises((REFUSED, asyncpg.FeatureNotSupportedError, asyncpg.UndefinedFileError)):
                await conn.execute(statement)


async def test_every_unique_index_starts_with_the_tenant(conn: Connection) -> None:
    """Else a clash would tell one tenant what another one has."""
    # R18
    others = await conn.fetch(
        "SELECT i.indexrelid::regclass::text AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
        " LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]"
        " WHERE c.relnamespace = 'app'::regnamespace AND (i.indisunique OR i.indisexclusion)"
        " AND a.attname IS DISTINCT FROM 'tenant_id' AND EXISTS"
        " (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id')"
    )
    assert [row["name"] for row in others] == []


async def test_a_copy_of_anothers_row_clashes_with_nothing(conn: Connection, victim: UUID) -> None:
    # R18: whatever the victim has, keys included, a tenant with nothing may write down as its own
    tried, said = 0, list[str]()
    for table in await tenant_tables(conn):
        if not await conn.fetchval("SELECT has_table_privilege('headwater_app', $1, 'INSERT')", table.name):
            continue
        columns = await conn.fetchval(
            "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0"
            " AND NOT attisdropped AND attidentity = '' AND attgenerated = ''",
            table.name,
        )
        row = await conn.fetchval(f"SELECT to_jsonb(t)::text FROM {table.name} t WHERE tenant_id = $1", victim)
        newcomer = uuid4()
        await conn.execute("INSERT INTO app.tenants (id, slug, name) VALUES ($1, $2, 'x')", newcomer, newcomer.hex)
        async with acting(conn, newcomer):
            try:
                await conn.execute(
                    f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{table.name}, $1)",
                    row.replace(str(victim), str(newcomer)),
                )
            except asyncpg.ForeignKeyViolationError as error:
                said.append(f"{error} {error.as_dict()}")
            tried += 1
    assert tried > 15
    assert [words for words in said if str(victim) in words] == []


async def test_anothers_row_can_be_referred_to_as_little_as_one_that_is_not_there(
    conn: Connection, victim: UUID
) -> None:
    # R18
    me = uuid4()
    await fill(conn, me)
    references = await conn.fetch(
        "SELECT k.conname AS name, k.conrelid::regclass::text AS source, k.confrelid::regclass::text AS target,"
        " ARRAY(SELECT attname::text FROM unnest(k.conkey) WITH ORDINALITY n(num, nth)"
        "       JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n.num ORDER BY nth) AS columns,"
        " ARRAY(SELECT attname::text FROM unnest(k.confkey) WITH ORDINALITY n(num, nth)"
        "       JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = n.num ORDER BY nth) AS keys"
        " FROM pg_constraint k WHERE k.contype = 'f' AND k.connamespace = 'app'::regnamespace"
        " AND cardinality(k.conkey) > 1 AND has_table_privilege('headwater_app', k.conrelid, 'INSERT')"
    )
    tables = {table.name: table for table in await tenant_tables(conn)}
    for reference in references:
        # Every other reference of the table is in order, so that this one decides.
        mine = {r["name"]: await _target(conn, r, me) for r in references if r["source"] == reference["source"]}
        theirs = await _target(conn, reference, victim)
        nobodys = {column: str(uuid4()) for column in theirs}
        results = []
        for values in (theirs, nobodys, mine[reference["name"]]):
            row = {name: value for other in mine.values() for name, value in other.items()} | values
            results.append(await _insert(conn, tables[reference["source"]], me, row, (*theirs.values(), str(victim))))
        assert results[0] == results[1] == ("ForeignKeyViolationError", reference["name"]), reference["name"]
        assert results[2] is None, reference["name"]
    assert len(references) >= 8


async def _target(conn: Connection, reference: Any, tenant: UUID) -> dict[str, str]:
    """The columns of a reference, filled with the key of a row that the tenant has; the tenant's column left out."""
    row = await conn.fetchrow(f"SELECT * FROM {reference['target']} WHERE tenant_id = $1", tenant)
    assert row is not None
    pairs = zip(reference["columns"], reference["keys"], strict=True)
    return {column: str(row[key]) for column, key in pairs if column != "tenant_id"}


async def _insert(
    conn: Connection, table: Table, tenant: UUID, row: dict[str, str], hidden: tuple[str, ...]
) -> tuple[str, str] | None:
    """Insert as the app role: None when it went in, else the error's class and constraint, which may say nothing hidden."""
    quoted = {name: f"'{value}'" for name, value in row.items()}
    async with acting(conn, tenant):
        try:
            await Table(table.name, {**table.values, **quoted}).insert(conn, tenant)
            await conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except asyncpg.UniqueViolationError:
            return None
        except asyncpg.IntegrityConstraintViolationError as error:
            said = f"{error} {error.as_dict()}"
            own = set(row.values())
            assert not [value for value in hidden if value in said and value not in own], said
            return type(error).__name__, str(error.as_dict().get("constraint_name"))
    return None


async def test_an_error_quotes_nobody_elses_values(conn: Connection, victim: UUID) -> None:
    """Postgres describes the row that failed; behind a wall it keeps that to itself."""
    # R18
    me = uuid4()
    await fill(conn, me)
    email = await conn.fetchval("SELECT email FROM app.users WHERE tenant_id = $1", me)
    secret = "argon2-" + "s" * 500
    for statement, arguments in (
        (
            "INSERT INTO app.users (tenant_id, email, role, password_hash) VALUES ($1, $2, 'owner', $3)",
            (me, email, "hash"),
        ),
        (
            "INSERT INTO app.users (tenant_id, email, role, password_hash) VALUES ($1, $2, 'owner', $3)",
            (me, "a@b.c", secret),
        ),
        (
            "INSERT INTO app.users (tenant_id, email, role, password_hash) VALUES ($1, $2, 'king', $3)",
            (me, "a@b.c", "hash"),
        ),
        ("UPDATE app.users SET password_hash = $2 WHERE tenant_id = $1", (me, secret)),
    ):
        async with acting(conn, me):
            with pytest.raises(asyncpg.IntegrityConstraintViolationError) as caught:
                await conn.execute(statement, *arguments)
        said = f"{caught.value} {caught.value.as_dict()}"
        assert email not in said
        assert "argon2-" not in said
        assert str(victim) not in said
