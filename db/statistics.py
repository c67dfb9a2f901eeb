"""What the planner knows of tables that have just grown."""

from __future__ import annotations

from db.sql import load
from db.transaction import DbRole, Pool, transaction

SQL = load("statistics")


async def refresh(pool: Pool) -> None:
    """Analyze tables of up to 100,000 rows that have grown threefold since the planner last looked; others do it if they are at it.

    Raises: asyncpg.InsufficientPrivilegeError where this login may not become the owner; asyncpg.LockNotAvailableError.
    """
    async with transaction(pool, None, role=DbRole.OWNER) as tx:
        await tx.execute(SQL["refresh"])
