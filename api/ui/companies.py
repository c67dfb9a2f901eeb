"""Companies: the list, and one with every field's source and everything that was ever said about it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.deps import Page
from api.routes import companies as routes
from api.ui.page import PageRoute, show
from api.ui.session import Looking, Seat
from contracts.tenants import Role
from contracts.texts import NoNul

router = APIRouter(prefix="/ui/companies", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]
ROWS = 50


@router.get("")
async def list_companies(
    seat: Viewer,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    name: Annotated[str | None, Query(min_length=2, max_length=500), NoNul] = None,
    country: Annotated[str | None, Query(pattern="^[A-Za-z]{2}$")] = None,
    run_id: UUID | None = None,
) -> Response:
    """Companies, newest first, of one run too; with `name` those called most like it."""
    land = country.upper() if country else None
    page = await routes.list_companies(seat.principal, seat.pool, Page(ROWS, cursor), name, land, run_id)
    return show(seat, "company_list.html", {"companies": page.items, "next_cursor": page.next_cursor})


@router.get("/{company_id}")
async def show_company(company_id: UUID, seat: Viewer) -> Response:
    company = await routes.show(company_id, seat.principal, seat.pool)
    return show(seat, "company.html", {"company": company})
