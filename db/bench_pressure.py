"""SQL of `headwater bench --only pressure`: what an installation has standing about, made in bulk.

Only ever run on a database of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from db.sql import load
from db.transaction import Tx

SQL = load("bench_pressure")


async def finished(tx: Tx, tenants: Sequence[UUID], how_many: int) -> None:
    """Executions that were done within the last day, and their events in history."""
    await tx.execute(SQL["finished"], list(tenants), how_many, timeout=600)


async def waiting(tx: Tx, tenants: Sequence[UUID], how_many: int, *, due_in_s: float = 0.0) -> None:
    """Events in the outbox."""
    await tx.execute(SQL["waiting"], list(tenants), how_many, due_in_s, timeout=600)


async def clear(tx: Tx) -> None:
    """Empty outbox and queue (owner role); what is finished stays."""
    await tx.execute(SQL["clear"])


async def stale(tx: Tx, on: bool) -> None:
    """Keep autovacuum away from outbox and queue, or let it come again (owner role)."""
    for name in ("deaf", "deaf_queue") if on else ("hearing", "hearing_queue"):
        await tx.execute(SQL[name])


async def vacuum(login: Tx) -> None:
    """Leave nothing to do for autovacuum and checkpointer."""
    await login.execute(SQL["vacuum"], timeout=600)
    await login.execute(SQL["checkpoint"], timeout=600)
