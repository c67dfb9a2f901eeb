"""opportunities.run plans a slice a NAICS code, .fetch reads one page of one, .share and .evaluate hold what came against profiles.

All four are jobs of the reserved tenant `system`: the codes are all tenants', the key and its budget the house's, the notices are
stored once. What concerns a tenant is copied to it and evaluated for it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

import structlog

from contracts.errors import VendorRefused
from contracts.findings import FoundOpportunity, OpportunityPage, OpportunityQuery
from contracts.jobs import EvaluateOpportunities, FetchPage, Payload, RunOpportunities
from contracts.opportunities import SAM
from contracts.outcomes import TIME_BUDGET, Outcome
from contracts.runs import Counts, RunStatus
from db import ledger, opportunities, runs, slices
from db.slices import Slice
from db.transaction import Tx, act_for_all
from worker import ask
from worker.context import Context, RunOver, Stopped
from worker.opportunities import plan
from worker.opportunities.evaluate import verdict
from worker.opportunities.plan import Place

log = structlog.get_logger("worker")

OPERATION = "sam.opportunities"
#: Nobody may be asked any more today: the slice ends in error without a dead letter, and tomorrow's run goes on there.
SPENT = ("budget_spent", "vendor_quota")
#: Pairs of notice and profile that one job evaluates.
ROUND = 2000


async def run(ctx: Context, args: RunOpportunities) -> None:
    """Plan: pending -> running, a slice for each code of any tenant's profile, each from its own cursor."""
    async with ctx.read() as tx:
        standing = await runs.peek(tx, ctx.tenant, args.run_id)
        await act_for_all(tx, ctx.tenant)
        codes, today = await opportunities.codes(tx)
        known = await opportunities.cursors(tx, ctx.tenant, SAM, codes)
    if standing is None or standing.status is not RunStatus.PENDING:
        return
    if codes:
        ctx.ports.operation(OPERATION)  # absent: the run fails with the reason, before anything is planned
    # Whoever waited longest comes first: with more codes than calls a day, the last of the alphabet would never be asked.
    codes.sort(key=lambda code: (_moved_at(known.get(code)), code))
    places = {code: _start(today, known.get(code)) for code in codes}
    async with ctx.write() as tx:
        if not await runs.begin(tx, ctx.tenant, args.run_id, standing.params.max_runtime_seconds):
            raise RunOver
        since = min((p.first for p in places.values()), default=today)
        await opportunities.note_plan(tx, ctx.tenant, args.run_id, codes, since, today)
        wanted = [(SAM, code, place.encode()) for code, place in places.items()]
        await slices.plan(tx, ctx.tenant, args.run_id, wanted, kind="opportunities")
        if not wanted:
            await runs.end(tx, ctx.tenant, args.run_id)
    log.info("opportunities_run_started", codes=len(codes), postedFrom=str(since), postedTo=str(today))


def _moved_at(cursor: opportunities.Cursor | None) -> datetime:
    return cursor.moved_at if cursor and cursor.moved_at else datetime.min.replace(tzinfo=UTC)


def _start(today: date, cursor: opportunities.Cursor | None) -> Place:
    if cursor is None:
        return plan.start(today)
    if cursor.place is not None:
        try:
            return Place.decode(cursor.place)
        except ValueError:  # another version's: the slice begins anew
            log.warning(
                "place_unreadable",
                place=cursor.place,
                nextStep="none: its code is read from where it was read to its end",
            )
    return plan.start(today, watermark=cursor.watermark, asked=(cursor.asked_from, cursor.asked_to))


async def fetch(ctx: Context, args: FetchPage) -> None:
    """Read one page: ask, then commit its notices, the next page or the slice's cursor, and the done mark together."""
    async with ctx.read() as tx:
        standing = await runs.peek(tx, ctx.tenant, args.run_id)
        of = await slices.get(tx, ctx.tenant, args.slice_id)
    if standing is None or of is None or standing.status.ended:
        raise RunOver
    if of.state != "open" or of.page != args.page:
        return
    if standing.expired:
        await _close(ctx, of, stop_reason=TIME_BUDGET)
        return
    place = Place.decode(of.cursor or "")
    query = OpportunityQuery(
        naics=of.query,
        posted_from=str(place.since),
        posted_to=str(place.to),
        limit=opportunities.PAGE,
        offset=place.offset,
    )
    try:
        reply, item_id = await ask.item(ctx, ctx.ports.operation(OPERATION), query)
    except VendorRefused as error:
        if error.code not in SPENT:
            raise
        await _close(ctx, of, error=error)
        return
    await _save(ctx, of, place, reply.value or OpportunityPage(), item_id)


async def _close(
    ctx: Context, of: Slice, *, stop_reason: str | None = None, error: VendorRefused | None = None
) -> None:
    """Nobody may be asked any more: the slice ends in error, and the next run goes on at the page that was not asked for."""
    async with ctx.write() as tx:
        await runs.lock(tx, ctx.tenant, of.run_id)
        if of.page and of.cursor:  # else it stands where this run began it
            await opportunities.keep_place(tx, ctx.tenant, SAM, of.query, of.cursor, run_id=of.run_id)
        ended = await slices.close(
            tx,
            ctx.tenant,
            of.id,
            "error",
            stop_reason=stop_reason,
            error_code=error.code if error else None,
            error=error.detail if error else None,
        )
    log.warning("opportunities_slice_stopped", code=of.query, reason=stop_reason or (error and error.code))
    _log_end(of.run_id, ended)


async def _save(ctx: Context, of: Slice, place: Place, page: OpportunityPage, item_id: UUID | None) -> None:
    notices = plan.under(of.query, page.opportunities)
    async with ctx.write() as tx:
        standing = await runs.lock(tx, ctx.tenant, of.run_id)
        now = await slices.get(tx, ctx.tenant, of.id)
        if standing is None or standing.status is not RunStatus.RUNNING:
            raise RunOver
        if now is None or (now.state, now.page) != ("open", of.page):
            raise RunOver
        saved = await opportunities.save(tx, ctx.tenant, SAM, notices, slice_id=of.id, window=place.window)
        await opportunities.count(
            tx, ctx.tenant, of.run_id, opportunities_found=saved.found, opportunities_new=saved.new,
            opportunities_updated=saved.updated, opportunities_unchanged=saved.unchanged,
        )  # fmt: skip
        if item_id is not None:
            await ledger.link(tx, ctx.tenant, of.run_id, item_id, of.id, of.page)
        ended = await _go_on(tx, ctx.tenant, of, place, page, saved)
    log.info(
        "opportunities_page_saved", code=of.query, page=of.page, dropped=page.dropped, found=saved.found, new=saved.new
    )
    _log_end(of.run_id, ended)


async def _go_on(
    tx: Tx, tenant: UUID, of: Slice, place: Place, page: OpportunityPage, saved: opportunities.Saved
) -> RunStatus | None:
    """Emit the next page, or close the slice; only a slice that was read to its end moves its cursor."""
    following = plan.after(
        place, total=page.total, given=saved.given, repeated=saved.repeated, posted=_posted(page.opportunities),
        page=opportunities.PAGE, dropped=page.dropped,
    )  # fmt: skip
    cursor = following.place.encode() if following.place else None
    await slices.advance(tx, tenant, of, Counts(discovered=saved.found), next_cursor=cursor)
    if following.place is not None:
        await slices.next_page(tx, tenant, of, kind="opportunities")
        return None
    if following.problem is not None:
        text = (
            "pages overlap: the source pages in another way than documented, and reading on could cost a call a notice"
        )
        await opportunities.forget_place(tx, tenant, SAM, of.query)
        return await slices.close(tx, tenant, of.id, "error", error_code=following.problem, error=text)
    asked = (place.first, place.until)
    await opportunities.advance_cursor(
        tx, tenant, SAM, of.query, newest=following.newest, asked=asked, run_id=of.run_id
    )
    return await slices.close(tx, tenant, of.id, "done")


def _posted(notices: tuple[FoundOpportunity, ...]) -> list[date]:
    return [date.fromisoformat(n.posted_on) for n in notices if n.posted_on]


async def share(ctx: Context, args: RunOpportunities) -> None:
    """A run has brought something: every tenant concerned gets a job of its own."""
    async with ctx.write() as tx:
        await act_for_all(tx, ctx.tenant)
        tenants = await opportunities.share(tx, args.run_id)
    log.info("opportunities_shared", runId=str(args.run_id), tenants=tenants)


async def evaluate(ctx: Context, args: EvaluateOpportunities) -> None:
    """Copy to a tenant what concerns it, and hold it against the tenant's profiles; what is more than a round goes on in the next.

    Works on what stands there, not on what a run brought: what an earlier run or a changed profile left over is taken along.
    """
    tenant = args.for_tenant
    async with ctx.write() as tx:
        await act_for_all(tx, ctx.tenant)
        copied = await opportunities.copy(tx, tenant, ROUND)
        pairs = await opportunities.unheld(tx, tenant, ROUND)
        made = await opportunities.evaluate(tx, tenant, [verdict(p) for p in pairs], args.run_id)
        await opportunities.count(tx, ctx.tenant, args.run_id, evaluations_created=made)
        if copied == ROUND or len(pairs) == ROUND:
            await opportunities.share_again(tx, args.run_id, tenant, args.round + 1)
    log.info("opportunities_evaluated", forTenant=str(tenant), copied=copied, evaluations=made)


async def fetch_stopped(tx: Tx, tenant: UUID, args: Payload, stopped: Stopped) -> None:
    """A page was given up: its slice closes in error, its cursor stays, the others go on (S1.02).

    The next run begins the slice anew: what was paid for and lost is never asked again in the same words.
    """
    assert isinstance(args, FetchPage)
    if await runs.lock(tx, tenant, args.run_id) is None:
        return
    of = await slices.get(tx, tenant, args.slice_id)
    if of is not None and stopped.state != "cancelled":
        await opportunities.forget_place(tx, tenant, SAM, of.query)
    ends: dict[str, slices.SliceEnd] = {"cancelled": "cancelled", "quarantined": "dead"}
    ended = await slices.close(
        tx, tenant, args.slice_id, ends.get(stopped.state, "error"), error_code=stopped.error_class, error=stopped.error
    )
    log.warning("opportunities_slice_error", sliceId=str(args.slice_id), errorClass=stopped.error_class)
    _log_end(args.run_id, ended)


async def run_stopped(tx: Tx, tenant: UUID, args: Payload, stopped: Stopped) -> None:
    """Planning was given up: the run fails with the reason."""
    assert isinstance(args, RunOpportunities)
    standing = await runs.lock(tx, tenant, args.run_id)
    if standing is None or standing.status.ended:
        return
    status = RunStatus.CANCELLED if stopped.state == "cancelled" else RunStatus.FAILED
    _log_end(args.run_id, await runs.end(tx, tenant, args.run_id, Outcome(status, stopped.error_class, stopped.error)))


async def stopped(_tx: Tx, _tenant: UUID, args: Payload, why: Stopped) -> None:
    """Sharing or evaluating was given up: the run has ended already, and the next one takes along what is left over."""
    log.warning("opportunities_not_evaluated", args=args.model_dump(mode="json"), errorClass=why.error_class)


def _log_end(run_id: UUID, ended: RunStatus | None) -> None:
    if ended is not None:
        log.info("opportunities_run_finished", runId=str(run_id), status=ended.value)
