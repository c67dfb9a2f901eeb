"""Survivorship: which of several sources' values of a field stands, as a tenant decides it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from api.auth import require
from api.deps import PoolDep
from contracts.survivorship import SetSurvivorship, Survivorship
from contracts.tenants import Principal, Role
from db import survivorship
from db.transaction import transaction

router = APIRouter(prefix="/v1/survivorship", tags=["companies"])
Operator = Annotated[Principal, Depends(require(Role.OPS))]


@router.get("")
async def show_policy(principal: Operator, pool: PoolDep) -> Survivorship:
    """The rules by which a value survives: one for all fields, those of single fields, and the order of sources."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await survivorship.policy(tx, principal.tenant_id)


@router.put("")
async def put_policy(body: SetSurvivorship, principal: Operator, pool: PoolDep) -> Survivorship:
    """Decide all of it; what is left out goes back to its default. A company's columns follow with the next fact about it."""
    async with transaction(pool, principal.tenant_id) as tx:
        return await survivorship.put(tx, principal.tenant_id, body, by=principal.name)
