"""Daily figures: worked out in one statement from what stands there, read by day, added up to a funnel (S2.13)."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from contracts.analytics import DailyMetric, DailyPage, Funnel, RequestRollup, Span, funnel
from contracts.errors import Invalid
from contracts.runs import RunParams
from db import paging, runs
from db.access import audit
from db.sql import load
from db.transaction import Tx

SQL = load("analytics")
#: Time one roll-up may take, in seconds.
RUNTIME_S = 300
_SECTIONS: dict[str, tuple[type, ...]] = {"daily": (str, str, str)}


async def request_rollup(
    tx: Tx,
    tenant: UUID,
    body: RequestRollup,
    *,
    by: str,
    triggered_by: str,
    idempotency: tuple[str, object] | None = None,
    occurrence_key: str | None = None,
) -> UUID:
    """Start a run that rolls up the days asked for. Raises: Conflict (`idempotency_key_reused`)."""
    span = body.span(await today(tx))
    params = RunParams(
        channels=(), queries=(), max_companies=1, max_queries=1, max_runtime_seconds=RUNTIME_S, page_size=1,
        days=(span.first, span.last),
    )  # fmt: skip
    run_id, new = await runs.start(
        tx, tenant, params, mode="manual", dry_run=False, triggered_by=triggered_by, kind="rollup", requested_by=by,
        idempotency=idempotency, occurrence_key=occurrence_key,
    )  # fmt: skip
    if new:
        detail = {"from": str(span.first), "to": str(span.last)}
        await audit(tx, tenant, by, "analytics.rollup_requested", "run", str(run_id), detail, run_id)
    return run_id


async def today(tx: Tx) -> date:
    """The day it is, by the database's clock and UTC."""
    found: date = await tx.fetchval(SQL["today"])
    return found


async def roll_up(tx: Tx, tenant: UUID, span: Span) -> dict[str, int]:
    """Work out the figures of these days anew. Returns {figures, changed, dropped}: 0 changed when nothing is new."""
    await tx.execute(SQL["alone"], tenant)
    row = await tx.fetchrow(SQL["roll_up"], tenant, span.first, span.last)
    assert row is not None
    return dict(row)


async def note(tx: Tx, tenant: UUID, run_id: UUID, counters: dict[str, int]) -> None:
    """Write what a roll-up came to onto its run."""
    await tx.execute(SQL["note"], tenant, run_id, counters)


async def daily(
    tx: Tx, tenant: UUID, span: Span, *, metric: str | None = None, cursor: str | None = None, limit: int = 50
) -> DailyPage:
    """Figures of these days, by day and name. Raises: Invalid (`invalid_cursor`)."""
    key: list[Any] = [None, None, None]
    if cursor is not None:
        _, key = paging.decode(cursor, _SECTIONS)
        try:
            key[0] = date.fromisoformat(key[0])
            bytes.fromhex(key[2])
        except ValueError:
            raise Invalid("this cursor is not one of ours: start again without it", code="invalid_cursor") from None
    rows = await tx.fetch(SQL["daily"], tenant, span.first, span.last, metric, *key, limit + 1)
    items = [DailyMetric.model_validate(dict(row)) for row in rows[:limit]]
    if len(rows) <= limit:
        return DailyPage(items=items, next_cursor=None)
    last = items[-1]
    digest: str = await tx.fetchval(SQL["hash_of"], tenant, last.id)
    return DailyPage(items=items, next_cursor=paging.encode("daily", last.day, last.metric, digest))


async def show_funnel(tx: Tx, tenant: UUID, span: Span) -> Funnel:
    """The funnel over these days, as far as they were rolled up."""
    rows = await tx.fetch(SQL["funnel"], tenant, span.first, span.last)
    spend: float = await tx.fetchval(SQL["spend"], tenant, span.first, span.last)
    return funnel(span, {row["stage"]: row["leads"] for row in rows}, spend)
