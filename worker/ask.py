"""Asking a port through the ledger: look -> wait for a turn -> reserve -> commit `sent` -> ask -> store -> settle (law 5).

What is asked for twice is answered once. Nothing is held across the network, and nothing that was paid for is thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.errors import Hopeless
from contracts.providers import CompanySearch, Operation, OperationSpec, Pace, Page, Reply
from db import ledger
from worker.context import Context
from worker.purchase import FORFEITED, Purchase

Query = TypeVar("Query", bound=BaseModel)
Answer = TypeVar("Answer", bound=BaseModel)
#: How long a stored page may stand in for a new request, in seconds: paid answers a day, free ones an hour.
KEEP_PAID_S = 86_400.0
KEEP_FREE_S = 3_600.0


class PageQuery(BaseModel):
    """A page of a search, as an item of the ledger. No member has a default: its fingerprint names them all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: str
    cursor: str | None
    limit: int = Field(ge=1)


async def items(ctx: Context, op: Operation[Query, Answer], queries: Sequence[Query]) -> list[Reply[Answer]]:
    """One reply for each query, in their order: stored answers first, the rest in batches of `spec.batch`.

    A reply that was stored says what it cost and when it was said, not that it cost that again. An item that was paid for and
    lost is a miss with note `forfeited`. What was asked is linked to the job's run.

    Raises: what the port raises; VendorBusy (code `asked_elsewhere`) when one of them is being asked for right now; VendorRefused
    (code `budget_spent`); Hopeless (code `forfeited`) when the only item was paid for and its answer lost. Answers that came
    before an error are stored: asking again goes on where it stopped.
    """
    replies, _ = await _asked(ctx, op, queries)
    return replies


async def item(ctx: Context, op: Operation[Query, Answer], query: Query) -> tuple[Reply[Answer], UUID | None]:
    """The same for one query, and the item of the ledger that its answer stands in. Raises: as `items`."""
    (reply,), ids = await _asked(ctx, op, [query])
    return reply, next(iter(ids), None)


async def _asked(
    ctx: Context, op: Operation[Query, Answer], queries: Sequence[Query]
) -> tuple[list[Reply[Answer]], set[UUID]]:
    purchase = Purchase(ctx, op)
    replies = await purchase.make(queries)
    if len(queries) == 1 and replies[0].note == FORFEITED:
        raise _lost(op.spec.vendor, "this item", replies[0].at)
    if ctx.delivery.run_id is not None and purchase.item_ids:
        async with ctx.unfenced() as tx:
            await ledger.link_all(tx, ctx.tenant, ctx.delivery.run_id, sorted(purchase.item_ids))
    return replies, purchase.item_ids


async def page(
    ctx: Context, port: CompanySearch, query: str, cursor: str | None, limit: int
) -> tuple[Page, ledger.Item, bool]:
    """The page at `cursor`, stored or fresh. Returns (page, its ledger item, was a request made).

    Raises: what the port raises; VendorBusy when the same page is being asked for elsewhere; VendorRefused (code `budget_spent`);
    Hopeless (code `forfeited`) when it was paid for and the answer was lost.
    """
    pages = Pages(port)
    purchase = Purchase(ctx, pages, paced=pages.paced)
    (reply,) = await purchase.make([PageQuery(query=query, cursor=cursor, limit=limit)])
    if reply.value is None:
        raise _lost(port.vendor, "this page", reply.at)
    return reply.value, item_for(port, query, cursor, limit), purchase.asked


def item_for(port: CompanySearch, query: str, cursor: str | None, limit: int) -> ledger.Item:
    """The billable item a page request stands for."""
    return ledger.Item(port.vendor, port.operation, {"query": query, "cursor": cursor, "limit": limit})


def worst_case(port: CompanySearch, limit: int) -> float:
    """The most a page of `limit` hits can cost, in vendor units."""
    sized = getattr(port, "units_for", None)
    return float(sized(limit)) if sized is not None else port.units_per_page


def _lost(vendor: str, what: str, at: datetime) -> Hopeless:
    words = f"{vendor} was asked and paid for {what}, but the answer was lost; an operator may send it again:"
    return Hopeless(f"{words} headwater vendors resend", code="forfeited", at=at)


class Pages:
    """A search as an operation whose items are pages."""

    def __init__(self, port: CompanySearch) -> None:
        self._port = port
        #: A search without a pace of its own (a file, say) waits for nobody.
        self.paced = getattr(port, "pace", None) is not None
        self.spec = OperationSpec(
            vendor=port.vendor,
            operation=port.operation,
            answer=Page,
            terms=port.terms,
            pace=getattr(port, "pace", None) or Pace(port.vendor),
            units=port.units_per_page,
            unit=getattr(port, "unit", "credit"),
            billable=port.billable,
            keep_s=KEEP_PAID_S if port.billable else KEEP_FREE_S,
        )

    def units_of(self, query: PageQuery) -> float:
        return worst_case(self._port, query.limit)

    async def ask(self, queries: Sequence[PageQuery], *, key: str) -> list[Reply[Page]]:  # noqa: ARG002 - no vendor of ours takes one
        (q,) = queries
        found = await self._port.search(q.query, cursor=q.cursor, limit=q.limit)
        return [Reply[Page](outcome="found", value=found, units=found.units, at=datetime.now(UTC))]

    async def recover(self, _query: PageQuery, *, key: str) -> Reply[Page] | None:
        raise NotImplementedError("a page of a search cannot be read again")
