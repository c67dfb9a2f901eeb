"""The audit log: who did what to which thing."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from api.routes import audits as routes
from api.ui.page import PageRoute, show
from api.ui.session import Looking, Seat
from contracts.audits import AuditQuery
from contracts.tenants import Role

router = APIRouter(prefix="/ui/audit", route_class=PageRoute, include_in_schema=False)
Owner = Annotated[Seat, Depends(Looking(Role.OWNER))]


@router.get("")
async def list_acts(asked: Annotated[AuditQuery, Query()], seat: Owner) -> Response:
    """Rows of the log, newest first."""
    page = await routes.list_acts(asked, seat.principal, seat.pool)
    return show(seat, "audit.html", {"acts": page.items, "next_cursor": page.next_cursor})
