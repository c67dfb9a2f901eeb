"""What a tenant has decided for itself: caps, thresholds, gates, each a JSON value under a name.

An absent one is the default its reader names: `await policies.value(tx, tenant, "crm_min_band", "MEDIUM")`.
"""

from __future__ import annotations

from typing import Any, TypeVar, overload
from uuid import UUID

from db.access import audit
from db.sql import load
from db.transaction import Tx

SQL = load("policies")
T = TypeVar("T")


@overload
async def value(tx: Tx, tenant: UUID, name: str, default: None) -> Any: ...
@overload
async def value(tx: Tx, tenant: UUID, name: str, default: T) -> T: ...
async def value(tx: Tx, tenant: UUID, name: str, default: Any) -> Any:
    """What stands under `name`, else `default`; a value of another JSON type than the default's counts as absent.

    Whole numbers pass for a float; with None as default every type passes.
    """
    found = await tx.fetchval(SQL["value"], tenant, name)
    if default is None:
        return found
    if isinstance(default, float) and type(found) is int:
        return float(found)
    return found if type(found) is type(default) else default


async def values(tx: Tx, tenant: UUID) -> dict[str, object]:
    """Everything a tenant has decided, by name."""
    return {r["name"]: r["value"] for r in await tx.fetch(SQL["values"], tenant)}


async def put(tx: Tx, tenant: UUID, name: str, value: object, *, by: str) -> bool:
    """Decide; None takes the decision back. Audited. False: it stood so already. What a value may be is its setter's to check."""
    if value is None:
        changed = await tx.fetchval(SQL["drop"], tenant, name) is not None
    else:
        changed = await tx.fetchval(SQL["put"], tenant, name, value, by) is not None
    if changed:
        await audit(tx, tenant, by, "policy.set", "policy", name, {"value": value})
    return changed
