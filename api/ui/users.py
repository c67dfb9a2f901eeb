"""Users: who can log in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from api.deps import Page
from api.routes import users as routes
from api.ui.page import PageRoute, show
from api.ui.session import Looking, Seat
from contracts.tenants import Role

router = APIRouter(prefix="/ui/users", route_class=PageRoute, include_in_schema=False)
Owner = Annotated[Seat, Depends(Looking(Role.OWNER))]
ROWS = 50


@router.get("")
async def list_users(seat: Owner, cursor: Annotated[str | None, Query(max_length=500)] = None) -> Response:
    """Who can log in, and who no longer can."""
    page = await routes.list_users(seat.principal, seat.pool, Page(ROWS, cursor))
    return show(seat, "users.html", {"users": page.items, "next_cursor": page.next_cursor})
