"""Enrichments: asked for, and what they learned from whom."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from api.admission import starting
from api.auth import require
from api.deps import PoolDep, WakeDep
from api.errors import problems
from contracts.enrichment import EnrichLeads, EnrichmentList, EnrichmentsAsked
from contracts.errors import NotFound
from contracts.tenants import Principal, Role
from db import enrichments
from db.transaction import transaction

router = APIRouter(prefix="/v1/leads", tags=["enrichment"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
Writer = Annotated[Principal, Depends(starting(Role.ANALYST))]


@router.post("/enrichments", status_code=202, responses=problems(429))
async def enrich(body: EnrichLeads, principal: Writer, pool: PoolDep, wake: WakeDep) -> EnrichmentsAsked:
    """Have leads enriched: the ones named, or the oldest that are still new. Their events are committed together."""
    async with transaction(pool, principal.tenant_id) as tx:
        asked = await enrichments.ask(tx, principal.tenant_id, body.lead_ids, limit=body.limit, again=body.again)
    wake.soon()
    return EnrichmentsAsked(asked=asked, left_out=[i for i in dict.fromkeys(body.lead_ids) if i not in set(asked)])


@router.get("/{lead_id}/enrichments", responses=problems(404))
async def list_enrichments(lead_id: UUID, principal: Reader, pool: PoolDep) -> EnrichmentList:
    """Every enrichment of a lead with every vendor that was asked, and the facts it left with their sources."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await enrichments.story(tx, principal.tenant_id, lead_id)
    if found is None:
        raise NotFound(f"no lead {lead_id}", code="lead_not_found")
    return found
