"""discovery.dry_run: ask as a real run does, apply everything in one transaction, read the counts, roll back (R3).

Paid pages are answered from stored answers only, else counted as what they would cost. Asking goes in rounds: after each, the
pages so far are rehearsed to see, by the rules of the real run, which slices would read on.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from contracts.errors import Hopeless, Rejected, TryLater, VendorBusy
from contracts.jobs import JOBS, RunDiscovery
from contracts.outcomes import TIME_BUDGET
from contracts.providers import Channel, Page
from contracts.runs import RunStatus, RunView, SliceView
from db import ledger, runs, slices
from db.transaction import CONTENTION, Tx, transaction
from worker import ask
from worker.context import Context, RunOver
from worker.discovery import plan
from worker.discovery.jobs import log_end, write_page

log = structlog.get_logger("worker")

#: The slice would go on, but its next page costs money and no stored answer stands in for it.
WOULD_COST = "would_cost"


@dataclass(slots=True)
class _Heard:
    """What a slice has said so far."""

    channel: Channel
    query: str
    cursor: str | None
    vendor: str = ""
    pages: list[Page] = field(default_factory=list)
    would_cost: float = 0.0
    error: tuple[str, str] | None = None
    wants: bool = True


class _RolledBack(Exception):
    """Ends the rehearsal's transaction without a trace."""


async def dry_run(ctx: Context, args: RunDiscovery) -> None:
    """Rehearse a discovery run. Business tables keep every row and xmin; the run's own row gets the counts."""
    async with ctx.unfenced() as tx:
        standing = await runs.peek(tx, ctx.tenant, args.run_id)
        if standing is None or standing.status.ended:
            raise RunOver
        await runs.begin(tx, ctx.tenant, args.run_id, standing.params.max_runtime_seconds)
    log.info("discovery_run_started", mode=standing.mode, dryRun=True)
    heard = [_Heard(*wanted) for wanted in plan.slices(standing.params)]
    seen = await _rehearse(ctx, args.run_id, heard)
    while any(h.wants for h in heard):
        for h in heard:
            if h.wants:
                await _ask(ctx, h, standing.params.page_size)
        seen = await _rehearse(ctx, args.run_id, heard)
    async with ctx.write() as tx:
        locked = await runs.lock(tx, ctx.tenant, args.run_id)
        if locked is None or locked.status is not RunStatus.RUNNING:
            raise RunOver
        ended = await runs.end_rehearsed(tx, ctx.tenant, args.run_id, seen)
    log_end(args.run_id, ended)


async def _ask(ctx: Context, h: _Heard, size: int) -> None:
    """Read the next page of a slice, or note why it cannot be read."""
    cursor = h.pages[-1].next_cursor if h.pages else h.cursor
    try:
        port = ctx.ports.company_search(h.channel)
        h.vendor = port.vendor
        if port.billable:
            item = ask.item_for(port, h.query, cursor, size)
            async with ctx.read() as tx:
                stored = await ledger.look(tx, ctx.tenant, item)
            if not isinstance(stored, ledger.Stored):
                h.would_cost += ask.worst_case(port, size)
                h.wants = False
                return
            page = Page.model_validate(stored.response)
        else:
            page, _, _ = await ask.page(ctx, port, h.query, cursor, size)
    except (Hopeless, Rejected) as error:
        h.error, h.wants = (error.code, error.detail), False
    except TryLater as error:
        last = ctx.delivery.failures + 1 >= JOBS["discovery.dry_run"].retry.max_attempts
        if isinstance(error, VendorBusy) or not last:
            raise
        h.error, h.wants = (error.code, error.detail), False
    else:
        h.pages.append(page)


async def _rehearse(ctx: Context, run_id: UUID, heard: list[_Heard]) -> RunView:
    """Apply all pages so far in a transaction that rolls back; returns the run as it would stand. Gives way to real runs."""
    while True:
        try:
            return await _rehearse_once(ctx, run_id, heard)
        except CONTENTION as error:
            log.info("rehearsal_gave_way", runId=str(run_id), error=str(error))
        await asyncio.sleep(random.uniform(0.05, 0.3))  # noqa: S311


async def _rehearse_once(ctx: Context, run_id: UUID, heard: list[_Heard]) -> RunView:
    seen: RunView | None = None
    try:
        async with transaction(ctx.pool, ctx.tenant) as tx:
            await runs.yield_early(tx)
            seen = await _apply(tx, ctx.tenant, run_id, heard)
            raise _RolledBack
    except _RolledBack:
        assert seen is not None
        return seen


async def _apply(tx: Tx, tenant: UUID, run_id: UUID, heard: list[_Heard]) -> RunView:
    if await runs.lock(tx, tenant, run_id) is None:
        raise RunOver
    ids = await slices.plan(tx, tenant, run_id, [(h.channel, h.query, h.cursor) for h in heard])
    rounds = max((len(h.pages) for h in heard), default=0)
    for n in range(rounds):
        for h, slice_id in zip(heard, ids, strict=True):
            of = await slices.get(tx, tenant, slice_id)
            standing = await runs.lock(tx, tenant, run_id)
            if n >= len(h.pages) or of is None or of.state != "open" or standing is None:
                continue
            reason = plan.enough(
                standing.params,
                created=standing.created_companies,
                discovered=standing.discovered,
                expired=standing.expired,
            )
            if reason is not None:
                await slices.close(tx, tenant, of.id, "error" if reason == TIME_BUDGET else "done", stop_reason=reason)
            else:
                await write_page(tx, tenant, of, h.vendor, h.pages[n], standing)
    return await _ending(tx, tenant, run_id, heard, ids)


async def _ending(tx: Tx, tenant: UUID, run_id: UUID, heard: list[_Heard], ids: list[UUID]) -> RunView:
    """Read the counts; say of each slice whether it wants another page and how it would stand."""
    run = await runs.show(tx, tenant, run_id)
    if run is None or run.slices is None:
        raise RunOver
    standing = await runs.lock(tx, tenant, run_id)
    reason = standing and plan.enough(
        standing.params, created=standing.created_companies, discovered=standing.discovered, expired=standing.expired
    )
    views: list[SliceView] = []
    for h, slice_id, view in zip(heard, ids, run.slices, strict=True):
        assert view.id == slice_id
        h.wants = h.wants and view.state == "open" and reason is None
        if h.error is not None:
            view = view.model_copy(update={"state": "error", "error_code": h.error[0], "error": h.error[1]})
        elif h.would_cost:
            view = view.model_copy(update={"state": "done", "stop_reason": WOULD_COST, "would_cost": h.would_cost})
        elif view.state == "open" and reason is not None:
            view = view.model_copy(
                update={"state": "error" if reason == TIME_BUDGET else "done", "stop_reason": reason}
            )
        views.append(view)
    errors = sum(v.state == "error" for v in views)
    return run.model_copy(update={"slices": views, "counts": run.counts.model_copy(update={"errors": errors})})
