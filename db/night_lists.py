"""Nights as they are looked back on: by month, in a list, their shortlists, and a night's candidates page by page."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from contracts.night_lists import (
    CandidatePage,
    NightDay,
    NightLine,
    NightLines,
    ShortlistLine,
    ShortlistLines,
)
from contracts.nights import NightCompany, Step
from db import paging
from db.sql import load
from db.transaction import Tx

SQL = load("night_lists")
_SECTIONS: dict[str, tuple[type, ...]] = {"placed": (int,), "unplaced": (UUID,)}
_NIL = UUID(int=0)


async def lines(tx: Tx, tenant: UUID, *, before: UUID | None = None, limit: int = 50) -> NightLines:
    """Runs of nights, dry ones too, newest first; `before` is the last id of the page before."""
    rows = await tx.fetch(SQL["lines"], tenant, before or paging.LAST_UUID, limit + 1)
    found = [NightLine.model_validate(dict(r)) for r in rows]
    return NightLines(items=found[:limit], next_cursor=str(found[limit - 1].id) if len(found) > limit else None)


async def days(tx: Tx, tenant: UUID, first: date, last: date) -> list[NightDay]:
    """The days from `first` to `last` that had a night, in their order."""
    rows = await tx.fetch(SQL["days"], tenant, first.isoformat(), last.isoformat())
    return [NightDay.model_validate(dict(r)) for r in rows]


async def shortlists(tx: Tx, tenant: UUID, *, before: date | None = None, limit: int = 50) -> ShortlistLines:
    """Nights that have chosen their companies, newest first; `before` is the last date of the page before."""
    rows = await tx.fetch(SQL["shortlists"], tenant, before or date.max, limit + 1)
    found = [ShortlistLine.model_validate(dict(r)) for r in rows]
    more = found[limit - 1].night.isoformat() if len(found) > limit else None
    return ShortlistLines(items=found[:limit], next_cursor=more)


async def candidates(
    tx: Tx,
    tenant: UUID,
    run_id: UUID,
    *,
    passed_over: bool | None,
    reason: str | None = None,
    step: tuple[Step, str] | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> CandidatePage:
    """The companies a night chose, those it passed over, or (None) both, in their order. Raises: Invalid (`invalid_cursor`).

    `step`: one of those that each chosen company goes through, and its mark: `done`, a reason, or `TO_DO`.
    """
    section, [after] = paging.decode(cursor, _SECTIONS) if cursor else ("placed", [0])
    rows: list[Any] = []
    if section == "placed":
        # Places are integers of four bytes.
        after = min(after, 2**31 - 1)
        rows = await tx.fetch(
            SQL["placed"], tenant, run_id, after, passed_over, reason, *(step or (None, None)), limit + 1
        )
    if passed_over is not False and step is None and len(rows) <= limit:
        from_ = after if section == "unplaced" else _NIL
        rows = [*rows, *await tx.fetch(SQL["unplaced"], tenant, run_id, from_, reason, limit + 1 - len(rows))]
    found = [NightCompany.model_validate(dict(r)) for r in rows]
    return CandidatePage(items=found[:limit], next_cursor=_after(found[limit - 1]) if len(found) > limit else None)


def _after(last: NightCompany) -> str:
    return paging.encode("unplaced", last.company_id) if last.place is None else paging.encode("placed", last.place)
