"""Tenants: one's own; for operators of the reserved one all of them, with what they are granted."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from api.routes import tenants as routes
from api.ui.page import PageRoute, onward, show
from api.ui.session import Act, Acting, Looking, Seat
from contracts.access import CreateTenant, Slug
from contracts.errors import Invalid
from contracts.tenants import SYSTEM_TENANT, Quotas, Role

router = APIRouter(prefix="/ui/tenants", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]
Operator = Annotated[Seat, Depends(Looking(Role.OPS))]
Ops = Annotated[Act, Depends(Acting(Role.OPS))]
Owning = Annotated[Act, Depends(Acting(Role.OWNER))]


@router.get("")
async def list_tenants(seat: Viewer) -> Response:
    """All of them for whoever may see them, else one's own."""
    if not _is_house(seat):
        own = await seat.shared(lambda: routes.own(seat.principal, seat.pool))
        return show(seat, "tenant.html", {"tenant": own}, house=False)
    found = await routes.list_tenants(await routes.house_ops(seat.principal), seat.pool)
    return show(seat, "tenants.html", {"tenants": found.items})


@router.post("")
async def create(act: Owning) -> Response:
    """Add one."""
    principal = await routes.house(act.principal)
    made = await routes.create(
        act.read(CreateTenant, {"slug": act.one("slug"), "name": act.one("name")}), principal, act.pool
    )
    return onward(
        f"/ui/tenants/{made.slug}", act.request, f"{made.name} is there. Its first owner: headwater users create."
    )


@router.get("/{slug}")
async def show_tenant(slug: Slug, seat: Operator) -> Response:
    """One tenant."""
    found = await routes.show(slug, await routes.house_ops(seat.principal), seat.pool)
    return show(seat, "tenant.html", {"tenant": found}, house=True)


@router.post("/{slug}/suspend")
async def suspend(slug: Slug, act: Owning) -> Response:
    """Nothing of it starts any more."""
    await routes.suspend(slug, await routes.house(act.principal), act.pool)
    return onward(f"/ui/tenants/{slug}", act.request, "It is suspended: nothing of it starts, its data are kept.")


@router.post("/{slug}/resume")
async def resume(slug: Slug, act: Owning) -> Response:
    """It works again."""
    await routes.resume(slug, await routes.house(act.principal), act.pool)
    return onward(f"/ui/tenants/{slug}", act.request, "It works again: what waited goes on.")


@router.post("/{slug}/quotas")
async def put_quotas(slug: Slug, act: Ops) -> Response:
    """Grant anew."""
    principal = await routes.house_ops(act.principal)
    asked = act.read(Quotas, {name: _whole(name, act.one(name)) for name in Quotas.model_fields})
    await routes.put_quotas(slug, asked, principal, act.pool)
    return onward(f"/ui/tenants/{slug}", act.request, "Granted. It holds from the next claim and the next run on.")


def _is_house(seat: Seat) -> bool:
    return seat.principal.tenant_id == SYSTEM_TENANT and seat.may(Role.OPS)


def _whole(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid(f"{name}: give a whole number, or nothing for the installation's own limit")
    return int(text)
