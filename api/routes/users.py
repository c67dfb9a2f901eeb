"""Users: listed for owners. They are made, and their passwords set, on the command line."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from api.auth import require
from api.deps import PageDep, PoolDep
from contracts.access import UserPage
from contracts.tenants import Principal, Role
from db import access, paging
from db.transaction import transaction

router = APIRouter(prefix="/v1/users", tags=["users"])
Owner = Annotated[Principal, Depends(require(Role.OWNER))]


@router.get("")
async def list_users(principal: Owner, pool: PoolDep, page: PageDep) -> UserPage:
    """Who can log in, and who no longer can; by e-mail address."""
    after = paging.decode(page.cursor, {"users": (str,)})[1][0] if page.cursor else ""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await access.list_users(tx, principal.tenant_id, after=after, limit=page.limit + 1)
    items = found[: page.limit]
    return UserPage(
        items=items, next_cursor=paging.encode("users", items[-1].email) if len(found) > page.limit else None
    )
