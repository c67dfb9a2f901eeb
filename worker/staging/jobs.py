"""staging.pull plans a slice a data set of the register, staging.fetch reads one: as a file, else page by page.

Both are jobs of the reserved tenant `system`, to which the register's rows belong. A file is stored batch by batch, each committed
with how far it was read, before the job's own write: the rows are public and an upsert may run twice, so an attempt that starts
again goes on where the last one stopped.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

import structlog

from contracts.errors import BadAnswer, Conflict, HeadwaterError, Invalid, TryLater, VendorBusy, VendorRefused
from contracts.findings import RegisterCatalog, RegisterCatalogQuery, RegisterFileQuery, RegisterPage, RegisterQuery
from contracts.jobs import FetchPage, Payload, PullRegister
from contracts.outcomes import TIME_BUDGET, Outcome
from contracts.runs import Counts, RunStatus
from contracts.staging import COLLECTION, Tally
from db import runs, slices, staging, staging_files
from db.runs import Standing
from db.slices import Slice
from db.transaction import Tx
from worker import ask
from worker.context import Context, RunOver, Stopped
from worker.staging import plan

log = structlog.get_logger("worker")

SOURCE = "acra"
PAGE, DOWNLOAD, CATALOG = "acra.page", "acra.download", "acra.catalog"


async def pull(ctx: Context, args: PullRegister) -> None:
    """Plan: pending -> running, a slice a data set."""
    async with ctx.read() as tx:
        standing = await runs.peek(tx, ctx.tenant, args.run_id)
    if standing is None or standing.status is not RunStatus.PENDING:
        return
    asked, configured = standing.params.queries, ctx.settings.acra_datasets
    catalog = None if asked or configured else await _catalog(ctx)
    wanted = [(SOURCE, dataset, standing.params.cursor) for dataset in plan.datasets(asked, configured, catalog)]
    async with ctx.write() as tx:
        if not await runs.begin(tx, ctx.tenant, args.run_id, standing.params.max_runtime_seconds):
            raise RunOver
        await slices.plan(tx, ctx.tenant, args.run_id, wanted, kind="maintenance")
    log.info("staging_pull_started", slices=len(wanted), fromCatalog=catalog is not None)


async def _catalog(ctx: Context) -> RegisterCatalog | None:
    """The data sets there are by now. None when that cannot be told: those we know of are good for years."""
    try:
        (reply,) = await ask.items(ctx, ctx.ports.operation(CATALOG), [RegisterCatalogQuery(collection=COLLECTION)])
    except VendorBusy:
        raise
    except HeadwaterError as error:
        log.warning("staging_catalog_unread", error=str(error))
        return None
    return reply.value if isinstance(reply.value, RegisterCatalog) else None


async def fetch(ctx: Context, args: FetchPage) -> None:
    """Read one data set as a file, or its next page."""
    async with ctx.read() as tx:
        standing = await runs.peek(tx, ctx.tenant, args.run_id)
        of = await slices.get(tx, ctx.tenant, args.slice_id)
    if standing is None or of is None or standing.status.ended:
        raise RunOver
    if of.state != "open" or of.page != args.page:
        return
    if standing.expired:
        await _out_of_time(ctx, of)
    elif of.cursor is None:
        await _fetch_file(ctx, of)
    else:
        await _fetch_page(ctx, of, standing)


async def _fetch_file(ctx: Context, of: Slice) -> None:
    try:
        tally = await _file(ctx, of.query)
    except (VendorRefused, BadAnswer, Invalid) as error:
        # A download is refused now and then; the same rows can be had page by page.
        log.warning("staging_download_refused", dataset=of.query, error=error.detail)
        await _save(ctx, of, Tally(), next_cursor=plan.FROM_THE_START)
        return
    await _save(ctx, of, tally, next_cursor=None)


async def _file(ctx: Context, dataset: str) -> Tally:
    """Fetch a data set and store it. Content that was read to its end before is not read again: nothing has changed."""
    attempt = f"{ctx.delivery.execution_id}:{ctx.delivery.token}"
    query = RegisterFileQuery(dataset=dataset, occasion=attempt)
    (reply,) = await ask.items(ctx, ctx.ports.operation(DOWNLOAD), [query])
    if reply.value is None:
        raise VendorRefused(f"no file of {dataset}: {reply.note}", code="no_download")
    path = Path(reply.value.path)
    try:
        found, worked = await staging_files.load(ctx.pool, path, source="pull", label=f"{SOURCE} {dataset}")
    except Conflict as error:
        raise TryLater(error.detail, after_s=5.0) from error
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)
    tally = found.tally
    if not worked:
        tally = Tally(read=tally.read, unchanged=tally.read - tally.dropped, dropped=tally.dropped)
    return tally


async def _fetch_page(ctx: Context, of: Slice, standing: Standing) -> None:
    query = RegisterQuery(dataset=of.query, offset=plan.offset_of(of.cursor or ""), limit=standing.params.page_size)
    (reply,) = await ask.items(ctx, ctx.ports.operation(PAGE), [query])
    page = reply.value if isinstance(reply.value, RegisterPage) else RegisterPage()
    following = None if page.next_offset is None else str(page.next_offset)
    await _save(ctx, of, Tally(read=page.dropped, dropped=page.dropped), next_cursor=following, page=page)


async def _save(
    ctx: Context, of: Slice, tally: Tally, *, next_cursor: str | None, page: RegisterPage | None = None
) -> None:
    """The job's one write: rows of a page, counts, and either the slice's next page or its end."""
    async with ctx.write() as tx:
        standing = await runs.lock(tx, ctx.tenant, of.run_id)
        now = await slices.get(tx, ctx.tenant, of.id)
        if standing is None or standing.status is not RunStatus.RUNNING:
            raise RunOver
        if now is None or (now.state, now.page) != ("open", of.page):
            raise RunOver
        if page is not None:
            tally.add(await staging.upsert(tx, page.entities, "pull"))
            await _count(tx, of, tally, ended=next_cursor is None)
        counts = Counts(discovered=tally.read, after_dedupe=tally.new + tally.changed)
        await slices.advance(tx, ctx.tenant, of, counts, next_cursor=next_cursor)
        ended = None
        if next_cursor is None:
            ended = await slices.close(tx, ctx.tenant, of.id, "done")
        else:
            await slices.next_page(tx, ctx.tenant, of, kind="maintenance")
    log.info(
        "staging_rows_saved", dataset=of.query, page=of.page, read=tally.read, new=tally.new, changed=tally.changed,
        dropped=tally.dropped,
    )  # fmt: skip
    _log_end(of.run_id, ended)


async def _count(tx: Tx, of: Slice, tally: Tally, *, ended: bool) -> None:
    """Pages have an import of their own: a data set of a run. A file's was kept while it was read."""
    told = await staging.begin(tx, "pull", f"{of.run_id}:{of.query}", f"{SOURCE} {of.query}, by pages")
    await staging.advance(tx, told, tally)
    if ended:
        await staging.finish(tx, told)


async def _out_of_time(ctx: Context, of: Slice) -> None:
    async with ctx.write() as tx:
        await runs.lock(tx, ctx.tenant, of.run_id)
        ended = await slices.close(tx, ctx.tenant, of.id, "error", stop_reason=TIME_BUDGET)
    _log_end(of.run_id, ended)


async def fetch_stopped(tx: Tx, tenant: UUID, args: Payload, stopped: Stopped) -> None:
    """A data set was given up: its slice closes in error, the others go on."""
    assert isinstance(args, FetchPage)
    if await runs.lock(tx, tenant, args.run_id) is None:
        return
    state: slices.SliceEnd = (
        "cancelled" if stopped.state == "cancelled" else "dead" if stopped.state == "quarantined" else "error"
    )
    ended = await slices.close(tx, tenant, args.slice_id, state, error_code=stopped.error_class, error=stopped.error)
    log.warning(
        "staging_dataset_error", sliceId=str(args.slice_id), error=stopped.error, errorClass=stopped.error_class
    )
    _log_end(args.run_id, ended)


async def pull_stopped(tx: Tx, tenant: UUID, args: Payload, stopped: Stopped) -> None:
    """Planning was given up: the run fails with the reason."""
    assert isinstance(args, PullRegister)
    standing = await runs.lock(tx, tenant, args.run_id)
    if standing is None or standing.status.ended:
        return
    status = RunStatus.CANCELLED if stopped.state == "cancelled" else RunStatus.FAILED
    _log_end(args.run_id, await runs.end(tx, tenant, args.run_id, Outcome(status, stopped.error_class, stopped.error)))


def _log_end(run_id: UUID, ended: RunStatus | None) -> None:
    if ended is not None:
        log.info("staging_pull_ended", runId=str(run_id), status=ended.value)
