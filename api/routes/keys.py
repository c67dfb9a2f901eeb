"""API keys: made, listed, revoked, by owners only."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from api.auth import LADDER, require
from api.deps import PageDep, PoolDep
from api.errors import problems
from contracts.access import CreateKey, KeyPage, NewKey
from contracts.errors import Forbidden, NotFound
from contracts.tenants import Principal, Role
from db import access, paging
from db.transaction import transaction

router = APIRouter(prefix="/v1/keys", tags=["keys"])
Owner = Annotated[Principal, Depends(require(Role.OWNER))]


@router.post("", status_code=201)
async def create(body: CreateKey, principal: Owner, pool: PoolDep) -> NewKey:
    """Make a key. Its text is shown in this answer and never again."""
    if LADDER.index(body.role) > LADDER.index(principal.role):
        raise Forbidden(f"you are {principal.role} and cannot hand out {body.role}", code="role_missing")
    async with transaction(pool, principal.tenant_id) as tx:
        view, text = await access.create_key(
            tx,
            principal.tenant_id,
            body.name,
            body.role,
            by=principal.name,
            scopes=body.scopes,
            expires_in_s=body.expires_in_s,
            maker=principal.key_id,
        )
    return NewKey(**view.model_dump(), key=text)


@router.get("")
async def list_keys(principal: Owner, pool: PoolDep, page: PageDep) -> KeyPage:
    """Keys, newest first, revoked ones too; without their texts."""
    before = paging.decode(page.cursor, {"keys": (UUID,)})[1][0] if page.cursor else None
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        keys = await access.list_keys(tx, principal.tenant_id, before=before, limit=page.limit + 1)
    more = len(keys) > page.limit
    keys = keys[: page.limit]
    return KeyPage(items=keys, next_cursor=paging.encode("keys", keys[-1].id) if more else None)


@router.delete("/{key_id}", status_code=204, responses=problems(404))
async def revoke(key_id: UUID, principal: Owner, pool: PoolDep) -> None:
    """Make a key useless at once. Again is no error."""
    async with transaction(pool, principal.tenant_id) as tx:
        if not await access.revoke_key(tx, principal.tenant_id, key_id, by=principal.name):
            raise NotFound("there is no such key: GET /v1/keys lists them")
