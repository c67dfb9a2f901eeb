"""What the console's overview counts, in bounded time."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from contracts.overview import BOUND, LEVEL_DAYS, CallSeries, CallsOfVendor, ServiceLevels, Standing
from db.sql import load
from db.transaction import Tx

SQL = load("overview")
#: The newest runs that service levels look at.
MOST_RUNS = 2_000


async def standing(tx: Tx, tenant: UUID) -> Standing:
    """Leads by band, and what waits for a person."""
    bands = {r["band"]: r["n"] for r in await tx.fetch(SQL["bands"], tenant, BOUND)}
    waiting = await tx.fetchrow(SQL["waiting"], tenant, BOUND)
    assert waiting is not None
    return Standing(bands=bands, **dict(waiting))


async def calls(tx: Tx, tenant: UUID, by: Literal["hour", "day"]) -> CallSeries:
    """Vendor calls of the last 24 hours or 30 days; hours and days without a call are 0."""
    begins, counted = (SQL["hours"], SQL["calls_by_hour"]) if by == "hour" else (SQL["days"], SQL["calls_by_day"])
    times: list[datetime] = [r["at"] for r in await tx.fetch(begins)]
    found: dict[str, dict[datetime, int]] = {}
    for row in await tx.fetch(counted, tenant):
        found.setdefault(row["vendor"], {})[row["at"]] = row["calls"]
    vendors = [CallsOfVendor(vendor=name, calls=[at.get(t, 0) for t in times]) for name, at in sorted(found.items())]
    return CallSeries(by=by, times=times, vendors=vendors)


async def levels(tx: Tx, tenant: UUID) -> ServiceLevels:
    """How the tenant's runs did, beside what is asked of them (S4.06)."""
    row = await tx.fetchrow(SQL["levels"], tenant, LEVEL_DAYS, MOST_RUNS)
    assert row is not None
    runs = row["runs"]
    rates = {"success_rate": row["completed"] / runs, "error_rate": row["failed"] / runs} if runs else {}
    return ServiceLevels(**{"success_rate": None, "error_rate": None, **dict(row), **rates})
