"""Replays of a run: done again from stored answers, the difference looked at first, then applied (B.03)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.admission import room_for
from api.routes import run_replays as routes
from api.ui.page import PageRoute, onward, show
from api.ui.session import Act, Acting, Looking, Seat
from contracts.run_replays import AskReplay
from contracts.tenants import Role

router = APIRouter(prefix="/ui/runs/{run_id}/replays", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]
Ops = Annotated[Act, Depends(Acting(Role.OPS))]
#: Differences of a page.
ROWS = 50


@router.post("")
async def replay(run_id: UUID, act: Ops) -> Response:
    """Do it again, to look at or to keep; a form that is sent twice asks once."""
    body = act.read(AskReplay, {"apply": act.one("apply") == "true"})
    await room_for(act.request, act.principal)
    made = await routes.replay(
        run_id, body, act.principal, act.pool, act.wake, Response(), idempotency_key=act.one("once")
    )
    words = "What differs is written." if body.apply else "Nothing is written: this page shows what would be."
    return onward(f"/ui/runs/{run_id}/replays/{made.id}", act.request, f"The replay is asked for. {words}")


@router.get("/{replay_id}")
async def show_replay(
    run_id: UUID, replay_id: UUID, seat: Viewer, cursor: Annotated[int, Query(ge=-1, le=2_000_000_000)] = -1
) -> Response:
    """A replay and what differs, page by page. Until it has ended, the page asks again."""
    found = await routes.show_replay(run_id, replay_id, seat.principal, seat.pool, cursor, ROWS)
    return show(seat, "run_replay.html", {"replay": found}, run_id=run_id)
