"""The suppression list: whom nobody may write to. Values go in, hashes stay; nothing comes out."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.auth import require
from api.deps import PageDep, PoolDep, before
from api.errors import problems
from contracts.suppressions import (
    AddSuppression,
    Channel,
    CheckSuppression,
    KeyType,
    Suppression,
    SuppressionHit,
    SuppressionPage,
)
from contracts.tenants import Principal, Role
from db import suppressions
from db.transaction import transaction

router = APIRouter(prefix="/v1/suppressions", tags=["suppressions"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
Writer = Annotated[Principal, Depends(require(Role.ANALYST))]
Operator = Annotated[Principal, Depends(require(Role.OPS))]


@router.post("", status_code=201, responses={200: {"model": Suppression}})
async def add(body: AddSuppression, principal: Writer, pool: PoolDep, response: Response) -> Suppression:
    """Put a value on the list: 201; 200 when it stood there already. What is on its way to a vendor is not called back."""
    async with transaction(pool, principal.tenant_id) as tx:
        made, new = await suppressions.add(
            tx, principal.tenant_id, body.channel, body.key_type, body.value, by=principal.name, reason=body.reason
        )
    if not new:
        response.status_code = 200
    return made


@router.post("/check")
async def check(body: CheckSuppression, principal: Reader, pool: PoolDep) -> SuppressionHit:
    """Whether somebody with these values may not be written to on that channel; domains of addresses count."""
    async with transaction(pool, principal.tenant_id) as tx:
        hit = await suppressions.hit(
            tx, principal.tenant_id, body.channel, emails=body.emails, phones=body.phones, domains=body.domains
        )
    return SuppressionHit(suppressed=hit is not None, entry=hit)


@router.get("")
async def list_suppressions(
    principal: Reader,
    pool: PoolDep,
    page: PageDep,
    channel: Channel | None = None,
    key_type: KeyType | None = None,
) -> SuppressionPage:
    """Entries, newest first."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await suppressions.list_(
            tx, principal.tenant_id, before=before(page), channel=channel, key_type=key_type, limit=page.limit + 1
        )
    items = found[: page.limit]
    return SuppressionPage(items=items, next_cursor=str(items[-1].id) if len(found) > page.limit else None)


@router.delete("/{suppression_id}", status_code=204, responses=problems(404, 409))
async def remove(
    suppression_id: UUID,
    principal: Operator,
    pool: PoolDep,
    erased: Annotated[bool, Query(description="yes, also an entry that keeps an erased person away")] = False,
) -> None:
    """Take an entry away: the person may be written to again."""
    async with transaction(pool, principal.tenant_id) as tx:
        await suppressions.remove(tx, principal.tenant_id, suppression_id, by=principal.name, erased=erased)
