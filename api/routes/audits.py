"""The audit log: who did what, for owners only."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from api.auth import require
from api.deps import PoolDep
from contracts.audits import AuditPage, AuditQuery
from contracts.tenants import Principal, Role
from db import audits
from db.transaction import transaction

router = APIRouter(prefix="/v1/audit", tags=["audit"])
Owner = Annotated[Principal, Depends(require(Role.OWNER))]


@router.get("")
async def list_acts(asked: Annotated[AuditQuery, Query()], principal: Owner, pool: PoolDep) -> AuditPage:
    """What people, keys and the machine did that leaves a mark, newest first. Nobody can change it."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await audits.page(tx, principal.tenant_id, asked)
