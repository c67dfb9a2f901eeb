"""Emits events in real transactions, each with its cause beside it; some transactions are rolled back on purpose."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID

import asyncpg
import structlog

from contracts.errors import Unavailable
from contracts.events import Probed
from db import outbox, queue, soak
from db.pool import open_pool
from db.soak import Cause
from db.transaction import CONNECTION_ERRORS, DbRole, Pool, transaction

#: Events of one transaction.
BATCH = 200
#: What an event may be, and how many of a thousand are.
KINDS = ("plain", "framed", "flaky", "touch", "repeat", "poison")
WEIGHTS = (549, 250, 30, 120, 50, 1)
#: Events a transaction that are due later, and the longest they wait, in seconds.
FUTURE, LONGEST_S = 3, 15.0
#: Transactions that are rolled back after all, of a hundred.
ROLLED_BACK = 4
#: Keys of coalesced changes, a tenant.
KEYS = 12
#: The outbox may be this long; producers wait beyond it.
LONGEST_BACKLOG = 20_000

log = structlog.get_logger("soak.producer")


class Poison(Probed):
    """An event of a version nobody knows: the dispatcher must bury it, alone."""

    version: ClassVar[int] = 99


class ChangedItsMind(Exception):
    """The transaction is rolled back, events and all."""


@dataclass(slots=True)
class Producer:
    """Emits `rate` events a second for `tenants`, until cancelled."""

    pool: Pool
    tenants: Sequence[UUID]
    rate: float
    draw: random.Random
    _done: dict[UUID, deque[UUID]] = field(default_factory=dict)

    async def run(self) -> None:
        """An outage is waited for: what was not committed never was."""
        due, batches = time.monotonic(), 0
        while True:
            batches += 1
            try:
                await self._batch(self.draw.choice(self.tenants))
                while batches % 5 == 0 and await self._backlog() >= LONGEST_BACKLOG:
                    await asyncio.sleep(0.5)
                    due = time.monotonic()
            except ChangedItsMind:
                log.info("rolled_back", events=BATCH)
            except (Unavailable, *CONNECTION_ERRORS, asyncpg.PostgresError) as error:
                log.info("emit_interrupted", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(0.2)
            due = max(due + BATCH / self.rate, time.monotonic() - 1)
            await asyncio.sleep(due - time.monotonic())

    async def _batch(self, tenant: UUID) -> None:
        past = self._done.setdefault(tenant, deque(maxlen=500))
        causes = [self._cause(past) for _ in range(BATCH - FUTURE)]
        later = [Cause(self._id(), "future", due_at=self._later()) for _ in range(FUTURE)]
        async with transaction(self.pool, tenant) as tx:
            await soak.record(tx, tenant, [*causes, *later])
            await outbox.emit_many(tx, tenant, [_fact(each) for each in causes])
            for each in later:
                await outbox.emit(tx, tenant, _fact(each), available_at=each.due_at)
            if self.draw.random() * 100 < ROLLED_BACK:
                raise ChangedItsMind
        past.extend(each.probe for each in causes if each.kind in ("framed", "flaky"))
        await self._wake()

    async def _wake(self) -> None:
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            await queue.wake(tx, queue.OUTBOX_CHANNEL)

    async def _backlog(self) -> int:
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            return await soak.backlog(tx, LONGEST_BACKLOG)

    def _cause(self, past: deque[UUID]) -> Cause:
        kind = self.draw.choices(KINDS, WEIGHTS)[0]
        if kind == "repeat":
            return Cause(self.draw.choice(past), kind) if past else Cause(self._id(), "framed")
        return Cause(self._id(), kind, f"k{self.draw.randrange(KEYS)}" if kind == "touch" else "")

    def _id(self) -> UUID:
        return UUID(int=self.draw.getrandbits(128), version=4)

    def _later(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.draw.uniform(1, LONGEST_S))


def _fact(cause: Cause) -> Probed:
    kind = Poison if cause.kind == "poison" else Probed
    return kind(probe_id=cause.probe, key=cause.key, framed=cause.kind not in ("plain", "poison"))


async def produce(url: str, tenants: Sequence[UUID], rate: float) -> None:
    """A producer on connections of its own, until cancelled. Raises: Unavailable at the start."""
    pool = await open_pool(url, name="headwater soak producer", size=2, idle_in_transaction_s=10)
    try:
        # Of its own each time: one that is started again must not repeat itself.
        await Producer(pool, tenants, rate, random.Random()).run()  # noqa: S311
    finally:
        pool.terminate()
