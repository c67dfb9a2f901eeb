"""Leads: found by runs or typed in."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.auth import require
from api.deps import PageDep, PoolDep, WakeDep, before
from api.errors import problems
from contracts.errors import NotFound
from contracts.leads import CreateLead, LeadCreated, LeadDetail, LeadPage, LeadRow, LeadStatus
from contracts.providers import FoundCompany, FoundContact
from contracts.scoring import Band
from contracts.tenants import Principal, Role
from db import leads, profiles
from db.transaction import transaction

router = APIRouter(prefix="/v1/leads", tags=["leads"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
Writer = Annotated[Principal, Depends(require(Role.ANALYST))]


@router.post("", status_code=201, responses=problems(404, 409))
async def create(body: CreateLead, principal: Writer, pool: PoolDep, wake: WakeDep, response: Response) -> LeadCreated:
    """Type a lead in: lead and event are committed together, and it is enriched at once. A company that has one is a 409."""
    person = body.contact
    contacts = (FoundContact(name=person.name, title=person.title, email=person.email),) if person else ()
    company = FoundCompany(
        external_id="manual",
        name=body.company_name,
        country=body.country,
        city=body.city,
        domain=body.domain,
        registry_id=body.registry_id,
        contacts=contacts,
        confidence=1.0,
    )
    async with transaction(pool, principal.tenant_id) as tx:
        await profiles.require_open(tx, principal.tenant_id, body.icp_profile_id)
        lead_id = await leads.create(tx, principal.tenant_id, company, icp_profile_id=body.icp_profile_id, enrich=True)
    wake.soon()
    response.headers["Location"] = f"{router.prefix}/{lead_id}"
    return LeadCreated(id=lead_id, status="new")


@router.get("")
async def list_leads(
    principal: Reader,
    pool: PoolDep,
    page: PageDep,
    status: LeadStatus | None = None,
    run_id: Annotated[UUID | None, Query(description="only leads this run created")] = None,
    band: Annotated[Band | None, Query(description="only leads whose score is in this band")] = None,
) -> LeadPage:
    """Leads, newest first, each with its company, what was last said about it, and the score that decides."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        rows = await leads.list_(
            tx, principal.tenant_id, before=before(page), status=status, run_id=run_id, band=band, limit=page.limit + 1
        )
    items = [LeadRow.model_validate(r) for r in rows[: page.limit]]
    return LeadPage(items=items, next_cursor=str(items[-1].id) if len(rows) > page.limit else None)


@router.get("/{lead_id}", responses=problems(404))
async def show(lead_id: UUID, principal: Reader, pool: PoolDep) -> LeadDetail:
    """One lead with everything that was said about its company, and what adds up to its score."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await leads.show(tx, principal.tenant_id, lead_id)
    if found is None:
        raise NotFound(f"no lead {lead_id}", code="lead_not_found")
    return LeadDetail.model_validate(found)
