"""Messages: drafts that wait for a person's word, and what became of the others."""

from __future__ import annotations

from typing import Annotated, get_args
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.deps import Page
from api.routes import messages as routes
from api.ui.page import PageRoute, onward, show
from api.ui.session import Act, Acting, Looking, Seat, way_back
from contracts.messages import RejectMessage, State
from contracts.tenants import Role

router = APIRouter(prefix="/ui/messages", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]
Analyst = Annotated[Act, Depends(Acting(Role.ANALYST))]
ROWS = 25


@router.get("")
async def list_messages(
    seat: Viewer, cursor: Annotated[str | None, Query(max_length=500)] = None, state: State | None = None
) -> Response:
    """Messages, newest first."""
    page = await routes.list_messages(seat.principal, seat.pool, Page(ROWS, cursor), state=state)
    data = {"messages": page.items, "next_cursor": page.next_cursor}
    return show(seat, "messages.html", data, choices={"state": get_args(State)})


@router.get("/{message_id}")
async def show_message(message_id: UUID, seat: Viewer) -> Response:
    """One message, and what the vendor told us about it."""
    return show(seat, "message.html", {"message": await routes.show(message_id, seat.principal, seat.pool)})


@router.post("/{message_id}/approve")
async def approve(message_id: UUID, act: Analyst) -> Response:
    """Let it go out."""
    await routes.approve(message_id, act.principal, act.pool, act.wake)
    return onward(_back(act), act.request, "Approved: it goes out now.")


@router.post("/{message_id}/reject")
async def reject(message_id: UUID, act: Analyst) -> Response:
    """It is not sent."""
    body = act.read(RejectMessage, {"reason": act.one("reason") or "rejected in the console"})
    await routes.reject(message_id, body, act.principal, act.pool)
    return onward(_back(act), act.request, "Rejected: it is not sent.")


def _back(act: Act) -> str:
    return way_back(act.one("back") or "/ui/messages?state=draft")
