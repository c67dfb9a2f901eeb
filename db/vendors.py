"""Who can be asked, and what came of asking: the directory that workers publish, and figures over the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.budgets import Spent
from contracts.paces import BreakerView
from contracts.vendors import VendorOperation, VendorView, priced
from db import ledger
from db.sql import load
from db.transaction import Tx

SQL = load("vendors")
#: How far figures look back, in seconds, unless asked otherwise: a week.
WINDOW_S = 7 * 86_400.0


async def publish(tx: Tx, operations: Sequence[VendorOperation]) -> None:
    """Replace the directory (system role). The last worker to start has the last word."""
    await tx.execute(SQL["publish"], [one.model_dump() for one in operations])
    await tx.execute(SQL["withdraw"], [f"{one.vendor}.{one.operation}" for one in operations])


async def known(tx: Tx) -> list[VendorOperation]:
    """The directory, by vendor and operation."""
    return [VendorOperation(**dict(row)) for row in await tx.fetch(SQL["known"])]


async def figures(
    tx: Tx, tenants: Sequence[UUID], breakers: Sequence[BreakerView], window_s: float = WINDOW_S
) -> tuple[datetime, list[VendorView]]:
    """Every operation that is known or was asked, with what came of it in the last `window_s` seconds; and from when that is."""
    rows = {(r["vendor"], r["operation"]): dict(r) for r in await tx.fetch(SQL["figures"], list(tenants), window_s)}
    directory = {(one.vendor, one.operation): one for one in await known(tx)}
    for key, row in rows.items():
        directory.setdefault(key, VendorOperation(vendor=key[0], operation=key[1], unit=row["unit"]))
    doors = {breaker.operation: breaker for breaker in breakers}
    views = [_view(one, rows.get(key), doors.get(".".join(key))) for key, one in sorted(directory.items())]
    return await tx.fetchval(SQL["since"], window_s), views


def _view(one: VendorOperation, row: Mapping[str, Any] | None, breaker: BreakerView | None) -> VendorView:
    said: dict[str, Any] = one.model_dump()
    if row is not None:
        names = ("unit", "calls", "found", "missed", "throttled", "errors", "forfeited", "spent", "median_ms", "p95_ms")
        said |= {name: row[name] for name in names}
        said["hit_rate"] = row["found"] / row["answered"] if row["answered"] else None
        said["error_rate"] = row["errors"] / row["calls"]
        said["cost_usd"] = priced(row, one.unit_price_usd)
    if breaker is not None:
        said |= {"breaker": breaker.state, "opened_until": breaker.opened_until}
    return VendorView(**said)


async def spent(tx: Tx, tenant: UUID, run_id: UUID) -> list[Spent]:
    """What a run spent, by operation."""
    rows = await ledger.spent(tx, tenant, run_id)
    prices = {(one.vendor, one.operation): one.unit_price_usd for one in await known(tx)} if rows else {}
    return [Spent(**row, cost_usd=priced(row, prices.get((row["vendor"], row["operation"])))) for row in rows]
