"""The ledger: every call that was made of a vendor, what came of it and what it cost; where figures of vendors lead."""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import APIRouter, Depends, Query, Response

from api.routes import vendors as routes
from api.ui import ledger
from api.ui.page import PageRoute, show
from api.ui.session import Looking, Seat
from contracts.tenants import Role
from contracts.vendor_calls import CallOutcome, CallQuery

router = APIRouter(prefix=ledger.PATH, route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]
#: Spans that are one click away, in days.
SPANS = ((1, "1 day"), (7, "7 days"), (30, "30 days"), (None, "all"))


@router.get("")
async def list_calls(asked: Annotated[CallQuery, Query()], seat: Viewer) -> Response:
    """Calls, newest first."""
    page = await routes.list_calls(asked, seat.principal, seat.pool)
    choices = {"state": ledger.STATES, "outcome": get_args(CallOutcome)}
    data = {"calls": page.items, "next_cursor": page.next_cursor}
    return show(seat, "vendor_calls.html", data, choices=choices, asked=asked, spans=SPANS)
