"""Replaying events: one, or what a filter finds. A sent event gets a new id; a dead letter goes on under its own.

Safe to ask for twice: jobs are unique by their key, so the second time the existing job absorbs the event.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from contracts.errors import Conflict, NotFound
from contracts.outbox import EventDetail, EventStatus
from contracts.replays import ReplayBatch, Replayed, ReplayReport, ReplayRequest, TakenBack
from db import inspection, paging
from db.access import audit
from db.sql import load
from db.transaction import Tx

SQL = load("replays")
#: How many waiting events of a replay are counted.
COUNTED = 10_000


async def replay_event(tx: Tx, tenants: Sequence[UUID], event_id: UUID, by: str) -> Replayed:
    """Send one event again, with no attempts spent; `by` stands in the audit row.

    Raises: NotFound, also for another tenant's; Conflict while it is on its way or when only a job can be retried.
    """
    event = await inspection.find_event(tx, tenants, event_id)
    _replayable(event)
    if event.status is EventStatus.DEAD_LETTER:
        replay_id = await _letter_again(tx, event, by)
    else:
        replay_id = await tx.fetchval(SQL["sent_again"], event.tenant_id, event_id)
    if replay_id is None:
        raise Conflict(f"event {event_id} was just replayed by somebody else: see headwater outbox show {event_id}")
    detail = {"status": event.status.value, "type": event.type, "replay": str(replay_id)}
    await audit(tx, event.tenant_id, by, "outbox.replay", "event", str(event_id), detail, event.correlation_id)
    return Replayed(event_id=replay_id, replay_of=event_id)


async def _letter_again(tx: Tx, event: EventDetail, by: str) -> UUID | None:
    try:
        replay_id: UUID | None = await tx.fetchval(SQL["letter_again"], event.tenant_id, event.event_id, by)
    except asyncpg.UniqueViolationError as error:
        raise Conflict(
            f"event {event.event_id} is in the outbox already: headwater outbox explain {event.event_id}"
        ) from error
    return replay_id


def _replayable(event: EventDetail) -> None:
    explain = f"see why it waits: headwater outbox explain {event.event_id}"
    if event.status not in (EventStatus.SENT, EventStatus.DEAD_LETTER):
        raise Conflict(
            f"event {event.event_id} is {event.status.value} and goes out by itself; {explain}",
            state=event.status.value,
        )
    if event.resolution is not None:
        raise Conflict(f"event {event.event_id} was already {event.resolution}", state=event.resolution)
    if event.status is EventStatus.SENT and event.type == "Redelivery":
        step = f"headwater jobs retry {event.aggregate_id}"
        raise Conflict(f"event {event.event_id} only delivered a job again; run that one again: {step}", state="sent")


async def replay_many(tx: Tx, tenants: Sequence[UUID], asked: ReplayRequest, by: str) -> ReplayReport:
    """Replay what the filter finds, dead letters first; with `dry_run` only count it. One audit row a tenant and kind."""
    which = asked.filter
    ages = paging.span(
        await paging.steady(tx),
        older_than_s=which.older_than_s,
        newer_than_s=which.newer_than_s,
        since=which.since,
        until=which.until,
    )
    status = which.status or [EventStatus.DEAD_LETTER]
    report = ReplayReport(
        dry_run=asked.dry_run, matched=0, replayed=0, more=False, by_type={}, oldest=None, newest=None, last_due_at=None
    )
    if EventStatus.DEAD_LETTER in status:
        await _replay(tx, SQL["many_letters"], tenants, asked, ages, by, report)
    if EventStatus.SENT in status and not report.more:
        paths = (text for name, text in inspection.PATHS["sent"] if getattr(which, name) is not None)
        await _replay(tx, SQL["many_sent"].replace("/* path */", next(paths, "")), tenants, asked, ages, by, report)
    return report


async def _replay(
    tx: Tx,
    query: str,
    tenants: Sequence[UUID],
    asked: ReplayRequest,
    ages: tuple[datetime, datetime],
    by: str,
    report: ReplayReport,
) -> None:
    """Run one kind of replay and add what it did to the report."""
    which, left = asked.filter, asked.limit - report.matched
    rows = await tx.fetch(
        query,
        list(tenants),
        left,
        by,
        asked.rate,
        asked.dry_run,
        which.type,
        which.aggregate_type,
        which.aggregate_id,
        which.correlation_id,
        which.error_class,
        *ages,
        which.model_dump(mode="json", exclude_none=True),
        which.sink,
    )
    for row in rows:
        report.by_type[row["type"]] = report.by_type.get(row["type"], 0) + row["n"]
        report.oldest = min(filter(None, (report.oldest, row["oldest"])))
        report.newest = max(filter(None, (report.newest, row["newest"])))
        report.last_due_at = max(filter(None, (report.last_due_at, row["last_due_at"])))
        report.matched += row["n"]
    report.replayed += rows[0]["replayed"] if rows else 0
    report.more = bool(rows) and rows[0]["found"] > left
    if rows and rows[0]["replayed"]:
        report.replay_id = report.replay_id or rows[0]["replay_id"]


async def batches(tx: Tx, tenant: UUID, *, limit: int = 5) -> list[ReplayBatch]:
    """The newest replays of many dead letters."""
    rows = await tx.fetch(SQL["batches"], tenant, limit, COUNTED)
    return [ReplayBatch.model_validate(dict(r)) for r in rows]


async def take_back(tx: Tx, tenant: UUID, replay_id: UUID, by: str) -> TakenBack:
    """Undo a replay of dead letters as far as nobody has tried its events (system role). Again takes nothing more back.

    Raises: NotFound, also for another tenant's; Conflict (code `nothing_waits`) when all of it is on its way.
    """
    return await take_back_of_all(tx, [tenant], replay_id, by)


async def take_back_of_all(tx: Tx, tenants: Sequence[UUID], replay_id: UUID, by: str) -> TakenBack:
    """The same for a replay of several tenants' letters, with an audit row for each. Raises as `take_back` does."""
    there = {r["tenant_id"]: r["n"] for r in await tx.fetch(SQL["batch"], list(tenants), replay_id)}
    if not there:
        raise NotFound(f"no replay {replay_id} has letters that could be taken back", code="replay_not_found")
    back = 0
    for tenant in there:
        mine: int = await tx.fetchval(SQL["take_back"], tenant, replay_id)
        if mine:
            await audit(tx, tenant, by, "outbox.replay_undone", "replay", str(replay_id), {"events": mine})
        back += mine
    if not back:
        raise Conflict("nothing of this replay waits any more: its events are on their way", code="nothing_waits")
    return TakenBack(replay_id=replay_id, taken_back=back, gone=sum(there.values()) - back)
