"""Public tenders that fall under the NAICS codes of a tenant's ICP profiles, and the runs that fetch them for all tenants."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from api.auth import require
from api.deps import PageDep, PoolDep, WakeDep, before
from api.errors import problems
from contracts.errors import NotFound
from contracts.opportunities import HouseRun, LastRun, OpportunityDetail, OpportunityPageView, RequestFetch
from contracts.tenants import SYSTEM_TENANT, Principal, Role
from db import opportunities
from db.access import audit
from db.transaction import transaction

router = APIRouter(prefix="/v1/opportunities", tags=["opportunities"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
Starter = Annotated[Principal, Depends(require(Role.OPS))]


@router.get("")
async def list_opportunities(
    principal: Reader,
    pool: PoolDep,
    page: PageDep,
    naics: Annotated[
        str | None, Query(pattern=r"^[0-9]{2,6}$", description="a NAICS code, or the beginning of one")
    ] = None,
    since: Annotated[date | None, Query(description="posted on that day or later")] = None,
    profile_id: Annotated[UUID | None, Query(description="only what this ICP profile matches")] = None,
) -> OpportunityPageView:
    """Tenders, newest first, each with what the profiles say about it."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await opportunities.list_(
            tx,
            principal.tenant_id,
            before=before(page),
            naics=naics,
            since=since,
            profile_id=profile_id,
            limit=page.limit + 1,
        )
    items = found[: page.limit]
    return OpportunityPageView(items=items, next_cursor=str(items[-1].id) if len(found) > page.limit else None)


@router.post("/runs", status_code=202)
async def fetch(body: RequestFetch, principal: Starter, pool: PoolDep, wake: WakeDep) -> HouseRun:
    """Fetch now, for all tenants: one run stands for all requests while it is under way.

    What was asked today is not asked again, and no more calls are made than the day's budget has left.
    """
    async with transaction(pool, SYSTEM_TENANT) as tx:
        run_id, new = await opportunities.request_run(tx, triggered_by="api", mode=body.mode)
        run = await opportunities.house_run(tx)
    async with transaction(pool, principal.tenant_id) as tx:
        detail = {"joined": not new}
        await audit(tx, principal.tenant_id, principal.name, "opportunities.requested", "run", str(run_id), detail)
    wake.soon()
    if run is None:
        raise NotFound("the run was cleaned away at once: ask again", code="run_not_found")
    return run


@router.get("/last-run")
async def last_run(_principal: Reader, pool: PoolDep) -> LastRun:
    """The last successful run, from which freshness is judged, and the latest one."""
    async with transaction(pool, SYSTEM_TENANT, read_only=True) as tx:
        return await opportunities.last_run(tx)


@router.get("/{opportunity_id}", responses=problems(404))
async def show(opportunity_id: UUID, principal: Reader, pool: PoolDep) -> OpportunityDetail:
    """One tender with what the profiles say, and the other notices of its solicitation."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await opportunities.show(tx, principal.tenant_id, opportunity_id)
    if found is None:
        raise NotFound(f"no opportunity {opportunity_id}", code="opportunity_not_found")
    return found
