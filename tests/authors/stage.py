"""A worker's hands on jobs of a test's own body: fetch, perform in the real frame, finish."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from contracts.events import Event, Probed
from contracts.settings import Settings
from db import outbox, queue
from db.queue import Delivery
from db.transaction import DbRole, Pool, transaction
from tests.queue.seeding import TENANT, hand_off
from worker.activities import ACTIVITIES
from worker.context import Context
from worker.perform import Activity, Performer
from worker.providers.registry import Registry

Body = Callable[[Context, Any], Awaitable[None]]


def performer(pool: Pool, body: Body | None = None, job: str = "probe.run") -> Performer:
    """The frame, with `body` in the place of a job's own."""
    acts = dict(ACTIVITIES)
    if body is not None:
        acts[job] = Activity(body, ACTIVITIES[job].stopped)
    return Performer(pool, Settings(), Registry({}, {}), acts, lambda: None)


async def said(pool: Pool, *events: Event, tenant: UUID = TENANT, at: datetime | None = None, **how: Any) -> list[UUID]:
    """Emit events of `tenant` in one transaction; gives their ids. `at`: when they were written, whatever the clock says."""
    async with transaction(pool, tenant) as tx:
        ids = [await outbox.emit(tx, tenant, event, **how) for event in events]
    if at is not None:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            await tx.execute("UPDATE app.outbox_events SET created_at = $2 WHERE event_id = ANY($1)", ids, at)
    return ids


def probe(key: str = "", **more: Any) -> Probed:
    return Probed(probe_id=uuid4(), key=key, **more)


async def queued(pool: Pool, *events: Event, **how: Any) -> list[UUID]:
    """Emit and hand off."""
    ids = await said(pool, *events, **how)
    await hand_off(pool)
    return ids


async def worker(pool: Pool) -> int:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return await queue.register(tx, "here", 1, ["jobs"])


async def taken(pool: Pool, who: int, limit: int = 10) -> list[Delivery]:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return await queue.fetch(tx, who, ["probe"], limit)


async def finished(pool: Pool, *deliveries: Delivery) -> None:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await queue.finish(tx, deliveries)


async def worked(pool: Pool, who: int, body: Body | None = None, limit: int = 10, job: str = "probe.run") -> int:
    """Take what stands in the queue, perform it, finish it; gives how many."""
    held = await taken(pool, who, limit)
    frame = performer(pool, body, job)
    for delivery in held:
        await frame(delivery)
    await finished(pool, *held)
    return len(held)
