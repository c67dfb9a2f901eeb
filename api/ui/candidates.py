"""Candidates: every company as the last refresh held it against a profile, each that is out with the reason (B.05)."""

from __future__ import annotations

from typing import Annotated, get_args
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.deps import Page
from api.routes import profiles as profile_routes
from api.routes import rule_sets as routes
from api.ui.page import PageRoute, show
from api.ui.session import Looking, Seat
from contracts.rule_sets import CandidatePage, CandidateVerdict
from contracts.tenants import Role

router = APIRouter(prefix="/ui/candidates", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]
ROWS = 50
#: Profiles that can be chosen; one of an older one is named in the address.
PROFILES = 100


@router.get("")
async def list_candidates(
    seat: Viewer,
    profile_id: UUID | None = None,
    verdict: CandidateVerdict | None = None,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """Companies held against a profile; the newest profile, where none is named."""
    open_ones = (await profile_routes.list_profiles(seat.principal, seat.pool, Page(PROFILES, None))).items
    chosen = profile_id or (open_ones[0].id if open_ones else None)
    page = CandidatePage(items=[], next_cursor=None)
    if chosen is not None:
        page = await routes.list_candidates(chosen, seat.principal, seat.pool, Page(ROWS, cursor), verdict)
    data = {"profile_id": chosen, "candidates": page.items, "next_cursor": page.next_cursor}
    return show(seat, "candidates.html", data, profiles=open_ones, choices={"verdict": get_args(CandidateVerdict)})
