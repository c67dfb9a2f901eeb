"""The first page: what ran, what runs, what failed, and what wants a person."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from markupsafe import Markup

from api.routes import outbox as outbox_routes
from api.ui.outbox import shared_stats
from api.ui.page import PageRoute, part, show
from api.ui.session import Looking, Seat
from contracts import overview as levels
from contracts.budgets import defaults
from contracts.runs import RunStatus
from contracts.tenants import Role
from db import alerts, budgets, overview, runs
from db.transaction import transaction

router = APIRouter(prefix="/ui", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]
GOING = (RunStatus.PENDING, RunStatus.RUNNING)
TROUBLED = (RunStatus.FAILED, RunStatus.PARTIAL)
#: What the service levels ask for.
ASKED = {
    "execution_s": levels.EXECUTION_S,
    "success": levels.SUCCESS,
    "errors": levels.ERRORS,
    "bound": levels.BOUND,
}


@router.get("")
async def show_overview(
    seat: Viewer,
    calls: Annotated[Literal["hour", "day"], Query()] = "hour",
) -> Response:
    """Everything at a glance; each number leads to its rows."""
    data, levels_part = await seat.shared(lambda: _all(seat, calls))
    return show(seat, "overview.html", data, levels_part=levels_part)


async def _all(seat: Seat, of: Literal["hour", "day"]) -> tuple[dict[str, Any], Markup]:
    stats, pause, ran, figures = await asyncio.gather(
        shared_stats(seat), outbox_routes.show_pause(seat.principal, seat.pool), _ran(seat), _figures(seat, of)
    )
    data = {**ran, **figures, "stats": stats, "pause": pause}
    return data, part(seat, "overview_levels.html", data | {"asked": ASKED})


async def _ran(seat: Seat) -> dict[str, Any]:
    tenant = seat.principal.tenant_id
    async with transaction(seat.pool, tenant, read_only=True) as tx:
        return {
            "going": await runs.list_(tx, tenant, statuses=GOING, limit=6),
            "ended": await runs.list_(tx, tenant, statuses=[s for s in RunStatus if s.ended], limit=6),
            "troubled": await runs.list_(tx, tenant, statuses=TROUBLED, limit=4),
            "alerts": await alerts.standing(tx, [tenant], limit=6),
        }


async def _figures(seat: Seat, of: Literal["hour", "day"]) -> dict[str, Any]:
    tenant = seat.principal.tenant_id
    async with transaction(seat.pool, tenant, read_only=True) as tx:
        return {
            "standing": await overview.standing(tx, tenant),
            "budgets": await budgets.standing(tx, tenant, defaults(seat.settings)),
            "calls": await overview.calls(tx, tenant, of),
            "levels": await overview.levels(tx, tenant),
        }
