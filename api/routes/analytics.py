"""Daily figures of a tenant, and the runs that work them out."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import ValidationError

from api.admission import starting
from api.auth import require
from api.deps import PageDep, PoolDep, WakeDep
from api.errors import problems
from contracts.analytics import DailyPage, Day, Funnel, RequestRollup, Span
from contracts.errors import Invalid, NotFound
from contracts.misfits import in_words
from contracts.runs import RunView
from contracts.tenants import Principal, Role
from contracts.texts import NoNul
from db import analytics, runs
from db.transaction import Tx, transaction

router = APIRouter(prefix="/v1/analytics", tags=["analytics"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
Starter = Annotated[Principal, Depends(starting(Role.OPS))]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$"), NoNul]
From = Annotated[Day | None, Query(alias="from", description="first day, UTC; absent: 29 days before `to`")]
To = Annotated[Day | None, Query(description="last day, UTC; absent: today")]
#: Days that are shown when nobody says which.
SHOWN = 30


@router.get("/daily")
async def daily(
    principal: Reader,
    pool: PoolDep,
    page: PageDep,
    first: From = None,
    to: To = None,
    metric: Annotated[str | None, Query(pattern=r"^[a-z][a-z0-9_]{0,99}$", description="one metric by name")] = None,
) -> DailyPage:
    """Figures by day and name, as of the last roll-up. Days begin at 00:00 UTC."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        span = await _span(tx, first, to)
        return await analytics.daily(tx, principal.tenant_id, span, metric=metric, cursor=page.cursor, limit=page.limit)


@router.get("/funnel")
async def funnel(principal: Reader, pool: PoolDep, first: From = None, to: To = None) -> Funnel:
    """How far leads came: each counts once in a stage, on the day it reached it. With the cost of a qualified lead."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await analytics.show_funnel(tx, principal.tenant_id, await _span(tx, first, to))


async def _span(tx: Tx, first: Day | None, to: Day | None) -> Span:
    """Raises: Invalid when the days are out of order or too many."""
    last = to or await analytics.today(tx)
    try:
        return Span(first=first or last - timedelta(days=SHOWN - 1), last=last)
    except ValidationError as error:
        raise Invalid(in_words(error.errors(include_url=False)[0])) from None


@router.post("/rollups", status_code=202, responses=problems(409, 429))
async def roll_up(
    body: RequestRollup,
    principal: Starter,
    pool: PoolDep,
    wake: WakeDep,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> RunView:
    """Work out the figures of these days anew; late facts correct them, and a second time changes nothing."""
    key = (idempotency_key, body.model_dump(mode="json")) if idempotency_key else None
    async with transaction(pool, principal.tenant_id) as tx:
        run_id = await analytics.request_rollup(
            tx, principal.tenant_id, body, by=principal.name, triggered_by="api", idempotency=key
        )
        run = await runs.show(tx, principal.tenant_id, run_id)
    wake.soon()
    if run is None:
        raise NotFound("the run was cleaned away at once: ask again", code="run_not_found")
    response.headers["Location"] = f"/v1/discovery/runs/{run_id}"
    return run
