"""Stock: how fast each SKU goes, how long it lasts, and the alerts about what runs out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from contracts.accounts import Z_SERVICE, AccountRules, Report, Sku
from contracts.errors import NotFound
from db import alerts
from db.paging import LAST_UUID
from db.record_errors import in_parts
from db.sql import load
from db.transaction import Tx

SQL = load("skus")
#: SKUs of one statement.
PART = 500
#: The rule of these alerts; their scope is `sku:CODE`. The view inventory_alerts shows them.
LOW_STOCK = "inventory.low_stock"


async def burn_rates(tx: Tx, tenant: UUID, at: datetime, _: AccountRules, say: Callable[[int], None]) -> Report:
    """Work out every SKU's burn rate as of `at`, and open and close the alerts about stock. `say` hears how many SKUs there are.

    Rate = units delivered in the last 30, 60, 90 days / min(window, days since the first delivery), as Katana computes it; the
    90-day one leads. Days left = on hand / rate. Reorder point = rate * lead + z * sigma * sqrt(lead), sigma being the standard
    deviation of daily demand over the window and z = 1.645 (95 % of lead times without running out): the textbook's safety stock
    for a fixed lead time, e.g. Silver, Pyke, Peterson, Inventory Management and Production Planning and Scheduling, chapter 7. An
    active SKU that lasts fewer days than lead + review gets an alert, an `error` when it will not last the lead time itself.
    """
    report = Report()
    skus: list[UUID] = [row["id"] for row in await tx.fetch(SQL["subjects"], tenant)]
    say(len(skus))

    async def work(part: Sequence[UUID]) -> int:
        changed: int = await tx.fetchval(SQL["burn"], tenant, part, at, Z_SERVICE)
        return changed

    await in_parts(tx, skus, PART, work, report)
    low, opened, closed = await _alert(tx, tenant)
    report.changed += opened + closed
    report.detail = {"low": low, "alertsOpened": opened, "alertsResolved": closed}
    return report


async def _alert(tx: Tx, tenant: UUID) -> tuple[int, int, int]:
    """(SKUs that run out, alerts opened or made worse or milder, alerts closed). What stands already is not said again."""
    low = {row["scope"]: dict(row) for row in await tx.fetch(SQL["low"], tenant)}
    standing = {row["scope"]: row["severity"] for row in await tx.fetch(SQL["standing"], tenant, LOW_STOCK)}
    news = [scope for scope, row in low.items() if standing.get(scope) != row["severity"]]
    for scope in news:
        row = low[scope]
        evidence = {name: value for name, value in row.items() if name not in ("scope", "severity")}
        await alerts.raise_(tx, tenant, LOW_STOCK, scope, row["severity"], evidence)
    over = [scope for scope in standing if scope not in low]
    for scope in over:
        await alerts.resolve(tx, tenant, LOW_STOCK, scope)
    return len(low), len(news), len(over)


async def list_(
    tx: Tx, tenant: UUID, *, before: UUID | None = None, code: str | None = None, low: bool = False, limit: int = 50
) -> list[Sku]:
    """SKUs, newest first; `low`: only what runs out."""
    rows = await tx.fetch(SQL["list"], tenant, before or LAST_UUID, code, low, limit)
    return [Sku.model_validate(dict(row)) for row in rows]


async def show(tx: Tx, tenant: UUID, sku_id: UUID) -> Sku:
    """One SKU. Raises: NotFound (`sku_not_found`)."""
    row = await tx.fetchrow(SQL["show"], tenant, sku_id)
    if row is None:
        raise NotFound(f"no SKU {sku_id}", code="sku_not_found")
    return Sku.model_validate(dict(row))
