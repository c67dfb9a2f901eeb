"""Pairs of companies that may be one: the review queue, and what was decided."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from api.admission import starting
from api.auth import require
from api.deps import PageDep, PoolDep, WakeDep, before
from api.errors import problems
from contracts.matching import DecideMatch, Match, MatchPage, MatchState, RequestScan, ScanAsked
from contracts.tenants import Principal, Role
from db import matching, merges
from db.access import audit
from db.transaction import transaction

router = APIRouter(prefix="/v1/matches", tags=["matches"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
Decider = Annotated[Principal, Depends(require(Role.ANALYST))]
Starter = Annotated[Principal, Depends(starting(Role.OPS))]


@router.get("")
async def list_matches(
    principal: Reader,
    pool: PoolDep,
    page: PageDep,
    state: Annotated[MatchState | None, Query(description="pending: what waits for a person")] = None,
) -> MatchPage:
    """Pairs with both sides, newest first."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await matching.list_(tx, principal.tenant_id, state=state, before=before(page), limit=page.limit + 1)
    items = found[: page.limit]
    return MatchPage(items=items, next_cursor=str(items[-1].id) if len(found) > page.limit else None)


@router.post("/scan", status_code=202, responses=problems(429))
async def scan(body: RequestScan, principal: Starter, pool: PoolDep, wake: WakeDep) -> ScanAsked:
    """Compare what came in since the last scan. A scan that already waits stands for this one."""
    async with transaction(pool, principal.tenant_id) as tx:
        waiting = await matching.request_scan(tx, principal.tenant_id)
        tenant, detail = principal.tenant_id, {"reason": body.reason or ""}
        await audit(tx, tenant, principal.name, "matching.requested", "tenant", str(tenant), detail)
    wake.soon()
    return ScanAsked(waiting=waiting)


@router.get("/{match_id}", responses=problems(404))
async def show(match_id: UUID, principal: Reader, pool: PoolDep) -> Match:
    """One pair: why it is likely, and what was decided."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await matching.get(tx, principal.tenant_id, match_id)


@router.post("/{match_id}/merge", responses=problems(404, 409))
async def merge(match_id: UUID, body: DecideMatch, principal: Decider, pool: PoolDep, wake: WakeDep) -> Match:
    """They are one: the older id survives, keys, contacts, leads and facts go under it. Companies with two registry
    ids are refused.
    """
    async with transaction(pool, principal.tenant_id) as tx:
        await merges.merge(tx, principal.tenant_id, match_id, by=principal.name, reason=body.reason)
        decided = await matching.get(tx, principal.tenant_id, match_id)
    wake.soon()
    return decided


@router.post("/{match_id}/reject", responses=problems(404, 409))
async def reject(match_id: UUID, body: DecideMatch, principal: Decider, pool: PoolDep) -> Match:
    """They are two: the pair is not proposed again."""
    async with transaction(pool, principal.tenant_id) as tx:
        await merges.reject(tx, principal.tenant_id, match_id, by=principal.name, reason=body.reason)
        return await matching.get(tx, principal.tenant_id, match_id)


@router.post("/{match_id}/undo", responses=problems(404, 409))
async def undo(match_id: UUID, body: DecideMatch, principal: Decider, pool: PoolDep, wake: WakeDep) -> Match:
    """Take a merge back: ids, keys and rows are as they were. Merges that stand on this one are undone first."""
    async with transaction(pool, principal.tenant_id) as tx:
        await merges.undo(tx, principal.tenant_id, match_id, by=principal.name, reason=body.reason)
        decided = await matching.get(tx, principal.tenant_id, match_id)
    wake.soon()
    return decided
