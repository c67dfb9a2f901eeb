"""Stock: how fast each SKU goes, how long it lasts, and the line it burns down on."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.deps import Page
from api.routes import accounts as routes
from api.routes import triggers as trigger_routes
from api.ui import charts
from api.ui.accounts import trigger_names
from api.ui.page import PageRoute, show
from api.ui.session import Looking, Seat
from contracts.tenants import Role
from contracts.texts import NoNul

router = APIRouter(prefix="/ui/stock", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]
ROWS = 25
#: Rows beside the drawing.
FEW = 10


@router.get("")
async def list_skus(
    seat: Viewer,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    code: Annotated[str | None, Query(min_length=1, max_length=100), NoNul] = None,
    low: bool = False,
) -> Response:
    """What is sold and how long it lasts; what runs out too early is marked."""
    page = await routes.list_skus(seat.principal, seat.pool, Page(ROWS, cursor), code, low)
    return show(seat, "stock.html", {"skus": page.items, "next_cursor": page.next_cursor})


@router.get("/{sku_id}")
async def show_sku(sku_id: UUID, seat: Viewer) -> Response:
    """One SKU: how its stock burns down, and what samples of it led to."""
    sku = await routes.show_sku(sku_id, seat.principal, seat.pool)
    samples = await routes.list_sample_metrics(seat.principal, seat.pool, Page(FEW, None), sku_id)
    fired = await trigger_routes.executions(seat.principal, seat.pool, Page(FEW, None), subject_id=sku_id)
    data = {"sku": sku, "samples": samples.items, "fired": fired.items}
    return show(seat, "sku.html", data, burn=charts.burn_down(sku), names=await trigger_names(seat))
