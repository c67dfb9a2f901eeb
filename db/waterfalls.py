"""Orders of vendors: which is followed, which is watched, and what was learned from the rows they filled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from contracts.enrichment import WATERFALLS, OrderRow, TriedRow
from contracts.errors import NotFound
from contracts.waterfalls import Waterfalls, WaterfallView
from db.access import audit
from db.sql import load
from db.transaction import Tx

SQL = load("waterfalls")
#: How far back the chances are learned from, in days.
WINDOW_DAYS = 90.0


async def orders(tx: Tx, tenant: UUID) -> list[OrderRow]:
    """The ACTIVE and SHADOW orders. A field without an ACTIVE one follows its cost."""
    return [OrderRow.model_validate(dict(r)) for r in await tx.fetch(SQL["orders"], tenant)]


async def tried(tx: Tx, tenant: UUID, days: float = WINDOW_DAYS) -> list[TriedRow]:
    """What became of every operation, by field, in the last `days`."""
    return [TriedRow.model_validate(dict(r)) for r in await tx.fetch(SQL["tried"], tenant, days)]


async def show(tx: Tx, tenant: UUID) -> Waterfalls:
    """Every field with its orders and what was learned."""
    all_orders, all_tried = await orders(tx, tenant), await tried(tx, tenant)
    return Waterfalls(
        items=[
            WaterfallView(
                field=f, orders=[o for o in all_orders if o.field == f], tried=[t for t in all_tried if t.field == f]
            )
            for f in WATERFALLS
        ]
    )


async def pairs(tx: Tx, tenant: UUID, field: str, shadow_id: UUID) -> list[dict[str, float]]:
    """Rows seen under both orders: active_usd, active_found, shadow_usd, shadow_found."""
    return [dict(r) for r in await tx.fetch(SQL["pairs"], tenant, field, shadow_id)]


async def propose(tx: Tx, tenant: UUID, field: str, operations: Sequence[str], by: str) -> UUID | None:
    """Watch a new order. It takes the place of the one watched so far."""
    await tx.execute(SQL["archive"], tenant, field, "SHADOW")
    order_id: UUID | None = await tx.fetchval(SQL["propose"], tenant, field, list(operations), by)
    return order_id


async def note(tx: Tx, tenant: UUID, order_id: UUID, verdict: dict[str, Any]) -> None:
    """Write down what is thought of a SHADOW order so far."""
    await tx.execute(SQL["note"], tenant, order_id, verdict)


async def promote(tx: Tx, tenant: UUID, order_id: UUID, verdict: dict[str, Any], by: str) -> str:
    """Follow a SHADOW order from now on; the one followed so far is archived. Returns its field.

    Raises: NotFound when no such order is watched (any more).
    """
    field: str | None = await tx.fetchval(SQL["watched"], tenant, order_id)
    if field is None:
        raise NotFound(
            f"no order {order_id} is watched: `headwater waterfalls list` shows them", code="order_not_found"
        )
    await tx.execute(SQL["archive"], tenant, field, "ACTIVE")
    await tx.execute(SQL["promote"], tenant, order_id, verdict)
    await audit(tx, tenant, by, "waterfall.promote", "waterfall", str(order_id), {"field": field, **verdict})
    return field
