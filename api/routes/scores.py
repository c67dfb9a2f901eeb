"""Scores: asked for, and the story of how a lead came to the one it has."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from api.admission import starting
from api.auth import require
from api.deps import PoolDep, WakeDep
from api.errors import problems
from contracts.errors import NotFound
from contracts.scores import ScoreHistory, ScoreLeads, ScoresAsked
from contracts.tenants import Principal, Role
from db import scores
from db.transaction import transaction

router = APIRouter(prefix="/v1/leads", tags=["scoring"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
Writer = Annotated[Principal, Depends(starting(Role.ANALYST))]


@router.post("/scores", status_code=202, responses=problems(429))
async def score(body: ScoreLeads, principal: Writer, pool: PoolDep, wake: WakeDep) -> ScoresAsked:
    """Have leads scored from what is known now: the ones named, or the newest enriched ones without a score."""
    async with transaction(pool, principal.tenant_id) as tx:
        asked = await scores.ask(tx, principal.tenant_id, body.lead_ids, limit=body.limit, again=body.again)
    wake.soon()
    return ScoresAsked(asked=asked, left_out=[i for i in dict.fromkeys(body.lead_ids) if i not in set(asked)])


@router.get("/{lead_id}/scores", responses=problems(404))
async def list_scores(lead_id: UUID, principal: Reader, pool: PoolDep) -> ScoreHistory:
    """What was known of a lead when (its newest 50 snapshots), and every score of each: what decides, what was watched beside."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await scores.history(tx, principal.tenant_id, lead_id)
    if found is None:
        raise NotFound(f"no lead {lead_id}", code="lead_not_found")
    return found
