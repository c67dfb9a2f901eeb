"""Limits and pauses: what holds work back, and for operators of the reserved tenant the forms that set and lift them."""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict

from api.routes import limits as routes
from api.ui.outbox import shared_stats
from api.ui.page import PageRoute, onward, show
from api.ui.session import Act, Acting, Looking, Seat
from contracts.jobs import QUEUES
from contracts.limits import LimitName, LimitScope, SetLimit
from contracts.pauses import AskPause
from contracts.tenants import SYSTEM_TENANT, Role

router = APIRouter(prefix="/ui/limits", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]
Ops = Annotated[Act, Depends(Acting(Role.OPS))]


class Which(BaseModel):
    """What a form is about: a path of the API."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scope: LimitScope
    name: LimitName


@router.get("")
async def list_limits(seat: Viewer) -> Response:
    """What holds work back now, and every limit and pause: of this tenant; for the reserved one, of everything."""
    found = await routes.list_limits(seat.principal, seat.pool)
    data = {"held": (await shared_stats(seat)).held, "limits": found.items}
    house = seat.principal.tenant_id == SYSTEM_TENANT
    return show(seat, "limits.html", data, house=house, scopes=get_args(LimitScope), queues=QUEUES)


@router.post("/set")
async def put(act: Ops) -> Response:
    """Limit it anew; a form without figures lifts what stood."""
    house, which = await routes.house(act.principal), _which(act)
    figures = {"max_running": act.whole("max_running"), "per_s": act.one("per_s"), "burst": act.whole("burst")}
    standing = await routes.put(which.scope, which.name, act.read(SetLimit, figures), house, act.pool)
    limited = any(each.max_running or each.per_s for each in standing.items)
    words = "is limited: it holds from now on, over all workers." if limited else "has no limit any more."
    return onward("/ui/limits", act.request, f"{which.scope} {which.name} {words}".capitalize())


@router.post("/pause")
async def pause(act: Ops) -> Response:
    """Let nothing of it start."""
    house, which = await routes.house(act.principal), _which(act)
    asked = act.read(AskPause, {"reason": act.one("reason") or ""})
    await routes.pause(which.scope, which.name, asked, house, act.pool)
    return onward("/ui/limits", act.request, "It is paused: what runs is finished, the rest waits and none is lost.")


@router.post("/resume")
async def resume(act: Ops) -> Response:
    """Go on."""
    house, which = await routes.house(act.principal), _which(act)
    await routes.resume(which.scope, which.name, house, act.pool, act.wake)
    return onward("/ui/limits", act.request, "It goes on with what waits.")


def _which(act: Act) -> Which:
    return act.read(Which, {"scope": act.one("scope"), "name": act.one("name")})
