"""Schedules: what starts by itself and when; one schedule's next times, what became of the last ones, and its clock."""

from __future__ import annotations

from typing import Annotated, Any, get_args
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.deps import Page
from api.routes import schedules as routes
from api.ui.page import PageRoute, onward, show
from api.ui.schedule_forms import FIELDS, change_of
from api.ui.session import Act, Acting, Looking, Seat
from contracts.schedules import CatchUp, ScheduleView
from contracts.tenants import Role

router = APIRouter(prefix="/ui/schedules", route_class=PageRoute, include_in_schema=False)
Operator = Annotated[Seat, Depends(Looking(Role.OPS))]
Ops = Annotated[Act, Depends(Acting(Role.OPS))]
Cursor = Annotated[str | None, Query(max_length=500)]
ROWS = 50
#: Times ahead, and occurrences back, on a schedule's page.
NEXT, FIRES = 5, 15
#: Kind -> where a person starts the same by hand, and what it says there.
BY_HAND = {"discovery": ("/ui/runs/new", "Start a run by hand"), "nightly": ("/ui/nights/new", "Start a night by hand")}


@router.get("")
async def list_schedules(seat: Operator, cursor: Cursor = None) -> Response:
    """All of them, each with its next times."""
    page = await routes.list_schedules(seat.principal, seat.pool, Page(ROWS, cursor))
    return show(seat, "schedules.html", {"schedules": page.items, "next_cursor": page.next_cursor})


@router.get("/{schedule_id}")
async def show_schedule(schedule_id: UUID, seat: Operator, cursor: Cursor = None) -> Response:
    """One schedule."""
    schedule = await routes.show(schedule_id, seat.principal, seat.pool)
    ahead = await routes.next_times(schedule_id, seat.principal, seat.pool, NEXT)
    fires = await routes.list_fires(schedule_id, seat.principal, seat.pool, Page(FIRES, cursor))
    data = {"schedule": schedule, "next": ahead, "fires": fires.items, "next_cursor": fires.next_cursor}
    by_hand = BY_HAND.get(schedule.kind)
    return show(seat, "schedule.html", data, by_hand=by_hand, **_form(schedule))


@router.post("/{schedule_id}/pause")
async def pause(schedule_id: UUID, act: Ops) -> Response:
    """Let nothing fall due until it is resumed."""
    await routes.pause(schedule_id, act.principal, act.pool)
    return onward(_page(schedule_id), act.request, "Paused: it starts nothing until somebody resumes it.")


@router.post("/{schedule_id}/resume")
async def resume(schedule_id: UUID, act: Ops) -> Response:
    """Go on with the next occurrence from now."""
    await routes.resume(schedule_id, act.principal, act.pool)
    return onward(_page(schedule_id), act.request, "Resumed: it goes on with the next time below.")


@router.post("/{schedule_id}/preview")
async def preview(schedule_id: UUID, act: Ops) -> Response:
    """What the form would make of it and when it would fall due; the button that saves stands beside that."""
    schedule = await routes.show(schedule_id, act.principal, act.pool)
    seen = await routes.preview(schedule_id, change_of(act, schedule), act.principal, act.pool, NEXT)
    sent = [(name, value) for name, values in act.form.items() for value in values]
    data = {"schedule": schedule, "preview": seen}
    return show(act, "schedule_preview.html", data, sent=sent, **_form(schedule))


@router.post("/{schedule_id}/change")
async def change(schedule_id: UUID, act: Ops) -> Response:
    """Another clock, other parameters."""
    schedule = await routes.show(schedule_id, act.principal, act.pool)
    await routes.change(schedule_id, change_of(act, schedule), act.principal, act.pool)
    return onward(_page(schedule_id), act.request, "Changed: the times below are the new ones.")


def _form(schedule: ScheduleView) -> dict[str, Any]:
    return {"fields": FIELDS[schedule.kind], "choices": {"catch_up": get_args(CatchUp)}}


def _page(schedule_id: UUID) -> str:
    return f"/ui/schedules/{schedule_id}"
