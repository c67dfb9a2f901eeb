"""Starting a run: what it would cost is shown before it starts (B.06)."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, Query, Response

from api.admission import room_for
from api.routes import runs as routes
from api.routes import vendors
from api.ui.page import PageRoute, onward, show
from api.ui.session import Act, Acting, Looking, Seat
from contracts.providers import Channel
from contracts.runs import CreateRun
from contracts.tenants import Role
from contracts.texts import NoNul

router = APIRouter(prefix="/ui/runs", route_class=PageRoute, include_in_schema=False)
Analyst = Annotated[Seat, Depends(Looking(Role.ANALYST))]
Starter = Annotated[Act, Depends(Acting(Role.ANALYST))]
Count = Annotated[int | None, Query(ge=1, le=100_000)]
Lines = Annotated[str | None, Query(max_length=20_000), NoNul]


@router.get("/new")
async def plan(
    seat: Analyst,
    channels: Annotated[list[Channel] | None, Query(max_length=10)] = None,
    queries: Lines = None,
    max_companies: Count = None,
    dry_run: bool = False,
    forecast: bool = False,
) -> Response:
    """What to look for, then what that would cost at most; only then the button that starts it."""
    seen = None
    asked = {"channels": channels, "queries": _lines(queries), "max_companies": max_companies}
    if forecast:
        seen = await vendors.show_forecast(seat.principal, seat.pool, seat.settings, **asked)  # type: ignore[arg-type]
    chosen = {**asked, "queries": queries or "", "dry_run": dry_run}
    known = [c.value for c in Channel]
    return show(seat, "run_new.html", {"forecast": seen, "asked": asked}, chosen=chosen, known=known, once=uuid4())


@router.post("")
async def start(act: Starter) -> Response:
    """Start it, once however often the form is sent."""
    fields: dict[str, Any] = {
        "channels": act.form.get("channels"),
        "queries": _lines(act.one("queries")),
        "max_companies": act.whole("max_companies"),
        "dry_run": act.one("dry_run") == "true",
        "mode": "manual",
    }
    body = act.read(CreateRun, fields)
    await room_for(act.request, act.principal)
    run = await routes.create(
        body, act.principal, act.pool, act.settings, act.wake, act.request, Response(), idempotency_key=act.one("once")
    )
    return onward(f"/ui/runs/{run.id}", act.request, "The run is asked for. This page follows it.")


def _lines(text: str | None) -> list[str] | None:
    found = [line.strip() for line in (text or "").splitlines() if line.strip()]
    return found or None
