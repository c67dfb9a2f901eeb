"""The outbox: emit (anyone), claim and hand off (the dispatcher), lease and settle (external sinks)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.errors import Invalid
from contracts.events import Event, OnFailure, Redelivery, payload_of
from contracts.jobs import JOBS, Again, Job
from contracts.webhook_endpoints import SINK
from contracts.webhook_endpoints import ordering_key as endpoint_key
from db import spans
from db.ids import new_id
from db.sql import load
from db.transaction import Tx

SQL = load("outbox")
#: Backoff of handoffs and deliveries: base and cap in seconds.
BACKOFF_BASE_S = 1.0
BACKOFF_CAP_S = 300.0
#: Where events for our queue wait that have an ordering key, until it is their turn (`db.turns`).
ORDERED = "ordered"
_PERIODIC = frozenset(name for name, spec in JOBS.items() if spec.period_s is not None)

#: Tenants, and when the first waiting event of each was or is due.
Heads = tuple[list[UUID], list[datetime]]


@dataclass(frozen=True, slots=True)
class Claimed:
    """An event locked by this transaction. `place` is its row, good only inside the transaction."""

    place: tuple[int, int]
    event_id: UUID
    type: str
    version: int
    payload: dict[str, Any]
    tenant_id: UUID


async def emit(
    tx: Tx,
    tenant: UUID,
    event: Event,
    *,
    correlation_id: UUID | None = None,
    headers: dict[str, str] | None = None,
    available_at: datetime | None = None,
    sink: str = "queue",
    ordering_key: str | None = None,
    on_failure: OnFailure | None = None,
    priority: int = 0,
) -> UUID:
    """Write an event in the caller's transaction; it exists if and only if the transaction commits. Returns its id.

    Events of one `ordering_key` go one at a time, in the order of their commits: to our queue, the next when the jobs of the one
    before have ended. `on_failure`: what becomes of the rest when one fails; absent: what its type says.

    Raises: Invalid for a webhook's delivery with a key that is not its endpoint's: nobody would ever lease it.
    """
    if sink == SINK and ordering_key not in (None, endpoint_key(event.aggregate_id)):
        own = endpoint_key(event.aggregate_id)
        raise Invalid(
            f"no webhook endpoint takes deliveries with the ordering key {ordering_key!r}: leave it out, or use {own!r}",
            code="foreign_ordering_key",
        )
    event_id = new_id()
    what = (tenant, event_id, event.aggregate_type, event.aggregate_id, event.type, event.version, payload_of(event))
    with spans.tracer.emit([event]) as span:
        headers = span.onto(headers)
        if not (headers or available_at or ordering_key or priority or sink != "queue"):
            await tx.execute(SQL["emit_plain"], *what, correlation_id)
            return event_id
        if ordering_key is not None:
            sink = ORDERED if sink == "queue" else sink
            headers = {**(headers or {}), "on_failure": on_failure or event.on_failure}
            await tx.execute(SQL["lock_ordering_key"], str(tenant), ordering_key)
        await tx.execute(SQL["emit"], *what, headers or {}, correlation_id, sink, priority, ordering_key, available_at)
    return event_id


async def emit_many(
    tx: Tx,
    tenant: UUID,
    events: Sequence[Event],
    *,
    correlation_id: UUID | None = None,
    headers: dict[str, str] | None = None,
) -> None:
    """Write events, due now, in one statement and in the order given."""
    if not events:
        return
    with spans.tracer.emit(events) as span:
        await tx.execute(
            SQL["emit_many"],
            tenant,
            [e.aggregate_type for e in events],
            [e.aggregate_id for e in events],
            [e.type for e in events],
            [e.version for e in events],
            [payload_of(e) for e in events],
            span.onto(headers) or {},
            correlation_id,
        )


async def redeliver_at(
    tx: Tx, tenant: UUID, execution_id: UUID, when: datetime | None, *, correlation_id: UUID | None = None
) -> None:
    """Let an execution that is `waiting` be delivered again at `when` (None = now)."""
    await emit(tx, tenant, Redelivery(execution_id=execution_id), correlation_id=correlation_id, available_at=when)


async def carried(tx: Tx, tenant: UUID, event_id: UUID) -> dict[str, str]:
    """The headers of an event that was handed off, as it was emitted; empty when it is not kept any more."""
    headers: dict[str, str] | None = await tx.fetchval(SQL["carried"], tenant, event_id)
    return headers or {}


async def heads(tx: Tx) -> Heads:
    """Where each tenant's events begin. While a snapshot is held, finding out passes all that was handed off since."""
    rows = await tx.fetch(SQL["heads"])
    return [r["tenant_id"] for r in rows], [r["available_at"] for r in rows]


async def claim(
    tx: Tx, *, batch: int, tenant_buffer: int | None, sharers: int = 1, since: Heads | None = None
) -> list[Claimed]:
    """Lock due events, round-robin over tenants; a tenant with `tenant_buffer` queued jobs standing gets none (None: no limit).

    `sharers`: how many claims may be under way at once, this one included. None sees what the others do before they
    commit, so each takes its share of a tenant's room, one event at least.
    `since`: what `heads` has said; nothing before it is looked at.
    """
    begins = since or (None, None)
    return [Claimed(*row) for row in await tx.fetch(SQL["claim"], batch, tenant_buffer, sharers, *begins)]


async def held_back(tx: Tx) -> tuple[bool, float | None, bool]:
    """(is a due event still standing, seconds until the next future one, does one wait for its turn)."""
    row = await tx.fetchrow(SQL["held_back"])
    return (row["backlog"], row["next_due_s"], row["ordered"]) if row else (False, None, False)


async def hand_off(tx: Tx, routed: Sequence[tuple[Claimed, Sequence[Job | Again]]]) -> int:
    """Move events to history and make their jobs, in the claiming transaction. Returns how many jobs are new."""
    jobs = [
        (nth, event, route)
        for nth, (event, routes) in enumerate(routed, 1)
        for route in routes
        if isinstance(route, Job)
    ]
    made = await _make(tx, routed, await _in_their_period(tx, jobs))
    again = [
        (event.tenant_id, route.execution_id)
        for event, routes in routed
        for route in routes
        if isinstance(route, Again)
    ]
    if again:
        await tx.execute(SQL["redeliver"], [t for t, _ in again], [e for _, e in again])
    return made + len(again)


async def _in_their_period(tx: Tx, jobs: Sequence[tuple[int, Claimed, Job]]) -> Sequence[tuple[int, Claimed, Job]]:
    """Jobs that are unique in a period get the key of the one in which their event was written; for the others nothing is asked."""
    places = [event.place for _, event, job in jobs if job.name in _PERIODIC]
    if not places:
        return jobs
    written = {row["place"]: row["created_at"] for row in await tx.fetch(SQL["written_at"], places)}
    return [
        (nth, event, replace(job, key=JOBS[job.name].key_at(job.key, written[event.place])))
        if job.name in _PERIODIC
        else (nth, event, job)
        for nth, event, job in jobs
    ]


async def _make(
    tx: Tx, routed: Sequence[tuple[Claimed, Sequence[Job | Again]]], jobs: Sequence[tuple[int, Claimed, Job]]
) -> int:
    comes_free = any(JOBS[job.name].scope in ("coalesce", "exclusive") for _, _, job in jobs)
    while True:
        if comes_free:
            await tx.execute("SAVEPOINT made")
        made = await _insert(tx, routed, jobs)
        if made == len(jobs) or await _absorb(tx, jobs):
            return made
        # A key came free when its job started, or ended. Taking it now, after keys that follow it, could deadlock (law 7): let go
        # of them, and take all in order once more.
        await tx.execute("ROLLBACK TO SAVEPOINT made")


async def _insert(
    tx: Tx, routed: Sequence[tuple[Claimed, Sequence[Job | Again]]], jobs: Sequence[tuple[int, Claimed, Job]]
) -> int:
    specs = [JOBS[name] for name in dict.fromkeys(job.name for _, _, job in jobs)]
    kinds = {spec.name: kind for kind, spec in enumerate(specs, 1)}
    row = await tx.fetchrow(
        SQL["handoff"],
        [event.place for event, _ in routed],
        [len(routes) for _, routes in routed],
        [nth for nth, _, _ in jobs],
        [kinds[job.name] for _, _, job in jobs],
        [job.key for _, _, job in jobs],
        [job.priority for _, _, job in jobs],
        [job.payload for _, _, job in jobs],
        [job.run_id for _, _, job in jobs],
        [spec.name for spec in specs],
        [spec.queue for spec in specs],
        [spec.scope for spec in specs],
    )
    if row is None or row["gone"] != len(routed):
        raise RuntimeError(f"handoff moved {row and row['gone']} of {len(routed)} locked events")
    return int(row["queued"])


async def _absorb(tx: Tx, wanted: Sequence[tuple[int, Claimed, Job]]) -> bool:
    """Account for events whose job existed already. False: one met a job that has started meanwhile."""
    left = await tx.fetchval(
        SQL["absorb"],
        [event.tenant_id for _, event, _ in wanted],
        [job.name for _, _, job in wanted],
        [job.key for _, _, job in wanted],
        [event.event_id for _, event, _ in wanted],
    )
    return not left


async def park(tx: Tx, event: Claimed, error: str, error_class: str, *, max_attempts: int) -> bool:
    """Record a failed handoff: retried with backoff, buried at the last. True when buried."""
    row = await tx.fetchrow(SQL["park"], event.place, error, error_class, BACKOFF_BASE_S, BACKOFF_CAP_S)
    if row is None or row["attempts"] < max_attempts:
        return False
    await tx.execute(SQL["bury"], row["place"], error, error_class)
    return True
