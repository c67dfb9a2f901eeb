"""Vendors and budgets: who can be asked, what came of it, what it cost, what is left."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response

from api.routes import vendors as routes
from api.ui.page import PageRoute, show
from api.ui.session import Looking, Seat
from contracts.tenants import Role
from db import overview
from db.transaction import transaction

router = APIRouter(prefix="/ui/vendors", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]


@router.get("")
async def list_vendors(
    seat: Viewer,
    days: Annotated[float, Query(ge=0.01, le=366)] = 7,
    calls: Literal["hour", "day"] = "hour",
) -> Response:
    """Every operation with its figures, and the absent ones with the reason."""
    found = await routes.list_vendors(seat.principal, seat.pool, seat.settings, days)
    async with transaction(seat.pool, seat.principal.tenant_id, read_only=True) as tx:
        series = await overview.calls(tx, seat.principal.tenant_id, calls)
    data = {"since": found.since, "vendors": found.vendors, "budgets": found.budgets, "calls": series}
    return show(seat, "vendors.html", data, days=days)
