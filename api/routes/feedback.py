"""Feedback: what became of a lead."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from api.auth import require
from api.deps import PageDep, PoolDep, WakeDep, before
from api.errors import problems
from contracts.learning import FeedbackPage, FeedbackRow, GiveFeedback
from contracts.tenants import Principal, Role
from db import feedback, labels
from db.transaction import transaction

router = APIRouter(prefix="/v1/leads", tags=["learning"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
Writer = Annotated[Principal, Depends(require(Role.ANALYST))]


@router.post("/{lead_id}/feedback", status_code=201, responses=problems(404, 409))
async def give(
    lead_id: UUID, body: GiveFeedback, principal: Writer, pool: PoolDep, wake: WakeDep, response: Response
) -> FeedbackRow:
    """Say what became of a lead. The same `source_event` of a source again hands back the first; saying something else is a 409."""
    async with transaction(pool, principal.tenant_id) as tx:
        given, _ = await feedback.give(tx, principal.tenant_id, lead_id, body, by=principal.name)
    wake.soon()
    response.headers["Location"] = f"{router.prefix}/{lead_id}/feedback"
    return given


@router.get("/{lead_id}/feedback", responses=problems(404))
async def list_feedback(lead_id: UUID, principal: Reader, pool: PoolDep, page: PageDep) -> FeedbackPage:
    """What was said about a lead, newest first, and the labels made of it."""
    tenant = principal.tenant_id
    async with transaction(pool, tenant, read_only=True) as tx:
        found = await feedback.list_(tx, tenant, lead_id, before=before(page), limit=page.limit + 1)
        made = await labels.of_lead(tx, tenant, lead_id)
    items = found[: page.limit]
    more = str(items[-1].id) if len(found) > page.limit else None
    return FeedbackPage(items=items, labels=made, next_cursor=more)
