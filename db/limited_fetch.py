"""Fetching where limits stand: exact over all workers, since whoever counts what runs holds the limits' rows meanwhile.

System role, on a connection that is in no transaction: lock, count and take are one of their own. The locks come before those of
queue rows and executions (law 7); nobody who holds these waits for a limit.
"""

from __future__ import annotations

from collections.abc import Sequence

from db.queue import Delivery
from db.sql import load
from db.transaction import Tx

SQL = load("limited_fetch")


async def stands(tx: Tx) -> bool:
    """Does any limit stand? Then `queue.fetch` takes nothing, and `take` does."""
    return bool(await tx.fetchval(SQL["stands"]))


async def take(
    login: Tx, worker_id: int, queues: Sequence[str], limit: int
) -> tuple[list[Delivery], float | None, bool]:
    """As `queue.fetch`, within every limit. Returns (deliveries, seconds until a rate lets the next start, does a limit stand).

    Seconds are None when no job waits for a rate. Deliveries may be fewer than could start: ask again until there are none.
    """
    async with login.transaction():
        limited = bool(await login.fetch(SQL["lock"]))
        rows = await login.fetch(SQL["take"], list(queues), worker_id, limit)
    taken = [Delivery(*row[:-1]) for row in rows if row["delivery_id"] is not None]
    return taken, rows[0]["again_in_s"], limited
