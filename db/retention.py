"""What is made ahead and what is thrown away: history months, old runs."""

from __future__ import annotations

from db import crawl, runs
from db.sql import load
from db.transaction import DbRole, Pool, Tx, transaction

SQL = load("retention")
#: Months of history made ahead of time, and days an ended run is kept (S1.06).
MONTHS_AHEAD = 3
RUN_DAYS = 90
#: Days that a walk over a site is remembered.
CRAWL_DAYS = 365


async def make_months(tx: Tx) -> list[str]:
    """Make this month's history partition and the next three (owner role). Returns the months made.

    Waits at most 200 ms for its locks; a busy moment is left to the next try.
    """
    await tx.execute("SELECT set_config('lock_timeout', '200ms', true)")
    rows = await tx.fetch(SQL["make_months"], MONTHS_AHEAD)
    return [r["month"] for r in rows if r["made"]]


async def keep_months(tx: Tx) -> list[str]:
    """`make_months` from a system transaction: for the rest of it the owner acts."""
    await tx.execute("SELECT set_config('role', $1, true)", DbRole.OWNER.value)
    return await make_months(tx)


async def prepare(pool: Pool) -> list[str]:
    """`make_months` in a transaction of its own."""
    async with transaction(pool, None, role=DbRole.OWNER) as tx:
        return await make_months(tx)


async def astray(tx: Tx) -> int:
    """How many rows stand in the DEFAULT partition (at most 100,000 are counted): should be none."""
    return int(await tx.fetchval(SQL["astray"]))


async def clean_crawls(tx: Tx) -> int:
    """Delete what was read of sites long ago. System role."""
    tenants = [r["id"] for r in await tx.fetch(SQL["tenants"])]
    return sum([await crawl.forget(tx, tenant, CRAWL_DAYS) for tenant in tenants])


async def clean_runs(tx: Tx) -> int:
    """Delete every tenant's runs that ended long ago. System role."""
    tenants = [r["id"] for r in await tx.fetch(SQL["tenants"])]
    return sum([await runs.clean(tx, tenant, RUN_DAYS) for tenant in tenants])
