"""Rule sets of ICP profiles: proposed, watched, promoted; and the companies held against a profile."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.auth import require
from api.deps import PageDep, PoolDep, WakeDep, before
from api.errors import problems
from contracts.rule_sets import (
    CandidatePage,
    CandidateVerdict,
    Comparison,
    CreateRuleSet,
    MoveRuleSet,
    Preview,
    PreviewRules,
    RuleSet,
    RuleSetList,
    RuleSetMoved,
)
from contracts.tenants import Principal, Role
from db import candidates, rule_sets, rule_trials
from db.transaction import transaction

router = APIRouter(prefix="/v1/icp-profiles/{profile_id}", tags=["icp-profiles"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
Writer = Annotated[Principal, Depends(require(Role.ANALYST))]


@router.post("/rule-sets", status_code=201, responses=problems(404, 409))
async def create_rule_set(
    profile_id: UUID, body: CreateRuleSet, principal: Writer, pool: PoolDep, response: Response
) -> RuleSetMoved:
    """Add a version of the profile's rules and thresholds: SHADOW is scored beside what decides, ACTIVE decides from now on.

    A set never changes: to change a rule, add a version. Whoever stood on the stage is archived in the same transaction.
    """
    async with transaction(pool, principal.tenant_id) as tx:
        made = await rule_sets.create(tx, principal.tenant_id, profile_id, body, by=principal.name)
    response.headers["Location"] = f"/v1/icp-profiles/{profile_id}/rule-sets/{made.rule_set.id}"
    return made


@router.get("/rule-sets", responses=problems(404))
async def list_rule_sets(profile_id: UUID, principal: Reader, pool: PoolDep) -> RuleSetList:
    """The profile's newest 200 versions. While none is ACTIVE, the profile's own filters stand in: shown as version 0."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return RuleSetList(items=await rule_sets.list_(tx, principal.tenant_id, profile_id))


@router.post("/rule-sets/preview", responses=problems(404))
async def preview_rules(profile_id: UUID, body: PreviewRules, principal: Reader, pool: PoolDep) -> Preview:
    """What proposed rules would make of the newest companies, with a reason for each that is out. Nothing is stored."""
    return await rule_trials.preview(pool, principal.tenant_id, profile_id, body)


@router.get("/rule-sets/{rule_set_id}", responses=problems(404))
async def show_rule_set(profile_id: UUID, rule_set_id: UUID, principal: Reader, pool: PoolDep) -> RuleSet:
    """One version with its rules."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await rule_sets.get(tx, principal.tenant_id, profile_id, rule_set_id)


@router.get("/rule-sets/{rule_set_id}/comparison", responses=problems(404))
async def compare_rule_set(profile_id: UUID, rule_set_id: UUID, principal: Reader, pool: PoolDep) -> Comparison:
    """How many of the profile's leads (the newest 1,000 that were looked at) would change their band under this version."""
    return await rule_trials.compare(pool, principal.tenant_id, profile_id, rule_set_id)


@router.post("/rule-sets/{rule_set_id}/promote", responses=problems(404, 409))
async def promote_rule_set(
    profile_id: UUID, rule_set_id: UUID, body: MoveRuleSet, principal: Writer, pool: PoolDep, wake: WakeDep
) -> RuleSetMoved:
    """Let a version decide, also one that was archived. With `rescore` the profile's leads are scored again, newest first."""
    async with transaction(pool, principal.tenant_id) as tx:
        moved = await rule_sets.promote(tx, principal.tenant_id, profile_id, rule_set_id, body, by=principal.name)
    wake.soon()
    return moved


@router.post("/rule-sets/{rule_set_id}/archive", responses=problems(404, 409))
async def archive_rule_set(profile_id: UUID, rule_set_id: UUID, principal: Writer, pool: PoolDep) -> RuleSet:
    """Take a version out of use. Without an ACTIVE one the profile's own filters decide. Again is no error."""
    async with transaction(pool, principal.tenant_id) as tx:
        return await rule_sets.archive(tx, principal.tenant_id, profile_id, rule_set_id, by=principal.name)


@router.get("/candidates", responses=problems(404))
async def list_candidates(
    profile_id: UUID,
    principal: Reader,
    pool: PoolDep,
    page: PageDep,
    verdict: Annotated[CandidateVerdict | None, Query(description="only these")] = None,
    gone: Annotated[bool, Query(description="show companies that were merged since, too")] = False,
) -> CandidatePage:
    """Companies as the last refresh held them against the profile, each that is out with the reason why."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        rows = await candidates.list_(
            tx, principal.tenant_id, profile_id, before=before(page), verdict=verdict, gone=gone, limit=page.limit + 1
        )
    items = rows[: page.limit]
    return CandidatePage(items=items, next_cursor=str(items[-1].id) if len(rows) > page.limit else None)
