"""Looking into the outbox: lists, and one event with everything that followed from it.

Everything here takes the tenants to look at: one for the app role (whose walls Postgres keeps anyway), any number for
the system role. Lists read an index from one end and stop: no page looks at more than `paging.LOOK` rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.errors import NotFound
from contracts.outbox import CausedExecution, EventDetail, EventFilter, EventPage, EventRow, EventStatus, Moment
from db import executions, paging
from db.sql import load
from db.transaction import Tx

SQL = load("inspection")
RELATED = 50

#: Which index a filter can use in each section; the first that fits is taken, the rest is sifted.
PATHS: dict[str, tuple[tuple[str, str], ...]] = {
    "live": (("failed", "AND o.state = 'failed'"), ("processing", "AND o.state = 'processing'")),
    "dead": (),
    "sent": (
        ("aggregate_id", "AND h.aggregate_id = $8"),
        ("correlation_id", "AND h.correlation_id = $9"),
        ("error_class", "AND h.error_class = $10"),
        ("type", "AND h.type = $6"),
    ),
}
_KEYS: dict[str, tuple[type, ...]] = {"live": (UUID,), "dead": (UUID,), "sent": (datetime, int)}
_STATES = {
    "live": {EventStatus.PENDING, EventStatus.PROCESSING, EventStatus.FAILED},
    "dead": {EventStatus.DEAD_LETTER},
    "sent": {EventStatus.SENT},
}


async def all_tenants(tx: Tx) -> list[UUID]:
    """Every tenant's id: what the system role looks at when nobody in particular is asked for."""
    return list(await tx.fetchval(SQL["tenants"]) or [])


async def list_events(
    tx: Tx, tenants: Sequence[UUID], asked: EventFilter, *, limit: int = 50, cursor: str | None = None
) -> EventPage:
    """One page: what waits, then dead letters, then what was sent; each newest first.

    Raises: Invalid for a cursor that is not ours.
    """
    wanted = [s for s in _KEYS if not asked.status or _STATES[s] & set(asked.status)]
    key: list[Any] = []
    if cursor is not None:
        at, key = paging.decode(cursor, _KEYS)
        wanted = [s for s in wanted if list(_KEYS).index(s) >= list(_KEYS).index(at)]
        if at not in wanted:
            key = []
    items: list[EventRow] = []
    ages = paging.span(
        await paging.steady(tx),
        older_than_s=asked.older_than_s,
        newer_than_s=asked.newer_than_s,
        since=asked.since,
        until=asked.until,
    )
    for index, section in enumerate(wanted):
        rows, rest = await _section(tx, section, tenants, asked, ages, key, limit - len(items))
        items += rows
        if rest is not None:
            return EventPage(items=items, next_cursor=paging.encode(section, *rest))
        key = []
        if len(items) >= limit and index + 1 < len(wanted):
            following = wanted[index + 1]
            return EventPage(items=items, next_cursor=paging.encode(following, *_first(following)))
    return EventPage(items=items)


def _first(section: str) -> list[Any]:
    if section == "sent":
        return [paging.LAST_AT, paging.LAST_ID]
    return [paging.LAST_UUID]


async def _section(
    tx: Tx,
    section: str,
    tenants: Sequence[UUID],
    asked: EventFilter,
    ages: tuple[datetime, datetime],
    key: list[Any],
    limit: int,
) -> tuple[list[EventRow], list[Any] | None]:
    """Rows of one section, and the key where the next page starts (None = the section ends here)."""
    name, path = next((found for found in PATHS[section] if _named(asked, found[0])), ("", ""))
    key = key or _first(section)
    look = paging.look(len(tenants), limit + 1, sifting=_sifts(asked, section, name))
    arguments = [
        list(tenants),
        key[-1],
        look,
        limit + 1,
        [s.value for s in asked.status] or None,
        asked.type,
        asked.aggregate_type,
        asked.aggregate_id,
        asked.correlation_id,
        asked.error_class,
        ages[0],
        min(ages[1], key[0]) if section == "sent" else ages[1],
    ]
    if section == "sent":
        arguments.append(key[0])
    arguments.append(asked.sink)
    rows = await tx.fetch(SQL[section].replace("/* path */", path), *arguments)
    found = [row for row in rows if row["event_id"] is not None]
    shown = [EventRow.model_validate(dict(row)) for row in found[:limit]]
    if len(found) > limit:
        last = found[limit - 1]
        return shown, {"live": [last["event_id"]], "dead": [last.get("letter_id")]}.get(
            section, [last["created_at"], last["id"]]
        )
    if rows[0]["edge_id"] is None:
        return shown, None
    return shown, [rows[0]["edge_at"], rows[0]["edge_id"]] if section == "sent" else [rows[0]["edge_id"]]


def _named(asked: EventFilter, name: str) -> bool:
    if name in ("failed", "processing"):
        return [s.value for s in asked.status if s in _STATES["live"]] == [name]
    return getattr(asked, name) is not None


def _sifts(asked: EventFilter, section: str, path: str) -> bool:
    """Must rows be read that are not shown? Then a page may look further than it is long."""
    if section == "dead":
        return True  # jobs' dead letters stand between those of events
    if section == "live" and asked.status and not path and not _STATES["live"] <= set(asked.status):
        return True
    ages = {"older_than_s", "newer_than_s", "since", "until"} if section == "sent" else set()
    given = asked.model_dump(exclude={"status", path, *ages}, exclude_none=True)
    return any(field in EventFilter.model_fields for field in given)


async def find_event(tx: Tx, tenants: Sequence[UUID], event_id: UUID) -> EventDetail:
    """One event, alone. Raises: NotFound, also for another tenant's."""
    row = await tx.fetchrow(SQL["event"], list(tenants), event_id)
    if row is None:
        raise NotFound(f"there is no event {event_id}: list them with GET /v1/outbox/events or `headwater outbox list`")
    return EventDetail.model_validate(dict(row))


async def show_event(tx: Tx, tenants: Sequence[UUID], event_id: UUID) -> EventDetail:
    """One event with executions, attempts, vendor calls, the rows they wrote, and a timeline, oldest first.

    Raises: NotFound, also for another tenant's.
    """
    event = await find_event(tx, tenants, event_id)
    caused = await executions.caused_by(tx, event)
    related: list[EventRow] = []
    if event.correlation_id is not None:
        rows = await tx.fetch(SQL["related"], event.tenant_id, event.correlation_id, event_id, RELATED)
        related = [EventRow.model_validate(dict(row)) for row in rows]
    event.executions, event.related = caused, related
    event.timeline = timeline(event, caused)
    return event


def timeline(event: EventDetail, caused: Sequence[CausedExecution]) -> list[Moment]:
    """What happened, oldest first."""
    moments = [Moment(at=event.created_at, what="emitted", id=event.event_id, text=f"{event.type} was written")]
    if event.sent_at is not None:
        text = "handed off to the queue" if event.sink == "queue" else f"delivered to {event.sink}"
        moments.append(Moment(at=event.sent_at, what="sent", id=event.event_id, text=text))
    for execution in caused:
        moments += _moments(execution)
    return sorted(moments, key=lambda m: m.at)


def _moments(execution: CausedExecution) -> list[Moment]:
    job, made = execution.job, execution.link == "made"
    verb = "queued" if made else execution.link
    moments = [Moment(at=execution.queued_at, what=verb, id=execution.id, text=f"{job} {verb}")]
    for attempt in execution.attempts:
        text = f"{job} attempt {attempt.token} {attempt.outcome}: {attempt.error_class}: {attempt.error}"
        moments.append(Moment(at=attempt.ended_at, what=attempt.outcome, id=execution.id, text=text))
    for call in execution.vendor_calls:
        text = f"{job} asked {call.vendor} ({call.operation}): {call.state}, {call.items} items, {call.units_spent:g} units"
        moments.append(Moment(at=call.sent_at, what="vendor_call", id=call.id, text=text))
    if execution.started_at is not None:
        text = f"{job} attempt {execution.token} started"
        moments.append(Moment(at=execution.started_at, what="started", id=execution.id, text=text))
    if (said := execution.progress) is not None and (said.percent is not None or said.message):
        text = f"{job} attempt {said.attempt} said {said.in_words()}"
        moments.append(Moment(at=said.reported_at, what="progress", id=execution.id, text=text))
    if execution.finished_at is not None:
        text = f"{job} ended: {execution.state.value}"
        moments.append(Moment(at=execution.finished_at, what=execution.state.value, id=execution.id, text=text))
    return moments
