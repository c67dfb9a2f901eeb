"""Alerts: what wants a person's eye. One open row a rule and scope; what happens again is counted, not repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from contracts.alerts import AlertView, Severity
from db.access import audit
from db.sql import load
from db.transaction import Tx

SQL = load("alerts")


async def raise_(
    tx: Tx, tenant: UUID, rule: str, scope: str, severity: Severity, evidence: Mapping[str, object] | None = None
) -> bool:
    """Open the alert of (`rule`, `scope`), or count it once more. True when it was opened now. `evidence`: no personal data."""
    row = await tx.fetchrow(SQL["raise"], tenant, rule, scope, severity, dict(evidence or {}))
    return bool(row and row["opened"])


async def resolve(tx: Tx, tenant: UUID, rule: str, scope: str) -> bool:
    """Close it; False when none was open."""
    return await tx.fetchval(SQL["resolve"], tenant, rule, scope) is not None


async def acknowledge(tx: Tx, tenant: UUID, alert_id: UUID, *, by: str) -> bool:
    """Somebody looks after it; False when it is not open. Audited."""
    if await tx.fetchval(SQL["acknowledge"], tenant, alert_id) is None:
        return False
    await audit(tx, tenant, by, "alert.acknowledged", "alert", str(alert_id))
    return True


async def standing(tx: Tx, tenants: Sequence[UUID], *, resolved: bool = False, limit: int = 100) -> list[AlertView]:
    """Open and acknowledged alerts, newest first; `resolved` ones too if asked."""
    return [AlertView(**dict(r)) for r in await tx.fetch(SQL["list"], list(tenants), resolved, limit)]
