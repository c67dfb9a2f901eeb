"""discovery.run plans the slices, discovery.fetch reads one page of one slice, discovery.dry_run rehearses the whole."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import structlog

from contracts.jobs import FetchPage, Payload, RunDiscovery
from contracts.outcomes import TIME_BUDGET, Outcome
from contracts.providers import Channel, FoundCompany, Page
from contracts.runs import RunStatus
from db import leads, ledger, runs, slices
from db.runs import Standing
from db.slices import Slice
from db.transaction import Tx
from worker import ask
from worker.context import Context, RunOver, Stopped
from worker.discovery import plan

log = structlog.get_logger("worker")


async def run(ctx: Context, args: RunDiscovery) -> None:
    """Plan: pending -> running, slices written, their first pages emitted."""
    async with ctx.read() as tx:
        standing = await runs.peek(tx, ctx.tenant, args.run_id)
    if standing is None or standing.status is not RunStatus.PENDING:
        return
    wanted = plan.slices(standing.params)
    async with ctx.write() as tx:
        if not await runs.begin(tx, ctx.tenant, args.run_id, standing.params.max_runtime_seconds):
            raise RunOver
        await slices.plan(tx, ctx.tenant, args.run_id, wanted)
        if not wanted:
            await runs.end(tx, ctx.tenant, args.run_id)
    log.info("discovery_run_started", mode=standing.mode, dryRun=False, slices=len(wanted))


async def fetch(ctx: Context, args: FetchPage) -> None:
    """Read one page: ask, then commit its records, the next page and the done mark together."""
    async with ctx.read() as tx:
        standing = await runs.peek(tx, ctx.tenant, args.run_id)
        of = await slices.get(tx, ctx.tenant, args.slice_id)
    if standing is None or of is None or standing.status.ended:
        raise RunOver
    if of.state != "open" or of.page != args.page:
        return
    if reason := _enough(standing):
        await _close(ctx, of, reason)
        return
    port = ctx.ports.company_search(Channel(of.channel))
    page, item, asked = await ask.page(ctx, port, of.query, of.cursor, standing.params.page_size)
    await _save(ctx, of, port.vendor, page, item)
    log.info(
        "discovery_page_saved", channel=of.channel, query=of.query, page=of.page, found=len(page.companies), asked=asked
    )


def _enough(standing: Standing) -> str | None:
    return plan.enough(
        standing.params, created=standing.created_companies, discovered=standing.discovered, expired=standing.expired
    )


async def _close(ctx: Context, of: Slice, reason: str) -> None:
    async with ctx.write() as tx:
        await runs.lock(tx, ctx.tenant, of.run_id)
        state: slices.SliceEnd = "error" if reason == TIME_BUDGET else "done"
        ended = await slices.close(tx, ctx.tenant, of.id, state, stop_reason=reason)
    log_end(of.run_id, ended)


async def _save(ctx: Context, of: Slice, vendor: str, page: Page, item: ledger.Item) -> None:
    async with ctx.write() as tx:
        standing = await runs.lock(tx, ctx.tenant, of.run_id)
        if standing is None or standing.status is not RunStatus.RUNNING or await _moved_on(tx, ctx.tenant, of):
            raise RunOver
        enrich = ctx.settings.enrich_discovered
        ended = await write_page(tx, ctx.tenant, of, vendor, page, standing, enrich=enrich)
        stored = await ledger.look(tx, ctx.tenant, item)
        if isinstance(stored, ledger.Stored):
            await ledger.link(tx, ctx.tenant, of.run_id, stored.item_id, of.id, of.page)
    log_end(of.run_id, ended)


async def _moved_on(tx: Tx, tenant: UUID, of: Slice) -> bool:
    """Was the slice closed, or read further, while we asked? The run is locked, so the answer holds."""
    now = await slices.get(tx, tenant, of.id)
    return now is None or (now.state, now.page) != ("open", of.page)


async def write_page(
    tx: Tx, tenant: UUID, of: Slice, vendor: str, page: Page, standing: Standing, *, enrich: bool = False
) -> RunStatus | None:
    """Apply one page to the database; the run is locked. Shared by real runs and rehearsals, so their counts agree."""
    params = standing.params
    companies: tuple[FoundCompany, ...] = page.companies
    if params.limit is not None:
        companies = companies[: max(0, params.limit - standing.discovered)]
    room = params.max_companies - standing.created_companies
    added = await leads.save_page(
        tx, tenant, of, vendor, companies, room=room, icp_profile_id=params.icp_profile_id, enrich=enrich
    )
    await slices.advance(tx, tenant, of, added, next_cursor=page.next_cursor)
    after = replace(
        standing,
        created_companies=standing.created_companies + added.companies_created,
        discovered=standing.discovered + added.discovered,
    )
    reason = _enough(after)
    if page.next_cursor is None or reason is not None:
        capped = reason if reason != TIME_BUDGET or page.next_cursor is not None else None
        state: slices.SliceEnd = "error" if capped == TIME_BUDGET else "done"
        return await slices.close(tx, tenant, of.id, state, stop_reason=capped)
    await slices.next_page(tx, tenant, of)
    return None


async def fetch_stopped(tx: Tx, tenant: UUID, args: Payload, stopped: Stopped) -> None:
    """A page was given up: its slice closes in error, the others go on (S0.09)."""
    assert isinstance(args, FetchPage)
    if await runs.lock(tx, tenant, args.run_id) is None:
        return
    state: slices.SliceEnd = (
        "cancelled" if stopped.state == "cancelled" else "dead" if stopped.state == "quarantined" else "error"
    )
    ended = await slices.close(tx, tenant, args.slice_id, state, error_code=stopped.error_class, error=stopped.error)
    log.warning(
        "discovery_channel_error", sliceId=str(args.slice_id), error=stopped.error, errorClass=stopped.error_class
    )
    log_end(args.run_id, ended)


async def run_stopped(tx: Tx, tenant: UUID, args: Payload, stopped: Stopped) -> None:
    """Planning was given up: the run fails with the reason."""
    assert isinstance(args, RunDiscovery)
    standing = await runs.lock(tx, tenant, args.run_id)
    if standing is None or standing.status.ended:
        return
    status = RunStatus.CANCELLED if stopped.state == "cancelled" else RunStatus.FAILED
    log_end(args.run_id, await runs.end(tx, tenant, args.run_id, Outcome(status, stopped.error_class, stopped.error)))


def log_end(run_id: UUID, ended: RunStatus | None) -> None:
    """Log the end of a run, where it came (S0.15)."""
    if ended is not None:
        event = "discovery_run_failed" if ended is RunStatus.FAILED else "discovery_run_finished"
        log.info(event, runId=str(run_id), status=ended.value)
