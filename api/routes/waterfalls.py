"""Waterfalls: in which order vendors are asked, and what was learned about them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from api.auth import require
from api.deps import PoolDep
from api.errors import problems
from contracts.tenants import Principal, Role
from contracts.waterfalls import ProposeOrder, Waterfalls
from db import waterfalls
from db.transaction import transaction

router = APIRouter(prefix="/v1/waterfalls", tags=["vendors"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
Operator = Annotated[Principal, Depends(require(Role.OPS))]


@router.get("")
async def list_waterfalls(principal: Reader, pool: PoolDep) -> Waterfalls:
    """Every field with the orders that count now, and what became of each vendor asked for it in the last 90 days."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await waterfalls.show(tx, principal.tenant_id)


@router.post("/orders", status_code=201)
async def propose(body: ProposeOrder, principal: Operator, pool: PoolDep) -> Waterfalls:
    """Watch a new order of vendors on live rows. It takes the place of the one watched so far; nobody follows it yet."""
    async with transaction(pool, principal.tenant_id) as tx:
        await waterfalls.propose(tx, principal.tenant_id, body.field, body.operations, principal.name)
        return await waterfalls.show(tx, principal.tenant_id)


@router.post("/orders/{order_id}/promote", responses=problems(404))
async def promote(order_id: UUID, principal: Operator, pool: PoolDep) -> Waterfalls:
    """Follow a watched order from now on, whatever is thought of it so far."""
    async with transaction(pool, principal.tenant_id) as tx:
        await waterfalls.promote(tx, principal.tenant_id, order_id, {"promoted_by": principal.name}, principal.name)
        return await waterfalls.show(tx, principal.tenant_id)
