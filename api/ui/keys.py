"""API keys: made (the text is shown once), listed, revoked."""

from __future__ import annotations

from typing import Annotated, get_args
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.deps import Page
from api.routes import keys as routes
from api.ui.page import PageRoute, onward, show
from api.ui.session import Act, Acting, Looking, Seat
from contracts.access import CreateKey, GrantedRole
from contracts.errors import Invalid
from contracts.tenants import Role

router = APIRouter(prefix="/ui/keys", route_class=PageRoute, include_in_schema=False)
Owner = Annotated[Seat, Depends(Looking(Role.OWNER))]
Owning = Annotated[Act, Depends(Acting(Role.OWNER))]
ROWS = 25
DAY_S = 86_400
ROLES = [role.value for role in get_args(GrantedRole)]


@router.get("")
async def list_keys(seat: Owner, cursor: Annotated[str | None, Query(max_length=500)] = None) -> Response:
    """Keys, newest first, revoked ones too."""
    page = await routes.list_keys(seat.principal, seat.pool, Page(ROWS, cursor))
    return show(seat, "keys.html", {"keys": page.items, "next_cursor": page.next_cursor}, roles=ROLES)


@router.post("")
async def create(act: Owning) -> Response:
    """Make one. No redirect: this answer is the only place where its text ever stands."""
    days = act.one("days")
    if days is not None and not (days.isascii() and days.isdigit() and len(days) < 6):
        raise Invalid("days: give a whole number of days, or nothing for a key that lives until it is revoked")
    fields = {
        "name": act.one("name"),
        "role": act.one("role"),
        "scopes": (act.one("scopes") or "").replace(",", " ").split(),
        "expires_in_s": int(days) * DAY_S if days else None,
    }
    made = await routes.create(act.read(CreateKey, fields), act.principal, act.pool)
    return show(act, "key_made.html", {"key": made})


@router.post("/{key_id}/revoke")
async def revoke(key_id: UUID, act: Owning) -> Response:
    """Make it useless."""
    await routes.revoke(key_id, act.principal, act.pool)
    return onward("/ui/keys", act.request, "The key is revoked: whoever uses it is refused from now on.")
