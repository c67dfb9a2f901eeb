"""SQL of the ablation of `headwater bench`: the hot statements of queue and outbox with one law after the other left out.

Only ever run on a database of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from contracts.jobs import Job
from db.outbox import Claimed
from db.sql import load
from db.transaction import Tx

SQL = load("bench_ablation")


async def queue_rows(tx: Tx, tenant: UUID, how_many: int) -> None:
    """Rows of the queue that nothing stands behind."""
    await tx.execute(SQL["queue_rows"], how_many, tenant)


async def take_rows(tx: Tx, queues: Sequence[str], limit: int) -> list[Any]:
    """(id, attempts, ...) of up to `limit` rows."""
    return list(await tx.fetch(SQL["take_rows"], limit, list(queues)))


async def end_rows(tx: Tx, rows: Sequence[Any]) -> None:
    await tx.execute(SQL["end_rows"], [r["id"] for r in rows], [r["attempts"] for r in rows])


async def move(tx: Tx, claimed: Sequence[Claimed], *, keep: bool) -> None:
    """Take events from the outbox, with or without a row of history."""
    await tx.execute(SQL["kept" if keep else "gone"], [event.place for event in claimed])


async def make(tx: Tx, routed: Sequence[tuple[Claimed, Job]]) -> None:
    """Events become history and executions, but no rows of the queue."""
    places = [event.place for event, _ in routed]
    await tx.execute(SQL["made"], places, [job.key for _, job in routed], [job.payload for _, job in routed])
