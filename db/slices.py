"""Slices: the resumable parts of a run. Fan-out, page by page, fan-in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from contracts.events import SliceReady
from contracts.runs import Counts, RunStatus
from db import outbox, runs
from db.sql import load
from db.transaction import Tx

SQL = load("slices")
SliceEnd = Literal["done", "error", "cancelled", "dead"]


@dataclass(frozen=True, slots=True)
class Slice:
    id: UUID
    run_id: UUID
    ordinal: int
    channel: str
    query: str
    state: str
    page: int
    cursor: str | None


async def plan(
    tx: Tx,
    tenant: UUID,
    run_id: UUID,
    slices: Sequence[tuple[str, str, str | None]],
    *,
    kind: Literal["opportunities", "maintenance"] | None = None,
) -> list[UUID]:
    """Write the slices (channel, query, first cursor) and emit their first pages. Returns their ids in order.

    `kind` is that of their run, None for a discovery run.
    """
    ids = await add(tx, tenant, run_id, slices)
    await outbox.emit_many(
        tx, tenant, [SliceReady(run_id=run_id, slice_id=i, page=0, kind=kind) for i in ids], correlation_id=run_id
    )
    return ids


async def add(tx: Tx, tenant: UUID, run_id: UUID, slices: Sequence[tuple[str, str, str | None]]) -> list[UUID]:
    """Write the slices of a run that begins each by an event of its own. Returns their ids in order."""
    rows = await tx.fetch(
        SQL["plan"],
        tenant,
        run_id,
        [str(c) for c, _, _ in slices],
        [q for _, q, _ in slices],
        [c for _, _, c in slices],
    )
    return [r["id"] for r in rows]


async def get(tx: Tx, tenant: UUID, slice_id: UUID) -> Slice | None:
    row = await tx.fetchrow(SQL["get"], tenant, slice_id)
    return Slice(**dict(row)) if row else None


async def advance(
    tx: Tx, tenant: UUID, of: Slice, added: Counts, *, next_cursor: str | None, would_cost: float = 0
) -> None:
    """Commit a page: slice and run counters move, the slice's cursor stands on the next page. The run must be locked."""
    await tx.execute(
        SQL["advance"],
        tenant,
        of.id,
        of.page + 1,
        next_cursor,
        added.discovered,
        added.companies_created,
        added.companies_skipped,
        would_cost,
    )
    await tx.execute(
        SQL["count"],
        tenant,
        of.run_id,
        added.discovered,
        added.after_dedupe,
        added.companies_created,
        added.companies_skipped,
        added.contacts_created,
        added.contacts_skipped,
        added.leads_created,
        added.leads_skipped,
    )


async def next_page(
    tx: Tx, tenant: UUID, of: Slice, *, kind: Literal["opportunities", "maintenance"] | None = None
) -> None:
    """Let the page after the one just committed be fetched."""
    ready = SliceReady(run_id=of.run_id, slice_id=of.id, page=of.page + 1, kind=kind)
    await outbox.emit(tx, tenant, ready, correlation_id=of.run_id)


async def close(
    tx: Tx,
    tenant: UUID,
    slice_id: UUID,
    state: SliceEnd,
    *,
    stop_reason: str | None = None,
    error_code: str | None = None,
    error: str | None = None,
) -> RunStatus | None:
    """Close a slice if it is open; the last one ends its run. Returns the run's terminal status if this ended it."""
    row = await tx.fetchrow(SQL["close"], tenant, slice_id, state, stop_reason, error_code, error)
    if row is None or row["open_slices"] > 0 or RunStatus(row["status"]).ended:
        return None
    return await runs.end(tx, tenant, row["id"])
