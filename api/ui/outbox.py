"""The outbox: what waits and why, and one event's story (B.02)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.routes import outbox as routes
from api.ui.page import PageRoute, onward, show
from api.ui.session import Act, Acting, Looking, Seat
from contracts.outbox import EventQuery, EventStatus
from contracts.tenants import Role

router = APIRouter(prefix="/ui/outbox", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]
Ops = Annotated[Act, Depends(Acting(Role.OPS))]


@router.get("")
async def list_events(asked: Annotated[EventQuery, Query()], seat: Viewer) -> Response:
    """What waits, then dead letters, then what was sent; each newest first."""
    page = await routes.list_events(asked, seat.principal, seat.pool)
    stats = await routes.show_stats(seat.principal, seat.pool, seat.settings)
    data = {"events": page.items, "next_cursor": page.next_cursor, "stats": stats}
    return show(seat, "outbox.html", data, choices={"status": [s.value for s in EventStatus]}, narrowed=asked.narrows())


@router.get("/{event_id}")
async def show_event(event_id: UUID, seat: Viewer) -> Response:
    """One event: why not yet, or what became of it."""
    event = await routes.show_event(event_id, seat.principal, seat.pool)
    why = await routes.explain(event_id, seat.principal, seat.pool, seat.settings)
    return show(seat, "event.html", {"event": event, "explanation": why})


@router.post("/{event_id}/replay")
async def replay(event_id: UUID, act: Ops) -> Response:
    """Send it again."""
    made = await routes.replay_event(event_id, act.principal, act.pool, act.wake)
    return onward(f"/ui/outbox/{made.event_id}", act.request, "It is on its way again.")
