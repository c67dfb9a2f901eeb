"""Replays: an ended run, or enrichments, done again from stored answers, looked at first, then applied."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Response

from api.admission import starting
from api.auth import require
from api.deps import PageDep, PoolDep, WakeDep, before
from api.errors import problems
from contracts.run_replays import AskReplay, ReplayLeads, ReplayPage, ReplayView
from contracts.runs import RunView
from contracts.tenants import Principal, Role
from contracts.texts import NoNul
from db import enrichment_replays, run_replays, runs
from db.transaction import transaction

router = APIRouter(prefix="/v1/discovery/runs/{run_id}/replays", tags=["runs"])
leads_router = APIRouter(prefix="/v1/leads/replays", tags=["leads"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
Starter = Annotated[Principal, Depends(starting(Role.OPS))]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$"), NoNul]


@router.post("", status_code=202, responses=problems(404, 409, 429))
async def replay(
    run_id: UUID,
    body: AskReplay,
    principal: Starter,
    pool: PoolDep,
    wake: WakeDep,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> RunView:
    """Do an ended run again from its stored answers, under today's rules. No vendor is asked, nothing is paid.

    The answer is the replay's own run; at its address stands the difference, once it has ended. Nothing else is written
    unless `apply` is true.
    """
    key = (idempotency_key, {"run": str(run_id), "apply": body.apply}) if idempotency_key else None
    tenant = principal.tenant_id
    async with transaction(pool, tenant) as tx:
        replay_id = await run_replays.start(
            tx, tenant, run_id, apply=body.apply, by=principal.name, triggered_by="api", idempotency=key
        )
        made = await runs.show(tx, tenant, replay_id)
    wake.soon()
    assert made is not None
    response.headers["Location"] = f"/v1/discovery/runs/{run_id}/replays/{replay_id}"
    return made


@router.get("", responses=problems(404))
async def list_replays(run_id: UUID, principal: Reader, pool: PoolDep, page: PageDep) -> ReplayPage:
    """Replays of a run, newest first."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await run_replays.of_run(tx, principal.tenant_id, run_id, before=before(page), limit=page.limit + 1)
    items = found[: page.limit]
    return ReplayPage(items=items, next_cursor=str(items[-1].id) if len(found) > page.limit else None)


@router.get("/{replay_id}", responses=problems(404))
async def show_replay(
    run_id: UUID,
    replay_id: UUID,
    principal: Reader,
    pool: PoolDep,
    cursor: Annotated[int, Query(ge=-1, le=2_000_000_000, description="`next_cursor` of the page before")] = -1,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ReplayView:
    """A replay and what differs: how much of what, then one by one. Before its run has ended, nothing does yet."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await run_replays.show(tx, principal.tenant_id, run_id, replay_id, after=cursor, limit=limit)


@leads_router.post("", status_code=202, responses=problems(404, 409, 429))
async def replay_leads(
    body: ReplayLeads,
    principal: Starter,
    pool: PoolDep,
    wake: WakeDep,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> RunView:
    """Do the newest enrichments of leads again from what vendors and sites said then, under today's rules. Nobody is asked.

    The answer is the replay's own run; at its address stands the difference, once it has ended. A lead whose stored answer is gone
    is named there. Nothing else is written unless `apply` is true.
    """
    key = (idempotency_key, body.model_dump(mode="json")) if idempotency_key else None
    tenant = principal.tenant_id
    async with transaction(pool, tenant) as tx:
        replay_id = await enrichment_replays.start(
            tx, tenant, body, by=principal.name, triggered_by="api", idempotency=key
        )
        made = await runs.show(tx, tenant, replay_id)
    wake.soon()
    assert made is not None
    response.headers["Location"] = f"/v1/leads/replays/{replay_id}"
    return made


@leads_router.get("/{replay_id}", responses=problems(404))
async def show_leads_replay(
    replay_id: UUID,
    principal: Reader,
    pool: PoolDep,
    cursor: Annotated[int, Query(ge=-1, le=2_000_000_000, description="`next_cursor` of the page before")] = -1,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ReplayView:
    """A replay of enrichments and what differs: how much of what, then one by one. Before its run has ended, nothing does yet."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await run_replays.show(tx, principal.tenant_id, None, replay_id, after=cursor, limit=limit)
