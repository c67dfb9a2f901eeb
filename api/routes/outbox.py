"""Looking into the outbox and mending it: what waits and why, what was sent and what it led to, replay."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from api.auth import require
from api.deps import PoolDep, SettingsDep, WakeDep
from api.errors import problems
from contracts.outbox import (
    EventDetail,
    EventFilter,
    EventPage,
    EventQuery,
    Explanation,
    Stats,
    Verification,
)
from contracts.pauses import AskPause, Pause
from contracts.replays import ReplayBatches, Replayed, ReplayReport, ReplayRequest, TakenBack
from contracts.tenants import Principal, Role
from contracts.texts import Instant
from contracts.throughput import MINUTES, MOST_MINUTES, Throughput
from db import explanations, inspection, pauses, replays, stats, throughput, verification
from db.transaction import DbRole, transaction

router = APIRouter(prefix="/v1/outbox", tags=["outbox"])
Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]
Ops = Annotated[Principal, Depends(require(Role.OPS))]


@router.get("/events", name="list")
async def list_events(asked: Annotated[EventQuery, Query()], principal: Viewer, pool: PoolDep) -> EventPage:
    """Events by status, type, aggregate, correlation id, error class and age."""
    which = EventFilter.model_validate(asked.model_dump(exclude={"limit", "cursor"}))
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await inspection.list_events(tx, [principal.tenant_id], which, limit=asked.limit, cursor=asked.cursor)


@router.get("/stats", name="stats")
async def show_stats(principal: Viewer, pool: PoolDep, settings: SettingsDep) -> Stats:
    """What stands in the outbox and the queue, how old, how fast it moves, and which limit or pause holds some of it back."""
    mine = [principal.tenant_id]

    async def queue_depth() -> stats.QueueDepth:
        # Counts of the queue, which the app role cannot see; the rows themselves never leave the app role.
        async with transaction(pool, None, role=DbRole.SYSTEM, read_only=True) as tx:
            return await stats.queue_depth(tx, mine, alive_within_s=settings.worker_dead_after_s)

    async def outbox_rows() -> stats.OutboxRows:
        async with transaction(pool, principal.tenant_id, read_only=True) as tx:
            return await stats.outbox_rows(tx, mine)

    read, depth = await asyncio.gather(outbox_rows(), queue_depth())
    return stats.put_together(read, depth)


@router.get("/verify", name="verify")
async def verify(
    principal: Viewer,
    pool: PoolDep,
    since: Annotated[Instant | None, Query(description="events written from then; default: 24 hours ago")] = None,
    until: Annotated[Instant | None, Query(description="events written before then; default: now")] = None,
) -> Verification:
    """Was anything lost, did anything happen twice? Unfinished jobs are checked whatever the window."""
    mine = principal.tenant_id
    async with transaction(pool, None, role=DbRole.SYSTEM, read_only=True) as tx:
        deliveries = await verification.check_deliveries(tx, mine)
    async with transaction(pool, mine, read_only=True) as tx:
        start = since or (until or datetime.now(UTC)) - timedelta(days=1)
        return await verification.verify(tx, mine, deliveries, since=start, until=until)


@router.get("/throughput", name="throughput")
async def show_throughput(
    principal: Viewer,
    pool: PoolDep,
    minutes: Annotated[int, Query(ge=5, le=MOST_MINUTES, description="so far back")] = MINUTES,
) -> Throughput:
    """Events written and sent, jobs ended, and how long they took, minute by minute."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await throughput.series(tx, principal.tenant_id, minutes=minutes)


@router.get("/pause", name="show_pause")
async def show_pause(principal: Viewer, pool: PoolDep) -> Pause:
    """Are this tenant's events held back, by whom, and why?"""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await pauses.show(tx, principal.tenant_id)


@router.post("/pause", name="pause")
async def pause(asked: AskPause, principal: Ops, pool: PoolDep) -> Pause:
    """Start nothing more until it is resumed: events and jobs wait, those that run are finished; nothing is lost."""
    async with transaction(pool, principal.tenant_id) as tx:
        return await pauses.pause(tx, principal.tenant_id, reason=asked.reason, by=principal.name)


@router.post("/resume", name="resume", responses=problems(409))
async def resume(principal: Ops, pool: PoolDep, wake: WakeDep) -> Pause:
    """Go on with what waits. Again is no error."""
    async with transaction(pool, principal.tenant_id) as tx:
        standing = await pauses.resume(tx, principal.tenant_id, by=principal.name)
    wake.soon()
    return standing


@router.get("/replays", name="replays")
async def list_replays(principal: Viewer, pool: PoolDep) -> ReplayBatches:
    """The newest replays of many dead letters, and how much of each still waits."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return ReplayBatches(items=await replays.batches(tx, principal.tenant_id))


@router.post("/replays/{batch_id}/undo", name="undo_replay", responses=problems(404, 409))
async def undo_replay(batch_id: UUID, principal: Ops, pool: PoolDep) -> TakenBack:
    """Take back what of a replay of dead letters still waits untried: those letters are open again."""
    # The app role may put events into the outbox, not take them out; the statement names the tenant.
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return await replays.take_back(tx, principal.tenant_id, batch_id, principal.name)


@router.get("/{event_id}", include_in_schema=False)
@router.get("/events/{event_id}", name="show", responses=problems(404))
async def show_event(event_id: UUID, principal: Viewer, pool: PoolDep) -> EventDetail:
    """One event with its timeline: executions, attempts, vendor calls, the rows they wrote."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await inspection.show_event(tx, [principal.tenant_id], event_id)


@router.get("/{event_id}/explain", include_in_schema=False)
@router.get("/events/{event_id}/explain", name="explain", responses=problems(404))
async def explain(event_id: UUID, principal: Viewer, pool: PoolDep, settings: SettingsDep) -> Explanation:
    """Why has it not been delivered, or what became of it? In plain words, each with the next step."""
    async with transaction(pool, None, role=DbRole.SYSTEM, read_only=True) as tx:
        delivery = await explanations.look_at_delivery(
            tx,
            principal.tenant_id,
            cap=settings.dispatch_tenant_buffer,
            alive_within_s=settings.worker_dead_after_s,
        )
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await explanations.explain(
            tx, [principal.tenant_id], event_id, delivery, max_attempts=settings.outbox_max_attempts
        )


@router.post("/{event_id}/replay", include_in_schema=False, status_code=202)
@router.post("/events/{event_id}/replay", name="replay", status_code=202, responses=problems(404, 409))
async def replay_event(event_id: UUID, principal: Ops, pool: PoolDep, wake: WakeDep) -> Replayed:
    """Send one event again: a sent one as a new event, a dead letter under its own id with no attempts spent."""
    async with transaction(pool, principal.tenant_id) as tx:
        replayed = await replays.replay_event(tx, [principal.tenant_id], event_id, principal.name)
    wake.soon()
    return replayed


@router.post("/replay", name="replay_many", status_code=202, responses=problems(409))
async def replay_many(asked: ReplayRequest, principal: Ops, pool: PoolDep, wake: WakeDep) -> ReplayReport:
    """Replay what a filter finds, dead letters unless it says otherwise; `dry_run` only counts."""
    async with transaction(pool, principal.tenant_id) as tx:
        report = await replays.replay_many(tx, [principal.tenant_id], asked, principal.name)
    if report.replayed:
        wake.soon()
    return report
