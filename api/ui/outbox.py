"""The outbox: what waits and why, and one event's story (B.02)."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from markupsafe import Markup

from api.routes import outbox as routes
from api.ui.page import PageRoute, onward, part, short, show
from api.ui.session import Act, Acting, Looking, Seat
from contracts.outbox import EventQuery, EventStatus, Stats
from contracts.pauses import AskPause
from contracts.tenants import Role
from contracts.throughput import MINUTES, MOST_MINUTES

router = APIRouter(prefix="/ui/outbox", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]
Ops = Annotated[Act, Depends(Acting(Role.OPS))]


@router.get("")
async def list_events(asked: Annotated[EventQuery, Query()], seat: Viewer) -> Response:
    """What waits, then dead letters, then what was sent; each newest first."""
    data, listed = await seat.shared(lambda: _list(short(asked), seat))
    return show(seat, "outbox.html", data, listed=listed)


async def _list(asked: EventQuery, seat: Seat) -> tuple[dict[str, Any], Markup]:
    page, pause, stats = await asyncio.gather(
        routes.list_events(asked, seat.principal, seat.pool),
        routes.show_pause(seat.principal, seat.pool),
        shared_stats(seat),
    )
    data = {"events": page.items, "next_cursor": page.next_cursor, "stats": stats, "pause": pause}
    seen = {"choices": {"status": [s.value for s in EventStatus]}, "asked": asked}
    return data, part(seat, "event_list.html", data | seen)


async def shared_stats(seat: Seat) -> Stats:
    """What stands in the outbox and the queue, read once for all pages that say so."""
    return await seat.together("stats", lambda: routes.show_stats(seat.principal, seat.pool, seat.settings))


@router.get("/pace")
async def show_pace(seat: Viewer, minutes: Annotated[int, Query(ge=5, le=MOST_MINUTES)] = MINUTES) -> Response:
    """Throughput and latency; other pages fetch it once they stand, so that they need not wait for its figures."""
    return show(seat, "pace.html", {"series": await routes.show_throughput(seat.principal, seat.pool, minutes)})


@router.post("/pause")
async def pause(act: Ops) -> Response:
    """Hand nothing more to the queue."""
    await routes.pause(act.read(AskPause, {"reason": act.one("reason") or ""}), act.principal, act.pool)
    return onward("/ui/outbox", act.request, "It is paused: events and jobs wait, those that run are finished.")


@router.post("/resume")
async def resume(act: Ops) -> Response:
    """Go on."""
    await routes.resume(act.principal, act.pool, act.wake)
    return onward("/ui/outbox", act.request, "The queue goes on with what waits.")


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
