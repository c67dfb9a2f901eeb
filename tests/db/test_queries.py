"""Every named query fits the migrated schema, is allowed to whoever sends it, and is sent by somebody."""

from __future__ import annotations

import re
from pathlib import Path

import asyncpg
import pytest

from db import bench_floor, recovery, soak, sql
from db.transaction import DbRole, opening
from tests.conftest import Connection

DB = Path(sql.__file__).parent
QUERIES = [(module, name) for module in sql.modules() for name in sql.load(module)]
#: Sent by the owner: they make and drop tables.
OWNERS = {"retention"}
_PLANNED = re.compile(r"^\s*(--.*\n\s*)*(SELECT|INSERT|UPDATE|DELETE|WITH|VALUES)\b")


async def test_every_query_can_be_prepared(conn: Connection) -> None:
    broken: dict[str, str] = {}
    await soak.make_tables(conn)
    await bench_floor.make_tables(conn)
    await recovery.make_tables(conn)
    for module, name in QUERIES:
        query = sql.load(module)[name]
        if not _PLANNED.match(query):
            continue
        try:
            await conn.prepare(query)
        except asyncpg.PostgresError as error:
            broken[f"{module}.{name}"] = str(error)
    assert broken == {}
    assert len(QUERIES) > 100


async def test_every_query_is_allowed_to_the_role_that_sends_it(conn: Connection) -> None:
    """The system role may send them all (the owner its own): a plan is made and rights are checked, nothing runs."""
    if conn.get_server_version().major < 16:
        pytest.skip("EXPLAIN (GENERIC_PLAN) needs PostgreSQL 16: run the tests on a newer server as well")
    refused: dict[str, str] = {}
    await soak.make_tables(conn)
    await bench_floor.make_tables(conn)
    await recovery.make_tables(conn)
    for module, name in QUERIES:
        query = sql.load(module)[name]
        if not _PLANNED.match(query):
            continue
        await conn.execute(opening(DbRole.OWNER if module in OWNERS else DbRole.SYSTEM, None))
        try:
            await conn.execute(f"EXPLAIN (GENERIC_PLAN) {query}")
        except asyncpg.InsufficientPrivilegeError as error:
            refused[f"{module}.{name}"] = str(error)
        finally:
            await conn.execute("ROLLBACK")
    assert refused == {}


def test_every_name_is_known_and_every_query_is_used() -> None:
    known = {name for _, name in QUERIES}
    used: set[str] = set()
    for path in DB.glob("*.py"):
        used |= set(re.findall(r'SQL\[\s*"(\w+)"', path.read_text()))
    dynamic = {name for name in known if any(f'"{name}"' in path.read_text() for path in DB.glob("*.py"))}
    assert used - known == set(), "no twin has these: see the .sql file beside the module"
    assert known - used - dynamic == set(), "nobody sends these: delete them"
