"""Alerts: what wants a person's eye. One open row a rule and scope; what happens again is counted, not repeated.

Opening one and its end are facts in the same transaction: what is told outside follows from them, or from nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from contracts.alert_words import summary
from contracts.alerts import SEVERITIES, AlertDelivery, AlertDetail, AlertState, AlertView, Severity
from contracts.errors import Conflict, NotFound
from contracts.events import AlertOpened, AlertResolved
from db import alert_runs, outbox
from db.access import audit
from db.paging import LAST_UUID
from db.sql import load
from db.transaction import Tx

SQL = load("alerts")


async def raise_(
    tx: Tx,
    tenant: UUID,
    rule: str,
    scope: str,
    severity: Severity,
    evidence: Mapping[str, object] | None = None,
    *,
    not_by: UUID | None = None,
) -> bool:
    """Open the alert of (`rule`, `scope`), or count it once more. True when it was opened now.

    `evidence`: no personal data. `not_by`: a channel that it is not told on, being about it.
    """
    row = await tx.fetchrow(SQL["raise"], tenant, rule, scope, severity, dict(evidence or {}))
    if row is None or not row["opened"]:
        return False
    channels = tuple(r["id"] for r in await tx.fetch(SQL["listeners"], tenant, severity, not_by, list(SEVERITIES)))
    opened = AlertOpened(alert_id=row["id"], rule=rule, severity=severity, channels=channels)
    await outbox.emit(tx, tenant, opened, correlation_id=row["id"])
    return True


async def resolve(tx: Tx, tenant: UUID, rule: str, scope: str) -> bool:
    """Close it; False when none was open."""
    return await _over(tx, tenant, await tx.fetchrow(SQL["resolve"], tenant, rule, scope))


async def close(tx: Tx, tenant: UUID, alert_id: UUID, *, by: str) -> None:
    """A person closes it. Audited. Raises: NotFound (`alert_not_found`); Conflict (`alert_over`) when it is over already."""
    if not await _over(tx, tenant, await tx.fetchrow(SQL["resolve_id"], tenant, alert_id, by)):
        await _wrong(tx, tenant, alert_id)
    await audit(tx, tenant, by, "alert.resolved", "alert", str(alert_id))


async def _over(tx: Tx, tenant: UUID, row: Any) -> bool:
    if row is None:
        return False
    channels = tuple(r["id"] for r in await tx.fetch(SQL["told"], tenant, row["id"]))
    over = AlertResolved(alert_id=row["id"], rule=row["rule"], severity=row["severity"], channels=channels)
    await outbox.emit(tx, tenant, over, correlation_id=row["id"])
    return True


async def acknowledge(tx: Tx, tenant: UUID, alert_id: UUID, *, by: str) -> bool:
    """Somebody looks after it; False when it is not open. Audited."""
    if await tx.fetchval(SQL["acknowledge"], tenant, alert_id, by) is None:
        return False
    await audit(tx, tenant, by, "alert.acknowledged", "alert", str(alert_id))
    return True


async def look_after(tx: Tx, tenant: UUID, alert_id: UUID, *, by: str) -> None:
    """The same; whoever is second changes nothing. Raises: NotFound (`alert_not_found`); Conflict (`alert_over`)."""
    if await acknowledge(tx, tenant, alert_id, by=by):
        return
    row = await tx.fetchrow(SQL["show"], [tenant], alert_id)
    if row is None or row["state"] == "resolved":
        await _wrong(tx, tenant, alert_id)


async def _wrong(tx: Tx, tenant: UUID, alert_id: UUID) -> None:
    if await tx.fetchrow(SQL["show"], [tenant], alert_id) is None:
        raise NotFound(f"no alert {alert_id}: list them to see what there is", code="alert_not_found")
    raise Conflict("the alert is over already: nothing is left to do", code="alert_over")


async def standing(tx: Tx, tenants: Sequence[UUID], *, resolved: bool = False, limit: int = 100) -> list[AlertView]:
    """Open and acknowledged alerts, last seen first; `resolved` ones too if asked."""
    return [AlertView(**dict(r)) for r in await tx.fetch(SQL["list"], list(tenants), resolved, limit)]


async def list_(
    tx: Tx,
    tenant: UUID,
    *,
    state: AlertState | None = None,
    severity: Severity | None = None,
    rule: str | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[AlertView]:
    """Alerts, newest first. `before` is the last id of the page before."""
    rows = await tx.fetch(SQL["page"], tenant, before or LAST_UUID, state, severity, rule, limit)
    return [AlertView(**dict(r)) for r in rows]


async def show(tx: Tx, tenants: Sequence[UUID], alert_id: UUID) -> AlertDetail:
    """One alert with its baseline, the runs behind it and where it was told. Raises: NotFound (`alert_not_found`)."""
    row = await tx.fetchrow(SQL["show"], list(tenants), alert_id)
    if row is None:
        raise NotFound(f"no alert {alert_id}: list them to see what there is", code="alert_not_found")
    view = AlertView(**dict(row))
    told = await tx.fetch(SQL["deliveries"], view.tenant_id, alert_id)
    return AlertDetail(
        **view.model_dump(),
        summary=summary(view.rule, view.scope, view.evidence),
        runs=await alert_runs.named(tx, view.tenant_id, _run_ids(view.evidence)),
        deliveries=[AlertDelivery(**dict(d)) for d in told],
    )


def _run_ids(evidence: Mapping[str, Any]) -> list[UUID]:
    named = [evidence.get("run"), *(evidence.get("runs") or ()), *(evidence.get("baseline_runs") or ())]
    found = []
    for each in named:
        try:
            found.append(UUID(str(each)))
        except ValueError:
            continue
    return list(dict.fromkeys(found))
