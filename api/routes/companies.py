"""Companies: one row each, whatever was merged into it, and what is known of it, from whom and since when."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime

from api.auth import require
from api.deps import PageDep, PoolDep, before
from api.errors import problems
from contracts.matching import CompanyDetail, CompanyPage
from contracts.tenants import Principal, Role
from contracts.texts import NoNul
from db import companies
from db.transaction import transaction

router = APIRouter(prefix="/v1/companies", tags=["companies"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
#: A search gives no more: the likest names, not all that share something.
MOST_ALIKE = 50


@router.get("")
async def list_companies(
    principal: Reader,
    pool: PoolDep,
    page: PageDep,
    name: Annotated[
        str | None,
        Query(min_length=2, max_length=500, description="called like this: the likest first, at most 50, one page"),
        NoNul,
    ] = None,
    country: Annotated[str | None, Query(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")] = None,
    run_id: Annotated[UUID | None, Query(description="created by this run")] = None,
) -> CompanyPage:
    """Companies, newest first, or those called like `name`. A company that was merged into another is that other."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        if name is not None:
            most = min(page.limit, MOST_ALIKE)
            alike = await companies.search(tx, principal.tenant_id, name, country=country, limit=most)
            return CompanyPage(items=alike, next_cursor=None)
        found = await companies.list_(
            tx, principal.tenant_id, before=before(page), country=country, run_id=run_id, limit=page.limit + 1
        )
    items = found[: page.limit]
    return CompanyPage(items=items, next_cursor=str(items[-1].id) if len(found) > page.limit else None)


@router.get("/{company_id}", responses=problems(404))
async def show(
    company_id: UUID,
    principal: Reader,
    pool: PoolDep,
    as_of: Annotated[
        AwareDatetime | None, Query(description="fields as they were known at that time, for example 2026-03-03T00:00Z")
    ] = None,
) -> CompanyDetail:
    """One company: each field's value, source, confidence and time, by the tenant's rule, with its history. Of a
    merged one, the survivor.
    """
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await companies.show(tx, principal.tenant_id, company_id, as_of=as_of)
