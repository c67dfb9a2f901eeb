"""Limits and pauses of queues, tenants and vendors: a tenant sees its own, operators of the reserved one see and set all."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from api.auth import require
from api.deps import PoolDep, WakeDep
from api.errors import problems
from contracts.errors import NotFound
from contracts.limits import LimitList, LimitName, LimitScope, SetLimit
from contracts.pauses import AskPause
from contracts.tenants import SYSTEM_TENANT, Principal, Role
from db import limits
from db.transaction import DbRole, transaction

router = APIRouter(prefix="/v1/limits", tags=["limits"])
Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]


async def house(principal: Annotated[Principal, Depends(require(Role.OPS))]) -> Principal:
    """Operators of other tenants are told that there is nothing here for them, whatever they name."""
    if principal.tenant_id != SYSTEM_TENANT:
        raise NotFound(
            "only operators of the reserved tenant set limits: `headwater keys create --tenant system --role ops` makes a key;"
            " POST /v1/outbox/pause pauses your own tenant",
            code="house_only",
        )
    return principal


House = Annotated[Principal, Depends(house)]


@router.get("", name="list")
async def list_limits(principal: Viewer, pool: PoolDep) -> LimitList:
    """What is limited or paused, what runs of it and what waits: of your tenant; for the reserved tenant, of everything."""
    whose = None if principal.tenant_id == SYSTEM_TENANT else principal.tenant_id
    # Counts of what stands in the queue, which only the system role sees; the statement names the tenant.
    async with transaction(pool, None, role=DbRole.SYSTEM, read_only=True) as tx:
        return LimitList(items=await limits.views(tx, whose))


@router.put("/{scope}/{name}", name="set", responses=problems(404))
async def put(scope: LimitScope, name: LimitName, body: SetLimit, principal: House, pool: PoolDep) -> LimitList:
    """Limit a queue, a tenant or a vendor anew; what is absent or null is no limit. It holds over all workers from the answer on;
    whoever asks a vendor knows within 2 s.
    """
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return LimitList(items=await limits.put(tx, scope, name, body, by=principal.name))


@router.post("/{scope}/{name}/pause", name="pause", responses=problems(404))
async def pause(scope: LimitScope, name: LimitName, asked: AskPause, principal: House, pool: PoolDep) -> LimitList:
    """Let nothing of it start until it is resumed. What runs is finished; nothing is lost."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return LimitList(items=await limits.pause(tx, scope, name, reason=asked.reason, by=principal.name))


@router.post("/{scope}/{name}/resume", name="resume", responses=problems(404, 409))
async def resume(scope: LimitScope, name: LimitName, principal: House, pool: PoolDep, wake: WakeDep) -> LimitList:
    """Go on with what waits. Again is no error."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        standing = await limits.resume(tx, scope, name, by=principal.name)
    wake.soon()
    return LimitList(items=standing)
