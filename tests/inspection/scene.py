"""Two tenants, the real dispatcher, and a worker's hands: what inspection is shown to look at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from contracts.events import Event, Probed
from contracts.outbox import EventFilter, EventRow, EventStatus
from contracts.settings import Settings
from db import inspection, jobs, outbox, queue, tenants
from db.ids import new_id
from db.pool import open_pool
from db.queue import Delivery
from db.transaction import DbRole, Pool, Tx, transaction
from worker.dispatcher import Dispatcher


@dataclass
class Scene:
    """`mine` is whose events the tests look at, `other` is who must not be seen."""

    pool: Pool
    url: str
    mine: UUID
    other: UUID

    def dispatcher(self, **changes: Any) -> Dispatcher:
        return Dispatcher(self.pool, Settings.model_construct(**(Settings.model_construct().model_dump() | changes)))

    @asynccontextmanager
    async def app(self, tenant: UUID | None = None) -> AsyncIterator[Tx]:
        """A transaction of a tenant, as the API has it."""
        async with transaction(self.pool, tenant or self.mine) as tx:
            yield tx

    @asynccontextmanager
    async def system(self, role: DbRole = DbRole.SYSTEM) -> AsyncIterator[Tx]:
        async with transaction(self.pool, None, role=role) as tx:
            yield tx

    async def emit(
        self,
        *events: Event,
        tenant: UUID | None = None,
        at: datetime | None = None,
        correlation_id: UUID | None = None,
    ) -> list[UUID]:
        """Write events as the product does; a probe when none is given."""
        facts = events or (Probed(probe_id=uuid4()),)
        async with self.app(tenant) as tx:
            return [
                await outbox.emit(tx, tenant or self.mine, fact, available_at=at, correlation_id=correlation_id)
                for fact in facts
            ]

    async def emit_poison(self, tenant: UUID | None = None) -> UUID:
        """An event that newer code wrote: the dispatcher here cannot route it."""
        async with self.app(tenant) as tx:
            event_id = new_id()
            await tx.execute(
                outbox.SQL["emit"],
                tenant or self.mine,
                event_id,
                "lead",
                uuid4(),
                "LeadForgotten",
                1,
                {},
                {},
                None,
                "queue",
                0,
                None,
                None,
            )
        return event_id

    async def dispatch(self, **changes: Any) -> int:
        """Hand off everything that is due; gives how many jobs are new."""
        dispatcher, made = self.dispatcher(**changes), 0
        while True:
            moved, claimed = await dispatcher.dispatch_batch()
            made += moved
            if not claimed:
                return made

    async def bury(self, tenant: UUID | None = None) -> UUID:
        """A dead letter, made by the dispatcher out of poison."""
        event_id = await self.emit_poison(tenant)
        await self.dispatch(outbox_max_attempts=1)
        return event_id

    async def take(self, count: int = 1) -> list[Delivery]:
        """Start jobs, as a worker does."""
        async with self.system() as tx:
            worker_id = await queue.register(tx, "tests", 1, ["jobs"])
            return await queue.fetch(tx, worker_id, ["probe", "discovery"], count)

    async def finish(self, *deliveries: Delivery) -> None:
        async with self.system() as tx:
            await queue.finish(tx, deliveries)

    async def give_up(self, delivery: Delivery, error_class: str = "bad_answer") -> None:
        """End a job as dead, as the frame does."""
        async with self.app(delivery.tenant_id) as tx:
            await jobs.end(
                tx, delivery.tenant_id, delivery.execution_id, delivery.token,
                state="dead", error_class=error_class, error="the vendor sent HTML", traceback="Traceback: here",
            )  # fmt: skip
        delivery.settled = True
        await self.finish(delivery)

    async def put_off(self, delivery: Delivery, delay_s: float) -> None:
        """Let an attempt fail and be retried later, as the frame does."""
        async with self.app(delivery.tenant_id) as tx:
            await jobs.put_off(
                tx, delivery.tenant_id, delivery.execution_id, delivery.token, outcome="failed", counts=True, delay_s=delay_s,
                error_class="vendor_down", error="gleif answered 503", traceback=None, correlation_id=None,
            )  # fmt: skip
        delivery.settled = True
        await self.finish(delivery)

    async def list_(self, *status: EventStatus, tenant: UUID | None = None, **asked: Any) -> list[EventRow]:
        """All pages of a list, as a tenant."""
        who, items, cursor = tenant or self.mine, list[EventRow](), None
        while True:
            async with self.app(who) as tx:
                which = EventFilter(status=list(status), **asked)
                page = await inspection.list_events(tx, [self.mine, self.other], which, limit=3, cursor=cursor)
            items += page.items
            cursor = page.next_cursor
            if cursor is None:
                return items


@asynccontextmanager
async def scene_on(url: str) -> AsyncIterator[Scene]:
    pool = await open_pool(url, name="tests", size=4)
    try:
        made = []
        for slug in ("mine", "other"):
            async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
                made.append((await tenants.create(tx, slug, by="tests")).id)
        yield Scene(pool, url, made[0], made[1])
    finally:
        await pool.close()
