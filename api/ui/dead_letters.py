"""Dead letters: what gave up; events are replayed together, after a look at what that would send."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.routes import jobs as job_routes
from api.routes import outbox as routes
from api.ui.page import ROWS, PageRoute, onward, show
from api.ui.session import Act, Acting, Looking, Seat
from contracts.errors import Invalid
from contracts.executions import DeadLetterQuery
from contracts.replays import ReplayFilter, ReplayRequest
from contracts.tenants import Role
from contracts.texts import NoNul

router = APIRouter(prefix="/ui/dead-letters", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]
Operator = Annotated[Seat, Depends(Looking(Role.OPS))]
Ops = Annotated[Act, Depends(Acting(Role.OPS))]
Word = Annotated[str | None, Query(min_length=1, max_length=100), NoNul]


@router.get("")
async def list_letters(
    seat: Viewer,
    kind: Literal["event", "job"] | None = None,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """Jobs that gave up and events that could not be delivered, newest first."""
    data = await seat.shared(lambda: _list(DeadLetterQuery(kind=kind, limit=ROWS, cursor=cursor), seat))
    return show(seat, "dead_letters.html", data, choices={"kind": ("event", "job")})


async def _list(asked: DeadLetterQuery, seat: Seat) -> dict[str, Any]:
    page, batches = await asyncio.gather(
        job_routes.list_dead_letters(asked, seat.principal, seat.pool), routes.list_replays(seat.principal, seat.pool)
    )
    return {"letters": page.items, "next_cursor": page.next_cursor, "replays": batches.items}


@router.get("/replay")
async def preview(seat: Operator, type: Word = None, error_class: Word = None) -> Response:
    """What a replay would send again; changes nothing."""
    asked = ReplayRequest(filter=_filter(type, error_class), dry_run=True)
    report = await routes.replay_many(asked, seat.principal, seat.pool, seat.wake)
    return show(seat, "replay.html", {"report": report})


@router.post("/replay")
async def replay(act: Ops) -> Response:
    """Send them again, spread over time when a rate is given."""
    rate = act.one("rate")
    try:
        fields: dict[str, Any] = {"rate": float(rate) if rate else None}
    except ValueError:
        raise Invalid("rate: give events a second as a number, for example 5") from None
    asked = act.read(ReplayRequest, {**fields, "filter": _filter(act.one("type"), act.one("error_class"))})
    report = await routes.replay_many(asked, act.principal, act.pool, act.wake)
    more = " More are left: replay again for the rest." if report.more else ""
    more += " What still waits can be taken back, below." if report.replayed else ""
    return onward("/ui/dead-letters", act.request, f"{report.replayed} events are on their way again.{more}")


@router.post("/replays/{batch_id}/undo")
async def undo(batch_id: UUID, act: Ops) -> Response:
    """Take back what of a replay nobody has tried yet."""
    done = await routes.undo_replay(batch_id, act.principal, act.pool)
    gone = f" {done.gone} were on their way already." if done.gone else ""
    return onward("/ui/dead-letters", act.request, f"{done.taken_back} letters are open again.{gone}")


def _filter(type_: str | None, error_class: str | None) -> ReplayFilter:
    return ReplayFilter(type=type_, error_class=error_class)
