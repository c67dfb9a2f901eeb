"""The ledger call by call, newest first: what the figures of vendors, budgets, runs and nights are made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from contracts.vendor_calls import CallFilter, CallPage, CallRow, CallState
from contracts.vendors import priced
from db import paging, vendors
from db.sql import load
from db.transaction import Tx

SQL = load("vendor_calls")
#: Few calls, found by an index of their own and then put in order: the planner would rather read the ledger in its order until
#: it has met enough of them. Behind OFFSET 0 it does not see that there is an order.
_FEW = "(SELECT v.* FROM app.vendor_calls v WHERE v.tenant_id = t.tenant_id AND {} OFFSET 0)"
ALL = "app.vendor_calls /* path */"
BY_RUN = _FEW.format("v.run_id = $10")
BY_OUTSTANDING = _FEW.format("v.settled_at IS NULL")
_OUTSTANDING = frozenset((CallState.SENT, CallState.UNKNOWN))
_KEY: dict[str, tuple[type, ...]] = {"calls": (datetime, UUID)}
_NIL = UUID(int=0)


async def list_(
    tx: Tx, tenants: Sequence[UUID], asked: CallFilter, *, limit: int = 50, cursor: str | None = None
) -> CallPage:
    """One page. No page looks at more than `paging.LOOK` rows, however large the ledger is.

    Raises: Invalid for a cursor that is not ours.
    """
    now = await paging.steady(tx)
    before, since = _span(asked, now, cursor)
    path, sifting = ALL, any((asked.vendor, asked.operation, asked.state, asked.outcome, asked.run_id))
    if asked.run_id is not None:
        path = BY_RUN
    elif asked.state and set(asked.state) <= _OUTSTANDING:
        path = BY_OUTSTANDING
    look = paging.look(len(tenants), limit + 1, sifting=sifting)
    rows = await tx.fetch(
        SQL["list"].replace(ALL, path), list(tenants), *before, since, look, limit + 1,
        asked.vendor, asked.operation, [state.value for state in asked.state] or None, asked.run_id, asked.outcome,
    )  # fmt: skip
    prices = {(one.vendor, one.operation): one.unit_price_usd for one in await vendors.known(tx)}
    found, following = _page(rows, limit)
    return CallPage(items=[_row(r, prices.get((r["vendor"], r["operation"]))) for r in found], next_cursor=following)


def _span(asked: CallFilter, now: datetime, cursor: str | None) -> tuple[tuple[datetime, UUID], datetime]:
    """The key a page starts before, and since when calls count. Plain values: see `paging.span`."""
    since = now - timedelta(days=asked.days) if asked.days is not None else asked.since or paging.FIRST_AT
    before = (min(asked.until or paging.LAST_AT, paging.LAST_AT), _NIL)
    if cursor is not None:
        at, id_ = paging.decode(cursor, _KEY)[1]
        before = min(before, (at, id_))
    return before, min(max(since, paging.FIRST_AT), paging.LAST_AT)


def _page(rows: Sequence[Any], limit: int) -> tuple[list[Any], str | None]:
    found = [row for row in rows if row["id"] is not None]
    if len(found) > limit:
        return found[:limit], paging.encode("calls", found[limit - 1]["sent_at"], found[limit - 1]["id"])
    edge = rows[0]
    return found, None if edge["edge_id"] is None else paging.encode("calls", edge["edge_at"], edge["edge_id"])


def _row(row: Any, price: float | None) -> CallRow:
    said = dict(row)
    return CallRow.model_validate({**said, "cost_usd": priced({"spent": said["units_spent"]}, price)})
