"""Retention: what is kept for how long, and why."""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import APIRouter, Depends, Response

from api.routes import retention as routes
from api.ui.page import PageRoute, show
from api.ui.session import Looking, Seat
from contracts.retention import Way
from contracts.tenants import SYSTEM_TENANT, Role

router = APIRouter(prefix="/ui/retention", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]


@router.get("")
async def list_periods(seat: Viewer, way: Way | None = None) -> Response:
    """Every table with its period; a handful of dozens, so all on one page."""
    found = await routes.list_periods(seat.principal, seat.pool)
    items = [each for each in found.items if way in (None, each.way)]
    house = seat.principal.tenant_id == SYSTEM_TENANT
    return show(seat, "retention.html", {"items": items}, choices={"way": get_args(Way)}, house=house)
