"""Discovery queries: what a tenant's runs look for when they name nothing themselves."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.auth import require
from api.deps import PageDep, PoolDep, before
from api.errors import problems
from contracts.discovery_queries import (
    AddQuery,
    ChangeQuery,
    DiscoveryQuery,
    DiscoveryQueryPage,
    GeneratedQueries,
    GenerateQueries,
)
from contracts.tenants import Principal, Role
from db import discovery_queries, profiles
from db.transaction import transaction

router = APIRouter(prefix="/v1", tags=["queries"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
Writer = Annotated[Principal, Depends(require(Role.ANALYST))]
QUERIES = "/discovery/queries"


@router.post(QUERIES, status_code=201, responses=problems(404, 409))
async def add(body: AddQuery, principal: Writer, pool: PoolDep, response: Response) -> DiscoveryQuery:
    """Add a query. One that says the same, whatever its case, is a 409."""
    async with transaction(pool, principal.tenant_id) as tx:
        added = await discovery_queries.add(
            tx, principal.tenant_id, body.text, profile_id=body.icp_profile_id, by=principal.name
        )
    response.headers["Location"] = f"/v1{QUERIES}/{added.id}"
    return added


@router.get(QUERIES)
async def list_queries(
    principal: Reader,
    pool: PoolDep,
    page: PageDep,
    enabled: Annotated[bool | None, Query(description="only those that are used, or only those that are not")] = None,
) -> DiscoveryQueryPage:
    """Queries, newest first."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await discovery_queries.list_(
            tx, principal.tenant_id, before=before(page), enabled=enabled, limit=page.limit + 1
        )
    items = found[: page.limit]
    return DiscoveryQueryPage(items=items, next_cursor=str(items[-1].id) if len(found) > page.limit else None)


@router.patch(QUERIES + "/{query_id}", responses=problems(404))
async def change(query_id: UUID, body: ChangeQuery, principal: Writer, pool: PoolDep) -> DiscoveryQuery:
    """Use a query, or keep it without using it. Again is no error."""
    async with transaction(pool, principal.tenant_id) as tx:
        return await discovery_queries.set_enabled(tx, principal.tenant_id, query_id, body.enabled, by=principal.name)


@router.delete(QUERIES + "/{query_id}", status_code=204, responses=problems(404))
async def remove(query_id: UUID, principal: Writer, pool: PoolDep) -> None:
    """Delete a query. What its runs found stays."""
    async with transaction(pool, principal.tenant_id) as tx:
        await discovery_queries.remove(tx, principal.tenant_id, query_id, by=principal.name)


@router.post("/icp-profiles/{profile_id}/queries", responses=problems(404))
async def generate(profile_id: UUID, body: GenerateQueries, principal: Writer, pool: PoolDep) -> GeneratedQueries:
    """Add queries for a profile: its industries in its countries. Again adds nothing."""
    async with transaction(pool, principal.tenant_id) as tx:
        profile = await profiles.get(tx, principal.tenant_id, profile_id)
        return await discovery_queries.generate_for(
            tx, principal.tenant_id, profile, limit=body.limit, by=principal.name
        )
