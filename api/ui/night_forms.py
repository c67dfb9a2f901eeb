"""Starting a night: a rehearsal says what it would do and cost; the button that starts stands on its page (B.06)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from api.routes import nights as routes
from api.ui.nights import STEPS
from api.ui.page import PageRoute, onward, show
from api.ui.session import Act, Acting, Looking, Seat
from contracts.nights import SKIPPABLE, Step
from contracts.tenants import Role
from db import nights
from db.transaction import transaction

router = APIRouter(prefix="/ui/nights", route_class=PageRoute, include_in_schema=False)
Operator = Annotated[Seat, Depends(Looking(Role.OPS))]
Ops = Annotated[Act, Depends(Acting(Role.OPS))]


class AskNight(BaseModel):
    """What the form says; POST /admin/runs/nightly takes the same as a query."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dry_run: bool = False
    limit: int | None = Field(default=None, ge=0, le=100_000)
    from_manifest: UUID | None = None
    skip: list[Step] = []


@router.get("/new")
async def plan(seat: Operator, from_manifest: UUID | None = None) -> Response:
    """What to ask for: a new night, or what one that has ended left undone."""
    tenant = seat.principal.tenant_id
    async with transaction(seat.pool, tenant, read_only=True) as tx:
        tonight = await nights.tonight(tx, seat.settings, tenant)
        cap, source = await nights.cap_of(tx, seat.settings, tenant)
        left = await nights.show(tx, tenant, from_manifest) if from_manifest else None
    data = {"tonight": tonight, "cap": cap, "cap_source": source, "from_night": left}
    return show(seat, "night_new.html", data, skippable=SKIPPABLE, step_words=STEPS)


@router.post("")
async def start(act: Ops) -> Response:
    """Rehearse it, or start it. A second start of the same night leads to the first one's page."""
    asked = act.read(
        AskNight,
        {
            "dry_run": act.one("dry_run") == "true",
            "limit": act.one("limit"),
            "from_manifest": act.one("from_manifest"),
            "skip": act.form.get("skip"),
        },
    )
    night = await routes.start(
        act.principal, act.pool, act.settings, act.wake, act.principal.tenant_id, dry_run=asked.dry_run, limit=asked.limit,
        from_manifest=asked.from_manifest, skip=asked.skip,
    )  # fmt: skip
    if asked.dry_run:
        words = "The forecast is asked for. This page shows it as soon as it is there."
    elif night.new:
        words = "The night is asked for. This page follows it."
    else:
        words = "This night was started before: here it is. There is one a day."
    return onward(f"/ui/nights/{night.id}", act.request, words)
