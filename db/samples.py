"""Samples: which of them led to an order, and the rates that come of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from contracts.accounts import Z_INTERVAL, AccountRules, Report, SampleMetric, SampleMetricPage
from contracts.errors import Invalid
from db import paging
from db.record_errors import in_parts
from db.sql import load
from db.transaction import Tx

SQL = load("samples")
#: SKUs of one statement.
PART = 500
_SECTIONS: dict[str, tuple[type, ...]] = {"metrics": (str, UUID)}


async def measure(tx: Tx, tenant: UUID, at: datetime, rules: AccountRules, say: Callable[[int], None]) -> Report:
    """Work out which samples converted by `at`, and the rates by SKU, rep and month given. `say` hears how many SKUs there are.

    A sample converted when the first order of that SKU that was ever delivered to that customer was delivered within
    `conversion_days` after it; of several samples before it the last one counts. Its revenue is that SKU's part of that order.
    Rates are of mature samples only, older than `conversion_days`: a younger one may still convert. The interval is Wilson's score
    interval at 95 %: (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n), E. B. Wilson, JASA 22 (1927) 209-212.
    """
    report = Report()
    skus: list[UUID] = [row["id"] for row in await tx.fetch(SQL["subjects"], tenant)]
    say(len(skus))

    async def work(part: Sequence[UUID]) -> int:
        converted: int = await tx.fetchval(SQL["convert"], tenant, part, at, rules.conversion_days)
        measured: int = await tx.fetchval(SQL["measure"], tenant, part, at, rules.conversion_days, Z_INTERVAL)
        return converted + measured

    await in_parts(tx, skus, PART, work, report)
    totals = await tx.fetchrow(SQL["totals"], tenant)
    report.detail = dict(totals or {})
    return report


async def metrics(
    tx: Tx,
    tenant: UUID,
    *,
    sku_id: UUID | None = None,
    rep: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> SampleMetricPage:
    """Figures, the latest month first. Raises: Invalid (`invalid_cursor`)."""
    key: list[Any] = [None, None]
    if cursor is not None:
        _, key = paging.decode(cursor, _SECTIONS)
        try:
            key[0] = date.fromisoformat(key[0])
        except ValueError:
            raise Invalid("this cursor is not one of ours: start again without it", code="invalid_cursor") from None
    rows = await tx.fetch(SQL["list"], tenant, sku_id, rep, *key, limit + 1)
    items = [SampleMetric.model_validate(dict(row)) for row in rows[:limit]]
    more = paging.encode("metrics", items[-1].period, items[-1].id) if len(rows) > limit else None
    return SampleMetricPage(items=items, next_cursor=more)
