"""Shortlists: what each night brought, best first, and why the others are not on it (S3.15)."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from api.routes import shortlists as routes
from api.ui.nights import COMPANIES, ROWS, Cursor, Reason
from api.ui.page import PageRoute, show
from api.ui.session import Looking, Seat
from contracts.tenants import Role
from db import night_lists, nights
from db.transaction import transaction

router = APIRouter(prefix="/ui/shortlists", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]
Analyst = Annotated[Seat, Depends(Looking(Role.ANALYST))]


@router.get("")
async def list_shortlists(seat: Viewer, cursor: Annotated[date | None, Query()] = None) -> Response:
    """Nights that have chosen their companies, newest first."""
    async with transaction(seat.pool, seat.principal.tenant_id, read_only=True) as tx:
        page = await night_lists.shortlists(tx, seat.principal.tenant_id, before=cursor, limit=ROWS)
    return show(seat, "shortlists.html", {"shortlists": page.items, "next_cursor": page.next_cursor})


@router.get("/{night}")
async def show_shortlist(night: routes.Night, seat: Viewer, reason: Reason = None, cursor: Cursor = None) -> Response:
    """The companies of a night under their score; then those it passed over, each with the reason."""
    tenant = seat.principal.tenant_id
    found = await routes.show(night, seat.principal, seat.pool)
    async with transaction(seat.pool, tenant, read_only=True) as tx:
        others = await night_lists.candidates(
            tx, tenant, found.run_id, passed_over=True, reason=reason, cursor=cursor, limit=COMPANIES
        )
        reasons = (await nights.show(tx, tenant, found.run_id)).passed_over
    data = {"shortlist": found, "passed_over": reasons, "others": others.items, "next_cursor": others.next_cursor}
    return show(seat, "shortlist.html", data)


@router.get("/{night}/csv")
async def as_file(night: routes.Night, seat: Analyst) -> Response:
    """The shortlist as a file for a spreadsheet."""
    return await routes.as_file(night, seat.principal, seat.pool)
