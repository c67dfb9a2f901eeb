"""What stands in the outbox and how fast it moves, in bounded time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from asyncpg import Record

from contracts.limits import Held
from contracts.outbox import Depth, EventStatus, Rate, Stats
from db import limits, paging, queue
from db.sql import load
from db.transaction import Tx

SQL = load("stats")
#: Counts stop here for each tenant; the answer then says `truncated`.
BOUND = 100_000
RATE_BOUND = 1_000_000


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """Jobs queued and running of the tenants asked for; workers alive; seconds since their last dispatch; what holds work back."""

    queued: int
    running: int
    workers: int
    dispatched_s_ago: float | None
    held: Sequence[Held] = ()


async def queue_depth(tx: Tx, tenants: Sequence[UUID], *, alive_within_s: float) -> QueueDepth:
    """Counts only, nobody's rows. `tx` acts as system: the app role has no rights in the queue."""
    workers, ago = await queue.alive(tx, alive_within_s)
    queued = await tx.fetchval(SQL["queue"], list(tenants), BOUND)
    running = await tx.fetchval(SQL["running"], list(tenants))
    return QueueDepth(queued, running, workers, ago, await limits.holding(tx, tenants))


async def stats(tx: Tx, tenants: Sequence[UUID], depth: QueueDepth) -> Stats:
    """Depth by state and type, age of the oldest due event in seconds, rates over 1, 5 and 60 minutes."""
    return put_together(await outbox_rows(tx, tenants), depth)


@dataclass(frozen=True, slots=True)
class OutboxRows:
    """What was read of the outbox: its depth, what moved, open dead letters by kind."""

    row: Record
    moved: Record
    letters: dict[str, int]


async def outbox_rows(tx: Tx, tenants: Sequence[UUID]) -> OutboxRows:
    """The part of `stats` that a tenant may read by itself."""
    ids = list(tenants)
    await paging.steady(tx)
    row = await tx.fetchrow(SQL["depth"], ids, BOUND)
    moved = await tx.fetchrow(SQL["rates"], ids, RATE_BOUND)
    assert row is not None
    assert moved is not None
    return OutboxRows(row, moved, {r["kind"]: r["count"] for r in await tx.fetch(SQL["dead_letters"], ids, BOUND)})


def put_together(read: OutboxRows, depth: QueueDepth) -> Stats:
    """`stats` of its two parts, for whoever reads them side by side."""
    row, moved, letters = read.row, read.moved, read.letters
    standing = [Depth.model_validate(d) for d in row["depth"] or []]
    counts = {s.value: sum(d.count for d in standing if d.state is s) for s in EventStatus if s is not EventStatus.SENT}
    counts["dead_letter"] = letters.get("event", 0)
    return Stats(
        at=row["now"],
        counts=counts,
        depth=standing,
        truncated=row["truncated"] or moved["looked"] >= RATE_BOUND or any(n >= BOUND for n in letters.values()),
        oldest_due_age_s=row["oldest_due_age_s"],
        next_due_at=row["next_due_at"],
        rates=[
            Rate(
                window_s=w,
                emitted_per_s=round((moved[f"emitted_{w}"] + row["emitted"][str(w)]) / w, 3),
                sent_per_s=round(moved[f"sent_{w}"] / w, 3),
            )
            for w in (60, 300, 3600)
        ],
        dead_letters_open={kind: letters.get(kind, 0) for kind in ("event", "job")},
        queue={"queued": depth.queued, "running": depth.running},
        workers=depth.workers,
        dispatched_s_ago=depth.dispatched_s_ago,
        held=list(depth.held),
    )
