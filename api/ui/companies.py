"""One company: every field with its source, and everything that was ever said about it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from api.routes import companies as routes
from api.ui.page import PageRoute, show
from api.ui.session import Looking, Seat
from contracts.tenants import Role

router = APIRouter(prefix="/ui/companies", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]


@router.get("/{company_id}")
async def show_company(company_id: UUID, seat: Viewer) -> Response:
    company = await routes.show(company_id, seat.principal, seat.pool)
    return show(seat, "company.html", {"company": company})
