"""Merge review: pairs of companies that may be one, decided by a person, and every merge with its way back (B.04)."""

from __future__ import annotations

from typing import Annotated, get_args
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.deps import Page
from api.routes import matches as routes
from api.ui.page import PageRoute, onward, show
from api.ui.session import Act, Acting, Looking, Seat
from contracts.matching import DecideMatch, MatchState
from contracts.tenants import Role

router = APIRouter(prefix="/ui/matches", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]
Analyst = Annotated[Act, Depends(Acting(Role.ANALYST))]
ROWS = 20


@router.get("")
async def list_matches(
    seat: Viewer, cursor: Annotated[str | None, Query(max_length=500)] = None, state: MatchState | None = None
) -> Response:
    """Pairs, newest first."""
    page = await routes.list_matches(seat.principal, seat.pool, Page(ROWS, cursor), state)
    data = {"matches": page.items, "next_cursor": page.next_cursor}
    return show(seat, "matches.html", data, choices={"state": get_args(MatchState)})


@router.get("/{match_id}")
async def show_match(match_id: UUID, seat: Viewer) -> Response:
    """One pair, side by side."""
    return show(seat, "match.html", {"match": await routes.show(match_id, seat.principal, seat.pool)})


@router.post("/{match_id}/merge")
async def merge(match_id: UUID, act: Analyst) -> Response:
    """They are one."""
    await routes.merge(match_id, _decision(act), act.principal, act.pool, act.wake)
    return onward(f"/ui/matches/{match_id}", act.request, "Merged. The way back is on this page.")


@router.post("/{match_id}/reject")
async def reject(match_id: UUID, act: Analyst) -> Response:
    """They are two."""
    await routes.reject(match_id, _decision(act), act.principal, act.pool)
    return onward(f"/ui/matches/{match_id}", act.request, "They stay two. The pair is not proposed again.")


@router.post("/{match_id}/undo")
async def undo(match_id: UUID, act: Analyst) -> Response:
    """Take the merge back."""
    await routes.undo(match_id, _decision(act), act.principal, act.pool, act.wake)
    return onward(
        f"/ui/matches/{match_id}", act.request, "The merge is taken back: ids, keys and rows are as they were."
    )


def _decision(act: Act) -> DecideMatch:
    return act.read(DecideMatch, {"reason": act.one("reason")})
