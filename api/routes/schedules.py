"""Schedules: what starts by itself, when, and what became of it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.auth import require
from api.deps import PageDep, PoolDep
from api.errors import problems
from contracts.schedules import (
    ChangeSchedule,
    CreateSchedule,
    FirePage,
    NextTimes,
    SchedulePage,
    SchedulePreview,
    ScheduleView,
)
from contracts.tenants import Principal, Role
from db import schedules
from db.transaction import transaction

router = APIRouter(prefix="/v1/schedules", tags=["schedules"])
Operator = Annotated[Principal, Depends(require(Role.OPS))]


@router.post("", status_code=201, responses=problems(404, 409))
async def create(body: CreateSchedule, principal: Operator, pool: PoolDep, response: Response) -> ScheduleView:
    """Add a schedule: a cron expression, read in an IANA zone. Its first occurrence is the next one from now."""
    async with transaction(pool, principal.tenant_id) as tx:
        made = await schedules.create(tx, principal.tenant_id, body, by=principal.name)
    response.headers["Location"] = f"{router.prefix}/{made.id}"
    return made


@router.get("")
async def list_schedules(principal: Operator, pool: PoolDep, page: PageDep) -> SchedulePage:
    """Schedules with their next times and what became of the last one, in the order of their making."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await schedules.list_(tx, principal.tenant_id, cursor=page.cursor, limit=page.limit)


@router.get("/{schedule_id}", responses=problems(404))
async def show(schedule_id: UUID, principal: Operator, pool: PoolDep) -> ScheduleView:
    """One schedule."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await schedules.show(tx, principal.tenant_id, schedule_id)


@router.get("/{schedule_id}/next", responses=problems(404))
async def next_times(
    schedule_id: UUID,
    principal: Operator,
    pool: PoolDep,
    count: Annotated[int, Query(ge=1, le=schedules.MOST_TIMES)] = 10,
) -> NextTimes:
    """When it falls due next, in UTC and on its zone's clocks; never while it is paused."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await schedules.next_times(tx, principal.tenant_id, schedule_id, count)


@router.get("/{schedule_id}/fires", responses=problems(404))
async def list_fires(schedule_id: UUID, principal: Operator, pool: PoolDep, page: PageDep) -> FirePage:
    """What became of its occurrences, newest first: started, skipped or failed, and why."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await schedules.fires(tx, principal.tenant_id, schedule_id, cursor=page.cursor, limit=page.limit)


@router.patch("/{schedule_id}", responses=problems(404))
async def change(schedule_id: UUID, body: ChangeSchedule, principal: Operator, pool: PoolDep) -> ScheduleView:
    """Replace what is named. A schedule that followed the settings does so no longer."""
    async with transaction(pool, principal.tenant_id) as tx:
        return await schedules.change(tx, principal.tenant_id, schedule_id, body, by=principal.name)


@router.post("/{schedule_id}/preview", responses=problems(404))
async def preview(
    schedule_id: UUID,
    body: ChangeSchedule,
    principal: Operator,
    pool: PoolDep,
    count: Annotated[int, Query(ge=1, le=schedules.MOST_TIMES)] = 5,
) -> SchedulePreview:
    """What PATCH with the same body would make of it, and when it would fall due next. Nothing is saved."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await schedules.preview(tx, principal.tenant_id, schedule_id, body, count)


@router.post("/{schedule_id}/pause", responses=problems(404))
async def pause(schedule_id: UUID, principal: Operator, pool: PoolDep) -> ScheduleView:
    """Let nothing fall due until it is resumed. Again is no error."""
    async with transaction(pool, principal.tenant_id) as tx:
        return await schedules.pause(tx, principal.tenant_id, schedule_id, by=principal.name)


@router.post("/{schedule_id}/resume", responses=problems(404))
async def resume(schedule_id: UUID, principal: Operator, pool: PoolDep) -> ScheduleView:
    """Go on with the next occurrence from now; what came by meanwhile is not made up for."""
    async with transaction(pool, principal.tenant_id) as tx:
        return await schedules.resume(tx, principal.tenant_id, schedule_id, by=principal.name)


@router.delete("/{schedule_id}", status_code=204, responses=problems(404))
async def remove(schedule_id: UUID, principal: Operator, pool: PoolDep) -> None:
    """Take it away for good; one that everybody has does not come back."""
    async with transaction(pool, principal.tenant_id) as tx:
        await schedules.remove(tx, principal.tenant_id, schedule_id, by=principal.name)
