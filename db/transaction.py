"""The one way to a transaction: role and tenant are set in its first message, and end with it."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg

from contracts.errors import Unavailable
from contracts.tenants import SYSTEM_TENANT
from db.lending import OWED, LendingPool

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

#: A first statement may wait for a lock: so many times as long may a transaction take to open with one.
FIRST_TIMES = 2.0

#: Another transaction stood in the way; everything is rolled back, so trying again is safe.
CONTENTION = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)


#: What a session that ended between two transactions looks like to whoever opens the next.
_ENDED = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)


@lru_cache(maxsize=1024)
def opening(role: DbRole, tenant: UUID | None, read_only: bool = False, flushed: bool = True) -> str:
    """What every transaction starts with. Role, tenant and the rest are local to it, so this holds under PgBouncer too."""
    begin = "BEGIN READ ONLY" if read_only else "BEGIN"
    unflushed = "" if flushed else "; SET LOCAL synchronous_commit = off"
    return f"{begin}; SET LOCAL ROLE {role.value}; SET LOCAL request.tenant_id = '{tenant or ''}'{unflushed}"


class transaction:  # noqa: N801 - used as a function is, `async with transaction(pool, tenant) as tx`
    """Open, commit on leaving, roll back on any error.

    `read_only` is enforced by the database (25006 for a write); its end costs no round trip where another transaction follows.
    `first` is a statement without parameters that travels with the opening; what it gives is not seen.
    `flushed=False`: the commit does not wait for the disk. A crash of the server may undo it, with all that was committed after it;
    only for what leads to nothing outside the database before a later commit that does wait (ADR 0049).

    Raises: Unavailable when no connection can be had. An error inside the block passes through unchanged; one that was swallowed
    there has undone the whole, which is InFailedSQLTransactionError (where something could have been written).
    """

    __slots__ = ("_connection", "_opening", "_patience_s", "_pool", "_read_only")
    _connection: Any

    def __init__(
        self,
        pool: Pool,
        tenant: UUID | None,
        *,
        role: DbRole = DbRole.APP,
        read_only: bool = False,
        flushed: bool = True,
        first: str = "",
    ) -> None:
        self._pool, self._read_only = pool, read_only
        self._opening = opening(role, tenant, read_only, flushed) + (first and f"; {first}")
        opening_s = pool.opening_s if isinstance(pool, LendingPool) else None
        self._patience_s = opening_s and opening_s * (FIRST_TIMES if first else 1.0)

    async def __aenter__(self) -> Tx:
        while True:
            owing = await self._take()
            try:
                await self._connection.execute(
                    OWED + self._opening if owing else self._opening, timeout=self._patience_s
                )
            except TimeoutError as error:
                await self._break_off()
                raise Unavailable("the database did not answer in time; check that it runs", after_s=1) from error
            except BaseException as error:
                await self._abandon()
                if owing and isinstance(error, _ENDED):
                    continue  # the session ended with the transaction before ours, of which nothing is lost
                raise
            return self._connection  # type: ignore[no-any-return]

    async def _take(self) -> bool:
        """Have a connection. True: a read-only transaction is still open on it, for our first message to end."""
        pool = self._pool
        try:
            if isinstance(pool, LendingPool):
                self._connection, owing = await pool.lend(10)
                return owing
            self._connection = await pool.acquire(timeout=10)
        except CONNECTION_ERRORS as error:
            raise Unavailable(
                "the database does not answer; check that it runs and that DATABASE_URL names it", after_s=1
            ) from error
        return False

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            await self._abandon()
            return
        if self._read_only and isinstance(self._pool, LendingPool) and self._pool.keep(self._connection, owing=True):
            return
        clean = False
        try:
            said = await self._connection.execute("COMMIT")
            clean = True
        finally:
            await self._give_back(clean)
        if said != "COMMIT":
            raise asyncpg.InFailedSQLTransactionError("nothing was committed: an error inside the block was swallowed")

    async def _break_off(self) -> None:
        with suppress(asyncpg.InterfaceError):  # a broken one was taken from us already
            self._connection.terminate()
        if isinstance(self._pool, LendingPool):
            self._pool.suspect()
        await self._give_back(False)

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
