"""What trials of recovery write and ask, beside the record of a soak."""

from __future__ import annotations

from uuid import UUID

from db.sql import load
from db.transaction import DbRole, Pool, Tx, transaction

SQL = load("recovery")


async def make_tables(login: Tx) -> None:
    """The trials' own tables and triggers, in the soak's schema."""
    await login.execute(SQL["tables"])


async def started(tx: Tx, tenant: UUID, execution_id: UUID, token: int, pid: int) -> None:
    """Note that an attempt begins."""
    await tx.execute(SQL["started"], tenant, execution_id, token, pid)


async def fill_disk(login: Tx, full: bool) -> None:
    """Let every write of the product fail as on a full disk, or no longer."""
    await login.execute(SQL["fill_disk"], full)


async def move_clock(login: Tx, by_s: float = 3600.0) -> None:
    """Let the database's clock jump, an hour ahead, or as many seconds as said."""
    await login.execute(SQL["jump"], str(by_s))
    await login.execute(SQL["move_clock"])


async def session_names(login: Tx) -> list[str]:
    """The application names of our sessions."""
    return [row["application_name"] for row in await login.fetch(SQL["session_names"])]


async def end_sessions(login: Tx, name: str) -> int:
    """End all sessions of a name; returns how many there were."""
    return int(await login.fetchval(SQL["end_sessions"], name))


async def in_hand(pool: Pool, pid: int) -> int:
    """Jobs that a process has begun and not ended."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return int(await tx.fetchval(SQL["in_hand"], pid))


async def restarted(pool: Pool, pid: int, at: float) -> list[float | None]:
    """Of each job that process `pid` held when it was killed at `at` (Unix time): seconds until it began again; None: not yet."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return [row["after_s"] for row in await tx.fetch(SQL["restarted"], pid, at)]


async def stale_accepted(pool: Pool) -> int:
    """Work of attempts that owned their job no longer, and that stands all the same."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return int(await tx.fetchval(SQL["stale_accepted"]))


async def rescues(pool: Pool) -> tuple[int, int]:
    """(attempts that were taken for dead, those of them that were not, and came back)."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        row = await tx.fetchrow(SQL["rescues"])
    return (row["rescued"], row["false"]) if row else (0, 0)
