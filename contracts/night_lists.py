"""Nights as they are looked back on: by month, in a list, and a page of a night's candidates."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel

from contracts.nights import CapSource, NightCompany
from contracts.runs import RunStatus


class NightLine(BaseModel):
    """A run of a night. `chosen` None: not decided yet."""

    id: UUID
    night: date | None
    status: RunStatus
    dry_run: bool
    triggered_by: str
    created_at: datetime
    started_at: datetime | None
    duration_s: float | None
    open_companies: int
    cap: int | None
    cap_source: CapSource | None
    chosen: int | None
    scored: int
    pushed: int
    error: str | None


class NightLines(BaseModel):
    items: list[NightLine]
    next_cursor: str | None


class NightDay(BaseModel):
    """A day that had a night. `run_id`, `status` and `chosen` are those of its newest run; the counts add up its `runs`."""

    night: date
    run_id: UUID
    status: RunStatus
    chosen: int | None
    scored: int
    pushed: int
    runs: int


class ShortlistLine(BaseModel):
    """A night that has chosen its companies. `high`: how many of them have the highest band."""

    night: date
    run_id: UUID
    status: RunStatus
    cap: int
    cap_source: CapSource
    chosen: int
    high: int


class ShortlistLines(BaseModel):
    items: list[ShortlistLine]
    next_cursor: str | None


class CandidatePage(BaseModel):
    """Candidates of a night in their order; those without a place come last."""

    items: list[NightCompany]
    next_cursor: str | None
