"""ICP profiles: whom a tenant wants as customers."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import ValidationError

from api.auth import require
from api.deps import PageDep, PoolDep, before
from api.errors import problems
from contracts.errors import Invalid
from contracts.misfits import in_words
from contracts.profiles import ChangeProfile, CreateProfile, Profile, ProfilePage
from contracts.tenants import Principal, Role
from contracts.texts import NoNul
from db import profiles
from db.transaction import transaction

router = APIRouter(prefix="/v1/icp-profiles", tags=["icp-profiles"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
Writer = Annotated[Principal, Depends(require(Role.ANALYST))]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$"), NoNul]


@router.post("", status_code=201, responses=problems(409))
async def create(
    body: CreateProfile, principal: Writer, pool: PoolDep, response: Response, idempotency_key: IdempotencyKey = None
) -> Profile:
    """Add a profile. The same `Idempotency-Key` with the same body hands back the first one; with another body it is a 409."""
    key = (idempotency_key, body.model_dump(mode="json")) if idempotency_key else None
    async with transaction(pool, principal.tenant_id) as tx:
        made = await profiles.create(tx, principal.tenant_id, body, by=principal.name, idempotency=key)
    response.headers["Location"] = f"{router.prefix}/{made.id}"
    return made


@router.get("")
async def list_profiles(
    principal: Reader,
    pool: PoolDep,
    page: PageDep,
    closed: Annotated[bool, Query(description="show closed ones too")] = False,
) -> ProfilePage:
    """Profiles, newest first."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await profiles.list_(tx, principal.tenant_id, before=before(page), closed=closed, limit=page.limit + 1)
    items = found[: page.limit]
    return ProfilePage(items=items, next_cursor=str(items[-1].id) if len(found) > page.limit else None)


@router.get("/{profile_id}", responses=problems(404))
async def show(profile_id: UUID, principal: Reader, pool: PoolDep) -> Profile:
    """One profile, closed or not."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await profiles.get(tx, principal.tenant_id, profile_id)


@router.patch("/{profile_id}", responses=problems(404, 409))
async def change(profile_id: UUID, body: ChangeProfile, principal: Writer, pool: PoolDep) -> Profile:
    """Replace what the body names. With `version` it is a 409 when somebody else has changed the profile since."""
    try:
        async with transaction(pool, principal.tenant_id) as tx:
            return await profiles.change(tx, principal.tenant_id, profile_id, body, by=principal.name)
    except ValidationError as error:
        raise Invalid(in_words(error.errors(include_url=False)[0])) from None


@router.delete("/{profile_id}", status_code=204, responses=problems(404))
async def close(profile_id: UUID, principal: Writer, pool: PoolDep) -> None:
    """Take a profile out of use: what refers to it keeps it, its name is free again. Again is no error."""
    async with transaction(pool, principal.tenant_id) as tx:
        await profiles.close(tx, principal.tenant_id, profile_id, by=principal.name)
