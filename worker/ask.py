"""Asking a port through the ledger: reserve -> commit `sent` -> call -> store -> settle (law 5)."""

from __future__ import annotations

import asyncio

from contracts.errors import BadAnswer, HeadwaterError, Hopeless, TryLater, Unavailable, VendorBusy, VendorDown
from contracts.providers import CompanySearch, Page
from contracts.texts import storable
from db import ledger
from db.transaction import CONNECTION_ERRORS
from worker.context import Context

#: How long a stored page may stand in for a new request, in seconds: paid answers a day, free ones an hour.
KEEP_PAID_S = 86_400.0
KEEP_FREE_S = 3_600.0


async def page(
    ctx: Context, port: CompanySearch, query: str, cursor: str | None, limit: int
) -> tuple[Page, ledger.Item, bool]:
    """The page at `cursor`, stored or fresh. Returns (page, its ledger item, was a request made).

    Raises: what the port raises; TryLater when the same page is being asked for elsewhere; Hopeless (code `forfeited`)
    when it was paid for and the answer was lost.
    """
    item = item_for(port, query, cursor, limit)
    d = ctx.delivery
    async with ctx.read() as tx:
        found = await ledger.reserve(
            tx,
            ctx.tenant,
            item,
            billable=port.billable,
            units=port.units_per_page,
            run_id=d.run_id,
            execution_id=d.execution_id,
            token=d.token,
        )
    match found:
        case ledger.Stored():
            return Page.model_validate(found.response), item, False
        case ledger.Busy():
            raise VendorBusy("this page is being asked for right now", after_s=0.5, code="asked_elsewhere")
        case ledger.Forfeited():
            raise Hopeless(
                f"{item.vendor} was asked and paid for this page, but the answer was lost; an operator may send it again",
                code="forfeited",
            )
    return await _call(ctx, port, found, query, cursor, limit), item, True


def item_for(port: CompanySearch, query: str, cursor: str | None, limit: int) -> ledger.Item:
    """The billable item a page request stands for."""
    return ledger.Item(port.vendor, port.operation, {"query": query, "cursor": cursor, "limit": limit})


async def _call(
    ctx: Context, port: CompanySearch, held: ledger.Reserved, query: str, cursor: str | None, limit: int
) -> Page:
    try:
        answer = await port.search(query, cursor=cursor, limit=limit)
    except Exception as error:
        await _settle_failure(ctx, port, held, error)
        raise
    await _store(ctx, port, held, answer)
    return answer


async def _store(ctx: Context, port: CompanySearch, held: ledger.Reserved, answer: Page) -> None:
    """Keep an answer that may have been paid for. While the database is away, wait for it, as long as the job may run."""
    keep = KEEP_PAID_S if port.billable else KEEP_FREE_S
    body, pause = answer.model_dump(mode="json"), 0.1
    while True:
        try:
            async with ctx.read() as tx:
                await ledger.settle(
                    tx, ctx.tenant, held.call_id, "answered", spent=answer.units, response=body, keep_s=keep
                )
            return
        except (Unavailable, *CONNECTION_ERRORS) as error:
            ctx.log.warning("answer_waits_for_the_database", vendor=port.vendor, error=str(error), retryInS=pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, 2.0)


async def _settle_failure(ctx: Context, port: CompanySearch, held: ledger.Reserved, error: Exception) -> None:
    """Release what was surely not billed; forfeit a paid request that may have arrived."""
    lost = port.billable and (
        isinstance(error, BadAnswer | TimeoutError) or (isinstance(error, VendorDown) and error.sent)
    )
    spent = port.units_per_page if lost else 0.0
    async with ctx.read() as tx:
        await ledger.settle(
            tx, ctx.tenant, held.call_id, "forfeited" if lost else "released", spent=spent, error=storable(str(error))
        )
    if lost and isinstance(error, TryLater):
        raise Hopeless(
            f"{port.vendor}: {error.detail}; it may have been billed, so it is not sent again", code="forfeited"
        ) from error
    if not isinstance(error, HeadwaterError | TimeoutError):
        raise error
