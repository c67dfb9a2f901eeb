"""Who takes part: writers, dispatchers, workers, sweepers and sinks, each of the product's own parts, in a loop of its own.

Only the loops are ours: the product's wait for clocks and notifications, these for their turn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import SecretStr

from contracts.errors import Conflict, NotFound, Unavailable
from contracts.events import CrmProbeRequested, Probed
from contracts.settings import Settings
from contracts.webhook_endpoints import SINK
from db import executions, outbox, replays, soak
from db.queue import Stranded
from db.soak import Cause
from db.transaction import CONNECTION_ERRORS, DbRole, Pool, Tx, transaction
from front.soak.producer import Poison
from tests.simulation.hands import Hands
from tests.simulation.processes import Process
from tests.simulation.world import Limit
from worker.dispatcher import Dispatcher
from worker.maintenance import rescue_once
from worker.providers.tenant_webhook import Unreachable
from worker.sinks import WebhookSink
from worker.sweep import sweep_once

#: A worker silent for so long is dead, in seconds of the simulated clock.
DEAD_S = 0.5
_KINDS = ("plain", "framed", "flaky", "touch", "repeat", "scoped", "poison")
_WEIGHTS = (20, 30, 10, 25, 15, 12, 2)
_INTERRUPTED = (Unavailable, *CONNECTION_ERRORS)


def _fact(cause: Cause) -> Probed:
    kind = Poison if cause.kind == "poison" else Probed
    scope: Any = cause.key.partition(":")[0] if cause.kind == "scoped" else None
    return kind(probe_id=cause.probe, key=cause.key, framed=cause.kind not in ("plain", "poison"), scope=scope)


class ChangedItsMind(Exception):
    """The transaction is rolled back."""


@dataclass
class Cast:
    """What the actors of one seed share, none of it in the protocol's way: the world outside."""

    tenants: list[UUID]
    #: (tenant, endpoint, in order?)
    endpoints: list[tuple[UUID, UUID, bool]]
    #: What the first tenant's jobs are held to.
    limit: Limit | None = None
    #: Posts as the receiver saw them: (endpoint, event id).
    posts: list[tuple[UUID, str]] = field(default_factory=list)
    _probes: int = 0
    _said: list[tuple[UUID, UUID]] = field(default_factory=list)

    # -- the API

    async def writer(self, me: Process) -> None:
        pool = me.pool("plain")
        while not me.sim.draining:
            tenant = me.draw.choice(self.tenants)
            act = me.draw.choices(
                [self._emit, self._tell, self._line_up, self._cancel, self._retry, self._replay],
                [55, 20, 8, 10, 6, 6],
            )[0]
            try:
                await act(me, pool, tenant)
            except (Conflict, NotFound, ChangedItsMind, *_INTERRUPTED):
                continue

    async def _emit(self, me: Process, pool: Pool, tenant: UUID) -> None:
        causes = [self._cause(me, tenant) for _ in range(me.draw.randint(1, 4))]
        async with transaction(pool, tenant) as tx:
            await soak.record(tx, tenant, causes)
            if me.draw.random() < 0.7:
                await outbox.emit_many(tx, tenant, [_fact(each) for each in causes])
            else:
                for each in causes:
                    await outbox.emit(tx, tenant, _fact(each), priority=me.draw.choice([0, 5]))
            if me.draw.random() < 0.2:
                due = await tx.fetchval("SELECT app.now()") + timedelta(seconds=me.draw.choice([0.1, 1, 60]))
                later = Cause(self._probe(), "future", due_at=due)
                await soak.record(tx, tenant, [later])
                await outbox.emit(tx, tenant, _fact(later), available_at=due)
            if me.draw.random() < 0.1:
                raise ChangedItsMind

    def _probe(self) -> UUID:
        self._probes += 1
        return UUID(int=self._probes)

    def _cause(self, me: Process, tenant: UUID) -> Cause:
        kind = me.draw.choices(_KINDS, _WEIGHTS)[0]
        said = [probe for whose, probe in self._said if whose == tenant]
        if kind == "repeat" and said:
            return Cause(me.draw.choice(said[-4:]), kind)
        probe = self._probe()
        if kind in ("repeat", "framed", "flaky"):
            self._said.append((tenant, probe))
        key = f"k{me.draw.randrange(2)}" if kind == "touch" else ""
        if kind == "scoped":
            key = f"{me.draw.choice(['exclusive', 'exclusive', 'period'])}:k"
        return Cause(probe, "framed" if kind == "repeat" else kind, key)

    async def _line_up(self, me: Process, pool: Pool, tenant: UUID) -> None:
        """Events of one key, whose jobs run one after the other."""
        causes = [Cause(self._probe(), me.draw.choice(["framed", "framed", "flaky"])) for _ in range(2)]
        async with transaction(pool, tenant) as tx:
            await soak.record(tx, tenant, causes)
            for each in causes:
                await outbox.emit(tx, tenant, _fact(each), ordering_key="line")

    async def _tell(self, me: Process, pool: Pool, tenant: UUID) -> None:
        """Facts for the tenant's endpoints, some of which must hear them in order."""
        endpoint, ordered = me.draw.choice([(e, o) for t, e, o in self.endpoints if t == tenant])
        key = f"webhook:{endpoint}" if ordered else None
        async with transaction(pool, tenant) as tx:
            for _ in range(me.draw.randint(1, 2)):
                await outbox.emit(
                    tx, tenant, CrmProbeRequested(for_tenant=endpoint, probe_id=endpoint), sink=SINK, ordering_key=key
                )
            if me.draw.random() < 0.1:
                raise ChangedItsMind

    async def _cancel(self, me: Process, pool: Pool, tenant: UUID) -> None:
        async with transaction(pool, tenant) as tx:
            await executions.cancel_execution(tx, [tenant], await _any(me, tx, tenant), "olga")

    async def _retry(self, me: Process, pool: Pool, tenant: UUID) -> None:
        async with transaction(pool, tenant) as tx:
            await executions.retry_execution(tx, [tenant], await _any(me, tx, tenant, _OVER), "olga")

    async def _replay(self, me: Process, pool: Pool, tenant: UUID) -> None:
        async with transaction(pool, tenant) as tx:
            found = await tx.fetch(
                "SELECT event_id, aggregate_id FROM app.outbox o WHERE tenant_id = $1 AND sink = 'queue' ORDER BY id",
                tenant,
            )
            if not found:
                return
            which = me.draw.choice(found)
            replayed = await replays.replay_event(tx, [tenant], which["event_id"], "olga")
            if replayed.event_id != which["event_id"]:
                await soak.record(tx, tenant, [Cause(which["aggregate_id"], "repeat")])

    # -- outbox -> queue

    async def dispatcher(self, me: Process) -> None:
        pool = me.pool("dispatch")
        while True:
            await me.turn("looks")
            settings = Settings.model_construct(
                dispatch_batch=me.draw.choice([1, 2, 5, 50]), dispatch_tenant_buffer=me.draw.choice([3, 200])
            )
            part = Dispatcher(pool, settings)
            part.peers = me.draw.choice([1, 2])
            try:
                await part.dispatch_batch()
                if me.sim.draining or me.draw.random() < 0.4:
                    await part._pause()  # who stands in a line gets a turn
            except _INTERRUPTED:
                continue

    # -- rescue, reclaim

    async def sweeper(self, me: Process) -> None:
        pool = me.pool("plain")
        while True:
            await me.turn("looks")
            try:
                if me.draw.random() < 0.6:
                    await rescue_once(pool, DEAD_S, _quarantined)
                else:
                    await sweep_once(pool)
            except asyncpg.UniqueViolationError:
                continue  # its like was handed off meanwhile: a round that fails is said, and the next one sees it
            except _INTERRUPTED:
                continue

    # -- queue -> effects

    async def worker(self, me: Process) -> None:
        await Hands(me).work()

    # -- outbox -> outside

    async def sink(self, me: Process) -> None:
        settings = Settings.model_construct(webhook_signing_key=SecretStr("x" * 40), webhook_timeout_s=10.0)
        part = WebhookSink(me.pool("plain"), settings, _Receiver(me, self.posts))
        while True:
            await me.turn("looks")
            part._chores_at = me.draw.choice([0.0, float("inf")])
            try:
                await part.turn()
            except _INTERRUPTED:
                continue


@dataclass
class _Receiver:
    me: Process
    posts: list[tuple[UUID, str]]

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """It hears, or not; it answers, or not."""
        await self.me.turn("posts")
        luck = 0.9 if self.me.sim.draining else self.me.draw.random()
        if luck < 0.1:
            raise Unreachable("away")
        self.posts.append((UUID(int=0) if url.endswith("none") else UUID(int=1), headers["X-Headwater-Event"]))
        await self.me.turn("is answered")
        if luck < 0.2:
            raise Unreachable("no answer")
        return 503 if luck < 0.25 else 422 if luck < 0.3 else 200


async def _quarantined(tx: Tx, one: Stranded) -> None:
    """Nor for one that was given up."""


_OVER = ("dead", "cancelled", "quarantined")


async def _any(me: Process, tx: Tx, tenant: UUID, states: tuple[str, ...] = ("queued", "running", "waiting")) -> UUID:
    """One of the tenant's executions. Raises: NotFound."""
    query = "SELECT id FROM app.job_executions WHERE tenant_id = $1 AND state = ANY($2) ORDER BY id"
    found: list[Any] = await tx.fetch(query, tenant, list(states))
    if not found:
        raise NotFound("there is none")
    chosen: UUID = me.draw.choice(found)["id"]
    return chosen


async def mend(pool: Pool, tenants: list[UUID]) -> int:
    """An operator retries whatever was given up or cancelled, and enables every endpoint; returns how many jobs."""
    mended = 0
    for tenant in tenants:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            query = "SELECT id FROM app.job_executions WHERE tenant_id = $1 AND state = ANY($2) ORDER BY id"
            found = await tx.fetch(query, tenant, list(_OVER))
        for row in found:
            async with transaction(pool, tenant) as tx:
                await executions.retry_execution(tx, [tenant], row["id"], "olga")
            mended += 1
    return mended
