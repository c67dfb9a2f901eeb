"""What the house grants each tenant: jobs in the queue, runs a day, companies a night. Budgets stand in `db.budgets`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from contracts.errors import Throttled
from contracts.tenants import Quotas, TenantView
from db.access import audit
from db.sql import load
from db.transaction import Tx

SQL = load("quotas")
#: Started by a plan, not by anybody: they count, and are not refused.
PLANNED = ("schedule", "cron", "nightly")


async def of(tx: Tx, tenant: UUID) -> Quotas:
    """What a tenant is granted."""
    row = await tx.fetchrow(SQL["of"], tenant)
    return Quotas(**dict(row)) if row else Quotas()


async def put(tx: Tx, tenant: UUID, quotas: Quotas, *, by: str) -> bool:
    """Grant anew, all of it (system role). Audited. False: it stood so already."""
    changed = await tx.fetchval(SQL["put"], tenant, *quotas.model_dump().values(), by) is not None
    if changed:
        await audit(tx, tenant, by, "quotas.set", "tenant", str(tenant), quotas.model_dump())
    return changed


async def was_granted(tx: Tx, tenant: UUID, most: int) -> None:
    """Hold the tenant to its runs a day, of which this transaction has just started one; who starts another meanwhile waits.

    Raises: Throttled (`run_quota`), with which that run is undone.
    """
    await tx.execute(SQL["lock_runs"], tenant)
    row = await tx.fetchrow(SQL["runs_today"], tenant)
    if row is not None and row["runs"] > most:
        raise Throttled(
            f"{row['runs'] - 1} runs were started today, {most} are granted: wait for the next day of UTC, or have the"
            " installation's operator raise it (headwater tenants quotas SLUG --max-runs-per-day N)",
            code="run_quota",
            after_s=max(1.0, row["left_s"]),
        )


async def may_add(tx: Tx, tenant: UUID, most: int) -> None:
    """Ask a tenant to wait whose backlog is as deep as it is granted, or `most` (0: no limit). Raises: Throttled (`backlog_full`).

    Looks at no more due events than that; `after_s` is a tenth of the age of the oldest one, a minute at most.
    """
    row = await tx.fetchrow(SQL["backlog"], tenant, most)
    if row is not None:
        raise Throttled(
            f"{row['most']} events or more of this tenant wait for its workers, and nothing is added to that: ask again after"
            " Retry-After. GET /v1/outbox/stats shows how they go down; the installation's operator may allow more (headwater"
            " tenants quotas SLUG --max-waiting-events N)",
            code="backlog_full",
            after_s=min(60.0, max(1.0, (row["oldest_s"] or 0.0) / 10)),
            limit=row["most"],
        )


async def views(tx: Tx, tenant: UUID | None = None, *, limit: int = 1000) -> list[TenantView]:
    """Tenants by slug, with quotas and use: all of them (system role), or one."""
    return [_view(dict(row)) for row in await tx.fetch(SQL["views"], tenant, limit)]


def _view(row: dict[str, Any]) -> TenantView:
    return TenantView(quotas=Quotas(**{name: row.pop(name) for name in Quotas.model_fields}), **row)
