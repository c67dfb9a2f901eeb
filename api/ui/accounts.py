"""Accounts: customers by type, one customer's orders and triggers, and what the business jobs last came to."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, get_args
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.deps import Page
from api.routes import accounts as routes
from api.routes import triggers as trigger_routes
from api.ui.page import PageRoute, show
from api.ui.session import Looking, Seat
from contracts.accounts import AccountType
from contracts.tenants import Role
from contracts.texts import Moment

router = APIRouter(prefix="/ui/accounts", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]
Cursor = Annotated[str | None, Query(max_length=500)]
ROWS = 25
#: Rows beside a list, of things that have a list of their own.
FEW = 10


@router.get("")
async def list_accounts(
    seat: Viewer, cursor: Cursor = None, account_type: AccountType | None = None, until: Moment | None = None
) -> Response:
    """Companies that ever ordered, by type; beside them what samples led to, and the jobs that work it all out."""
    data = await seat.shared(lambda: _list(seat, cursor, account_type, until))
    return show(seat, "accounts.html", data, choices={"account_type": get_args(AccountType)[1:]})


async def _list(
    seat: Seat, cursor: str | None, account_type: AccountType | None, until: datetime | None
) -> dict[str, Any]:
    page = await routes.list_accounts(seat.principal, seat.pool, Page(ROWS, cursor), account_type, until)
    samples = await routes.list_sample_metrics(seat.principal, seat.pool, Page(FEW, None))
    jobs = await routes.last_jobs(seat.principal, seat.pool)
    return {"accounts": page.items, "next_cursor": page.next_cursor, "samples": samples.items, "jobs": jobs.items}


@router.get("/samples")
async def list_samples(
    seat: Viewer,
    cursor: Cursor = None,
    sku_id: UUID | None = None,
    rep: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """How many samples led to an order, by SKU, rep and month given."""
    page = await routes.list_sample_metrics(seat.principal, seat.pool, Page(ROWS, cursor), sku_id, rep)
    return show(seat, "samples.html", {"samples": page.items, "next_cursor": page.next_cursor})


@router.get("/{company_id}")
async def show_account(company_id: UUID, seat: Viewer, cursor: Cursor = None) -> Response:
    """One company as a customer: its figures, its orders, what fired for it."""
    account = await routes.show_account(company_id, seat.principal, seat.pool)
    orders = await routes.list_orders(company_id, seat.principal, seat.pool, Page(ROWS, cursor))
    fired = await trigger_routes.executions(seat.principal, seat.pool, Page(FEW, None), subject_id=company_id)
    names = await trigger_names(seat)
    data = {"account": account, "orders": orders.items, "next_cursor": orders.next_cursor, "fired": fired.items}
    return show(seat, "account.html", data, names=names)


async def trigger_names(seat: Seat) -> dict[UUID, str]:
    """What the tenant calls its triggers."""
    page = await trigger_routes.list_triggers(seat.principal, seat.pool, Page(200, None))
    return {each.id: each.name for each in page.items}
