"""The one way to a transaction: role and tenant are set in its first statement, and end with it."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg

from contracts.errors import Unavailable
from contracts.tenants import SYSTEM_TENANT
from db.lending import LendingPool

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
    asyncpg.TooManyConnectionsError,  # no room for our session: nothing was sent
)

#: Another transaction stood in the way; everything is rolled back, so trying again is safe.
CONTENTION = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)


@lru_cache(maxsize=1024)
def opening(role: DbRole, tenant: UUID | None) -> str:
    """The statement every transaction starts with. Role and tenant are local to it, so this holds under PgBouncer too."""
    return f"BEGIN; SET LOCAL ROLE {role.value}; SET LOCAL request.tenant_id = '{tenant or ''}'"


class transaction:  # noqa: N801 - used as a function is, `async with transaction(pool, tenant) as tx`
    """Open, commit on leaving, roll back on any error.

    Raises: Unavailable when no connection can be had. An error inside the block passes through unchanged; one that was swallowed
    there has undone the whole, which is InFailedSQLTransactionError.
    """

    __slots__ = ("_connection", "_pool", "_role", "_tenant")
    _connection: Any

    def __init__(self, pool: Pool, tenant: UUID | None, *, role: DbRole = DbRole.APP) -> None:
        self._pool, self._tenant, self._role = pool, tenant, role

    async def __aenter__(self) -> Tx:
        try:
            connection = self._connection = await self._pool.acquire(timeout=10)
        except CONNECTION_ERRORS as error:
            raise Unavailable(
                "the database does not answer; check that it runs and that DATABASE_URL names it", after_s=1
            ) from error
        try:
            await connection.execute(opening(self._role, self._tenant))
        except BaseException:
            await self._abandon()
            raise
        return connection

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            await self._abandon()
            return
        clean = False
        try:
            said = await self._connection.execute("COMMIT")
            clean = True
        finally:
            await self._give_back(clean)
        if said != "COMMIT":
            raise asyncpg.InFailedSQLTransactionError("nothing was committed: an error inside the block was swallowed")

    async def _abandon(self) -> None:
        clean = False
        try:
            clean = await _roll_back(self._connection)
        finally:
            await self._give_back(clean)

    async def _give_back(self, clean: bool) -> None:
        pool = self._pool
        if not (clean and isinstance(pool, LendingPool) and pool.keep(self._connection)):
            await pool.release(self._connection)


async def act_for_all(tx: Tx, tenant: UUID) -> None:
    """Let the rest of a transaction of the reserved tenant `system` read and write every tenant's rows, as the system role.

    Raises: RuntimeError for any other tenant: its walls stay up.
    """
    if tenant != SYSTEM_TENANT:
        raise RuntimeError("only work of the reserved tenant may see all tenants")
    await tx.execute(f"SET LOCAL ROLE {DbRole.SYSTEM.value}")


async def _roll_back(connection: Tx) -> bool:
    """A connection that cannot roll back is not given to the next one who asks. The error that led here is the one to be heard."""
    try:
        await connection.execute("ROLLBACK", timeout=5)
    except Exception:
        with suppress(asyncpg.InterfaceError):  # a broken one was taken from us already
            connection.terminate()
        return False
    return True
