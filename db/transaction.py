"""The one way to a transaction: role and tenant are set in its first statement, and end with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg

from contracts.errors import Unavailable

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
    Tx = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Tx = asyncpg.Connection


class DbRole(StrEnum):
    """Who a transaction acts as: `APP` sees one tenant, `SYSTEM` (dispatcher, maintenance) all, `OWNER` may change tables."""

    APP = "headwater_app"
    SYSTEM = "headwater_system"
    OWNER = "headwater_owner"


#: What a driver raises when the server is away or going: nothing was committed, or we cannot know.
CONNECTION_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a session ended between Parse and Bind
    asyncpg.OperatorInterventionError,
)

#: Another transaction stood in the way; everything is rolled back, so trying again is safe.
CONTENTION = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)


def opening(role: DbRole, tenant: UUID | None) -> str:
    """The statement every transaction starts with. Role and tenant are local to it, so this holds under PgBouncer too."""
    return f"BEGIN; SELECT set_config('role', '{role.value}', true), set_config('request.tenant_id', '{tenant or ''}', true)"


@asynccontextmanager
async def transaction(pool: Pool, tenant: UUID | None, *, role: DbRole = DbRole.APP) -> AsyncIterator[Tx]:
    """Open, commit on leaving, roll back on any error.

    Raises: Unavailable when no connection can be had. An error inside the block passes through unchanged.
    """
    try:
        connection = await pool.acquire(timeout=10)
    except CONNECTION_ERRORS as error:
        raise Unavailable(
            "the database does not answer; check that it runs and that DATABASE_URL names it", after_s=1
        ) from error
    try:
        await connection.execute(opening(role, tenant))
        try:
            yield connection
        except BaseException:
            await _roll_back(connection)
            raise
        await connection.execute("COMMIT")
    finally:
        await pool.release(connection)


async def _roll_back(connection: Tx) -> None:
    """A connection that cannot roll back is not given to the next one who asks. The error that led here is the one to be heard."""
    try:
        await connection.execute("ROLLBACK", timeout=5)
    except Exception:
        with suppress(asyncpg.InterfaceError):  # a broken one was taken from us already
            connection.terminate()
