"""Discovery runs: asked for, watched, cancelled, inspected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, Field
from pydantic_core import to_json

from api.admission import starting
from api.auth import require
from api.deps import Page, PageDep, PoolDep, SettingsDep, WakeDep, before
from api.errors import problems
from contracts.errors import Forbidden, Invalid, NotFound, Unauthenticated
from contracts.run_records import RecordFilter, RecordPage, RecordQuery
from contracts.runs import CreateRun, Inspection, RunCheck, RunMode, RunPage, RunStatus, RunView, Timeline
from contracts.tenants import Principal, Role
from contracts.texts import NoNul
from db import discovery_queries, profiles, run_records, runs, story
from db.transaction import Pool, Tx, transaction

T = TypeVar("T")
router = APIRouter(prefix="/v1/discovery/runs", tags=["runs"])
_reads = require(Role.VIEWER)
Reader = Annotated[Principal, Depends(_reads)]
Starter = Annotated[Principal, Depends(starting(Role.ANALYST))]
Canceller = Annotated[Principal, Depends(require(Role.ANALYST))]
#: A time with its zone, no earlier than anything we wrote, and no later than Postgres and Python both can say.
At = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), le=datetime(9999, 1, 1, tzinfo=UTC))]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$"), NoNul]

#: How often the progress stream looks, and how long it lasts at most, in seconds.
LOOK_S = 0.5
LONGEST_S = 3600.0


@router.post("", status_code=202, responses=problems(404, 409, 429))
async def create(
    body: CreateRun,
    principal: Starter,
    pool: PoolDep,
    settings: SettingsDep,
    wake: WakeDep,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> RunView:
    """Ask for a run. Its row and its event are committed together; the answer does not wait for the work.

    The same `Idempotency-Key` with the same body hands back the first run; with another body it is a 409.
    """
    async with transaction(pool, principal.tenant_id) as tx:
        await profiles.require_open(tx, principal.tenant_id, body.icp_profile_id)
        params = await discovery_queries.params_of(tx, principal.tenant_id, body, settings)
        run_id, is_new = await runs.start(
            tx,
            principal.tenant_id,
            params,
            mode=body.mode,
            dry_run=body.dry_run,
            triggered_by="api",
            requested_by=principal.name,
            idempotency=(idempotency_key, body.model_dump(mode="json")) if idempotency_key else None,
            headers=_trace(request),
        )
        if is_new and not body.dry_run:
            await discovery_queries.note_use(tx, principal.tenant_id, params)
        run = await (runs.show_new if is_new else _shown)(tx, principal.tenant_id, run_id)
    wake.soon()
    response.headers["Location"] = f"{router.prefix}/{run_id}"
    return run


def _trace(request: Request) -> dict[str, str]:
    """The caller's trace context travels with the event."""
    return {k: v for k in ("traceparent", "tracestate") if (v := request.headers.get(k)) and len(v) <= 512}


@router.get("")
async def list_runs(
    principal: Reader,
    pool: PoolDep,
    page: PageDep,
    status: Annotated[list[RunStatus] | None, Query(max_length=6)] = None,
    mode: RunMode | None = None,
    dry_run: bool | None = None,
) -> RunPage:
    """Runs, newest first."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await runs.list_(
            tx,
            principal.tenant_id,
            before=before(page),
            statuses=status,
            mode=mode,
            dry_run=dry_run,
            kind="discovery",
            limit=page.limit + 1,
        )
    return RunPage(items=found[: page.limit], next_cursor=_next(found, page))


def _next(found: list[RunView], page: Page) -> str | None:
    return str(found[page.limit - 1].id) if len(found) > page.limit else None


@router.get("/{run_id}", responses=problems(404))
async def show(run_id: UUID, principal: Reader, pool: PoolDep) -> RunView:
    """One run with its slices, counts and, once it has ended, its stats."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await _shown(tx, principal.tenant_id, run_id)


@router.post("/{run_id}/cancel", responses=problems(404, 409))
async def cancel(run_id: UUID, principal: Canceller, pool: PoolDep, wake: WakeDep) -> RunView:
    """End a run now. What it has committed stays; what its jobs are about to write is rolled back."""
    async with transaction(pool, principal.tenant_id) as tx:
        await runs.cancel(tx, principal.tenant_id, run_id, by=principal.name)
        run = await _shown(tx, principal.tenant_id, run_id)
    wake.soon()
    return run


@router.post("/{run_id}/inspect", responses=problems(404))
async def inspect(run_id: UUID, principal: Reader, pool: PoolDep) -> Inspection:
    """Everything a run read and did, for debugging; changes nothing."""
    async with transaction(pool, principal.tenant_id) as tx:
        return _found(await story.inspect(tx, principal.tenant_id, run_id), run_id)


@router.get("/{run_id}/timeline", responses=problems(404))
async def timeline(
    run_id: UUID,
    principal: Reader,
    pool: PoolDep,
    limit: Annotated[int, Query(ge=1, le=5000)] = 500,
    since: Annotated[At | None, Query(alias="from", description="only what lasted until then, or came later")] = None,
    until: Annotated[At | None, Query(alias="to", description="only what had begun by then")] = None,
) -> Timeline:
    """What happened: request, events, jobs, attempts, vendor calls, slices, leads, oldest first."""
    if since is not None and until is not None and since > until:
        raise Invalid("from is later than to: give the earlier time first", code="empty_window")
    window = {k: v for k, v in (("since", since), ("until", until)) if v is not None}
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return _found(await story.timeline(tx, principal.tenant_id, run_id, limit=limit, **window), run_id)


@router.get("/{run_id}/records", responses=problems(404))
async def list_records(
    run_id: UUID, asked: Annotated[RecordQuery, Query()], principal: Reader, pool: PoolDep
) -> RecordPage:
    """What a discovery run read, record by record, newest first: what became of each, and the company it led to."""
    which = RecordFilter.model_validate(asked.model_dump(exclude={"limit", "cursor"}))
    start = before(Page(asked.limit, asked.cursor))
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await run_records.list_(tx, principal.tenant_id, run_id, which, before=start, limit=asked.limit)
        return _found(found, run_id)


@router.get("/{run_id}/verify", responses=problems(404))
async def verify(run_id: UUID, principal: Reader, pool: PoolDep) -> RunCheck:
    """Was anything of this run lost or done twice?"""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return _found(await story.verify(tx, principal.tenant_id, run_id), run_id)


@router.get(
    "/{run_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {"example": 'event: progress\ndata: {"status": "running"}\n\n'}}},
        **problems(404),
    },
)
async def events(run_id: UUID, principal: Reader, pool: PoolDep, request: Request) -> StreamingResponse:
    """Progress as server-sent events: `progress` on every change, `end` with the final run, then the stream closes."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        await _shown(tx, principal.tenant_id, run_id)
    stream = _progress(pool, principal.tenant_id, run_id, request)
    return StreamingResponse(stream, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _progress(pool: Pool, tenant: UUID, run_id: UUID, request: Request) -> AsyncIterator[bytes]:
    """Look every half second; say something only when something changed, and now and then that we are still here."""
    last, silent = b"", 0.0
    stopping: asyncio.Event = request.app.state.stopping
    deadline = asyncio.get_running_loop().time() + LONGEST_S
    while asyncio.get_running_loop().time() < deadline:
        if not await _still_welcome(request):
            return
        async with transaction(pool, tenant) as tx:
            run = await _shown(tx, tenant, run_id)
        body = to_json(run.model_dump(mode="json", exclude={"duration_s", "remaining_ms"}))
        if run.status.ended:
            yield b"event: end\ndata: " + body + b"\n\n"
            return
        if body != last:
            last, silent = body, 0.0
            yield b"event: progress\ndata: " + body + b"\n\n"
        elif (silent := silent + LOOK_S) >= 15:
            silent = 0.0
            yield b": still here\n\n"
        try:
            await asyncio.wait_for(stopping.wait(), LOOK_S)
        except TimeoutError:
            continue
        return


async def _still_welcome(request: Request) -> bool:
    """An answer may outlive the credentials it was asked with; then it ends."""
    try:
        await _reads(request)
    except (Unauthenticated, Forbidden):
        return False
    return True


async def _shown(tx: Tx, tenant: UUID, run_id: UUID) -> RunView:
    return _found(await runs.show(tx, tenant, run_id, costs=True), run_id)


def _found(thing: T | None, run_id: UUID) -> T:
    if thing is None:
        raise NotFound(f"no run {run_id}", code="run_not_found")
    return thing
