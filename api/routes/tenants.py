"""Tenants: one's own, and, for operators and owners of the reserved tenant `system`, all of them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends

from api.auth import require
from api.deps import PoolDep
from api.errors import problems
from contracts.access import CreateTenant, Slug
from contracts.errors import NotFound
from contracts.tenants import SYSTEM_TENANT, Principal, Quotas, Role, TenantList, TenantView
from db import quotas, tenants
from db.transaction import DbRole, Pool, transaction

router = APIRouter(prefix="/v1", tags=["tenants"])
Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]


async def house(principal: Annotated[Principal, Depends(require(Role.OWNER))]) -> Principal:
    """An owner of the reserved tenant. Owners of others are told that there is nothing here for them, whatever they name."""
    return _of_the_house(principal)


async def house_ops(principal: Annotated[Principal, Depends(require(Role.OPS))]) -> Principal:
    """The same for its operators, who see tenants and grant them quotas."""
    return _of_the_house(principal)


def _of_the_house(principal: Principal) -> Principal:
    if principal.tenant_id != SYSTEM_TENANT:
        raise NotFound(
            "only operators and owners of the reserved tenant see tenants: `headwater keys create --tenant system --role ops`"
            " makes a key; GET /v1/tenant shows your own",
            code="house_only",
        )
    return principal


House = Annotated[Principal, Depends(house)]
HouseOps = Annotated[Principal, Depends(house_ops)]


@router.get("/tenant")
async def own(principal: Viewer, pool: PoolDep) -> TenantView:
    """Your tenant: how it stands, what it is granted, what it uses. Answers while it is suspended, too."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        (found,) = await quotas.views(tx, principal.tenant_id)
    return found


@router.get("/tenants", responses=problems(404))
async def list_tenants(_: HouseOps, pool: PoolDep) -> TenantList:
    """All tenants by slug, the reserved one included, with quotas and use."""
    async with transaction(pool, None, role=DbRole.SYSTEM, read_only=True) as tx:
        return TenantList(items=await quotas.views(tx))


@router.post("/tenants", status_code=201, responses=problems(404, 409))
async def create(body: CreateTenant, principal: House, pool: PoolDep) -> TenantView:
    """Add a tenant."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        made = await tenants.create(tx, body.slug, name=body.name, by=principal.name)
        (found,) = await quotas.views(tx, made.id)
    return found


@router.get("/tenants/{slug}", responses=problems(404))
async def show(slug: Slug, _: HouseOps, pool: PoolDep) -> TenantView:
    """One tenant."""
    async with transaction(pool, None, role=DbRole.SYSTEM, read_only=True) as tx:
        (found,) = await quotas.views(tx, (await tenants.named(tx, slug)).id)
    return found


@router.post("/tenants/{slug}/suspend", responses=problems(404, 409))
async def suspend(slug: Slug, principal: House, pool: PoolDep) -> TenantView:
    """Nothing of it starts any more, its people and keys are answered 403, its data are kept. Again changes nothing."""
    return await _set(pool, slug, "paused", principal)


@router.post("/tenants/{slug}/resume", responses=problems(404, 409))
async def resume(slug: Slug, principal: House, pool: PoolDep) -> TenantView:
    """Let a suspended or closed tenant work again: what waited goes on."""
    return await _set(pool, slug, "active", principal)


@router.post("/tenants/{slug}/close", responses=problems(404, 409))
async def close(slug: Slug, principal: House, pool: PoolDep) -> TenantView:
    """Shut its people and keys out as well. Its data are kept until somebody deletes them."""
    return await _set(pool, slug, "closed", principal)


@router.put("/tenants/{slug}/quotas", responses=problems(404))
async def put_quotas(slug: Slug, body: Quotas, principal: HouseOps, pool: PoolDep) -> TenantView:
    """Grant anew: what is absent or null is the installation's own limit. Holds from the next claim and the next run on."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        tenant = await tenants.named(tx, slug)
        await quotas.put(tx, tenant.id, body, by=principal.name)
        (found,) = await quotas.views(tx, tenant.id)
    return found


async def _set(pool: Pool, slug: str, status: Literal["active", "paused", "closed"], by: Principal) -> TenantView:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        tenant = await tenants.named(tx, slug)
        await tenants.set_status(tx, slug, status, by=by.name)
        (found,) = await quotas.views(tx, tenant.id)
    return found
