"""Figures for scrapers: the whole installation's, without tenants' names. Every query is bounded (system role)."""

from __future__ import annotations

from dataclasses import dataclass

from db import limits, queue
from db.sql import load
from db.transaction import Tx

SQL = load("metrics")
#: Counting stops here: a gauge that shows it means "at least".
MOST = 100_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Counts by label; `oldest_due_s` and `dispatched_s_ago` are seconds, None when there is nothing."""

    outbox: dict[str, int]
    oldest_due_s: float | None
    queue: dict[tuple[str, str], int]
    workers: int
    dispatched_s_ago: float | None
    runs: dict[str, int]
    runs_ended: dict[str, int]
    dead_letters: int
    #: Of the last hour: attempts taken for dead, and those of them that were not.
    rescues: dict[str, int]
    #: (scope, `paused` or `limited`) -> how many.
    held: dict[tuple[str, str], int]


async def snapshot(tx: Tx, *, dead_after_s: float) -> Snapshot:
    """Read every figure in one transaction."""
    workers, dispatched_s_ago = await queue.alive(tx, dead_after_s)
    return Snapshot(
        outbox={r["state"]: r["events"] for r in await tx.fetch(SQL["outbox_depth"], MOST)},
        oldest_due_s=await tx.fetchval(SQL["outbox_oldest_due"]),
        queue={(r["queue_name"], r["status"]): r["jobs"] for r in await tx.fetch(SQL["queue_depth"], MOST)},
        workers=workers,
        dispatched_s_ago=dispatched_s_ago,
        runs={r["status"]: r["runs"] for r in await tx.fetch(SQL["open_runs"], MOST)},
        runs_ended={r["status"]: r["runs"] for r in await tx.fetch(SQL["ended_runs"], MOST)},
        rescues=dict(await tx.fetchrow(SQL["rescues"], MOST) or {}),
        dead_letters=await tx.fetchval(SQL["dead_letters"], MOST),
        held=await limits.held(tx),
    )
