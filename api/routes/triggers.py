"""Triggers: what a tenant wants watched, and when each fired."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.auth import require
from api.deps import PageDep, PoolDep, before
from api.errors import problems
from contracts.tenants import Principal, Role
from contracts.triggers import ChangeTrigger, CreateTrigger, Trigger, TriggerExecutionPage, TriggerPage
from db import triggers
from db.transaction import transaction

router = APIRouter(prefix="/v1/triggers", tags=["triggers"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
Writer = Annotated[Principal, Depends(require(Role.OPS))]


@router.post("", status_code=201, responses=problems(409))
async def add(body: CreateTrigger, principal: Writer, pool: PoolDep, response: Response) -> Trigger:
    """Watch something. It is looked at by the job accounts.triggers, every six hours unless scheduled otherwise."""
    async with transaction(pool, principal.tenant_id) as tx:
        added = await triggers.add(tx, principal.tenant_id, body, by=principal.name)
    response.headers["Location"] = f"/v1/triggers/{added.id}"
    return added


@router.get("")
async def list_triggers(principal: Reader, pool: PoolDep, page: PageDep) -> TriggerPage:
    """Triggers, newest first."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await triggers.list_(tx, principal.tenant_id, before=before(page), limit=page.limit + 1)
    items = found[: page.limit]
    return TriggerPage(items=items, next_cursor=str(items[-1].id) if len(found) > page.limit else None)


@router.get("/executions")
async def executions(
    principal: Reader,
    pool: PoolDep,
    page: PageDep,
    trigger_id: UUID | None = None,
    subject_id: Annotated[UUID | None, Query(description="a company, a SKU or a sample")] = None,
) -> TriggerExecutionPage:
    """When which trigger fired for what, newest first."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await triggers.executions(
            tx, principal.tenant_id, before=before(page), trigger_id=trigger_id, subject_id=subject_id, limit=page.limit + 1
        )  # fmt: skip
    items = found[: page.limit]
    return TriggerExecutionPage(items=items, next_cursor=str(items[-1].id) if len(found) > page.limit else None)


@router.get("/{trigger_id}", responses=problems(404))
async def show(trigger_id: UUID, principal: Reader, pool: PoolDep) -> Trigger:
    """One trigger."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await triggers.show(tx, principal.tenant_id, trigger_id)


@router.patch("/{trigger_id}", responses=problems(404, 409))
async def change(trigger_id: UUID, body: ChangeTrigger, principal: Writer, pool: PoolDep) -> Trigger:
    """Replace what is named; `enabled` false keeps it without watching."""
    async with transaction(pool, principal.tenant_id) as tx:
        return await triggers.change(tx, principal.tenant_id, trigger_id, body, by=principal.name)


@router.delete("/{trigger_id}", status_code=204, responses=problems(404))
async def remove(trigger_id: UUID, principal: Writer, pool: PoolDep) -> None:
    """Delete a trigger with its history; its alerts close."""
    async with transaction(pool, principal.tenant_id) as tx:
        await triggers.remove(tx, principal.tenant_id, trigger_id, by=principal.name)
