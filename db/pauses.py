"""Pauses: the dispatcher leaves a paused tenant's events where they are, and workers its jobs."""

from __future__ import annotations

from uuid import UUID

from contracts.errors import Conflict
from contracts.pauses import Pause
from db.access import audit
from db.sql import load
from db.transaction import Tx

SQL = load("pauses")


async def show(tx: Tx, tenant: UUID) -> Pause:
    """Does anything hold a tenant's events back, who, and why?"""
    row = await tx.fetchrow(SQL["show"], tenant)
    return Pause(**dict(row)) if row is not None else Pause(paused=False)


async def pause(tx: Tx, tenant: UUID, *, reason: str, by: str) -> Pause:
    """Start nothing more of this tenant; what runs is finished. Again is no error."""
    if await tx.fetchval(SQL["pause"], tenant, reason, by) is not None:
        await audit(tx, tenant, by, "outbox.pause", "tenant", str(tenant), {"reason": reason})
    return await show(tx, tenant)


async def resume(tx: Tx, tenant: UUID, *, by: str) -> Pause:
    """Go on with what waits. Again is no error. Raises: Conflict (code `tenant_suspended`)."""
    if await tx.fetchval(SQL["resume"], tenant) is not None:
        await audit(tx, tenant, by, "outbox.resume", "tenant", str(tenant))
    standing = await show(tx, tenant)
    if standing.paused:
        raise Conflict(
            "the tenant is suspended: the house resumes it, with headwater tenants resume", code="tenant_suspended"
        )
    return standing
