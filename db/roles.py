"""The three roles of a cluster and what they need in a database before the first migration.

Roles belong to the whole cluster, so several databases may ask for them at once; asking again is safe.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from contracts.errors import Hopeless
from db.pooler import split
from db.transaction import CONNECTION_ERRORS, DbRole

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

#: Any fixed number: it names "the roles of Headwater" among the locks of the `postgres` database.
ROLES_LOCK = 0x6865_6164_0001
SCHEMAS = ("app", "queue")
TRIES = 20
#: What two sessions that create or grant the same role at once may be told.
COLLISIONS = (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError, asyncpg.InternalServerError)


async def prepare(connection: Connection, url: str) -> None:
    """Make roles and empty schemas, as the login user of `url`, and let that user act as each role.

    Raises: Hopeless when the user may not, with the statements an administrator has to run.
    """
    try:
        if await _missing(connection):
            async with _cluster_lock(url):
                await _create(connection)
        await _open_database(connection)
    except asyncpg.InsufficientPrivilegeError as error:
        user = await connection.fetchval("SELECT quote_ident(current_user)")
        asked = " ".join(await _missing(connection))
        database = await connection.fetchval("SELECT quote_ident(current_database())")
        raise Hopeless(
            f"{user} may not prepare the database ({error}). Let an administrator run: {asked} "
            f"GRANT CREATE ON DATABASE {database} TO {user} WITH GRANT OPTION;",
            code="role_setup_refused",
        ) from error


async def _missing(connection: Connection) -> list[str]:
    """The statements still needed, in order; none when every role exists and the user may act as it."""
    statements = []
    user = await connection.fetchval("SELECT quote_ident(current_user)")
    # Before 16 every membership allows SET ROLE, and the privilege has no name of its own.
    verb = "SET" if connection.get_server_version().major >= 16 else "MEMBER"
    for role in DbRole:
        known = await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", role.value)
        if not known:
            statements.append(f"CREATE ROLE {role.value} NOLOGIN NOBYPASSRLS;")
        if not known or not await connection.fetchval("SELECT pg_has_role($1, $2)", role.value, verb):
            statements.append(f"GRANT {role.value} TO {user};")
    return statements


async def _create(connection: Connection) -> None:
    for left in reversed(range(TRIES)):
        try:
            for statement in await _missing(connection):
                await connection.execute(statement)
        except COLLISIONS:
            # Without the lock (no `postgres` database to connect to) another database may have been first.
            if not left:
                raise
            await asyncio.sleep(0.05)
        else:
            return


async def _open_database(connection: Connection) -> None:
    owner = DbRole.OWNER.value
    if not await connection.fetchval("SELECT has_database_privilege($1, current_database(), 'CREATE')", owner):
        database = await connection.fetchval("SELECT quote_ident(current_database())")
        await connection.execute(f"GRANT CREATE ON DATABASE {database} TO {owner}")
    for schema in SCHEMAS:
        if await connection.fetchval("SELECT to_regnamespace($1) IS NULL", schema):
            await connection.execute(f"CREATE SCHEMA {schema} AUTHORIZATION {owner}")


@asynccontextmanager
async def _cluster_lock(url: str) -> AsyncIterator[None]:
    """Advisory locks end at the database's border, so all meet in `postgres`, or else retries must do."""
    try:
        meeting = await asyncpg.connect(urlunsplit(urlsplit(split(url)[0])._replace(path="/postgres")), timeout=5)
    except (*CONNECTION_ERRORS, asyncpg.PostgresError):
        yield
        return
    try:
        await meeting.fetchval("SELECT pg_advisory_lock($1)", ROLES_LOCK)
        yield
    finally:
        await meeting.close()
