"""How long rows stay."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from api.auth import require
from api.deps import PoolDep
from contracts.retention import RetentionList, periods
from contracts.tenants import SYSTEM_TENANT, Principal, Role
from db import retention
from db.transaction import DbRole, transaction

router = APIRouter(prefix="/v1/retention", tags=["retention"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]


@router.get("")
async def list_periods(principal: Reader, pool: PoolDep) -> RetentionList:
    """Every table, how long its rows stay, and why.

    What the last pass over a table deleted counts rows of all tenants: only the reserved tenant is told.
    """
    if principal.tenant_id != SYSTEM_TENANT:
        return RetentionList(items=periods())
    async with transaction(pool, None, role=DbRole.SYSTEM, read_only=True) as tx:
        return await retention.listed(tx)
