"""A worker process of a simulation, and the bodies of its jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from contracts.errors import Unavailable
from contracts.events import Probed
from contracts.jobs import ALONE_QUEUE, Payload, Probe
from contracts.settings import Settings
from db import outbox, queue, soak
from db.soak import Cause
from db.transaction import CONNECTION_ERRORS, Tx
from front.soak import jobs as bodies
from tests.simulation.processes import PROCESS, Process
from worker.context import Context, Stopped
from worker.perform import Activity, Performer
from worker.providers.registry import Registry
from worker.queue.app import build_app
from worker.queue.connector import AsyncpgConnector
from worker.queue.fetcher import Fetcher
from worker.queue.pool import Line
from worker.queue.slots import Slots

_INTERRUPTED = (Unavailable, *CONNECTION_ERRORS)
#: What came of a chain is told from its cause by this bit.
_CHAINED = 1 << 100


class Hands:
    """A worker process: the product's fetcher, slots, finisher and frame, and a heartbeat."""

    def __init__(self, me: Process) -> None:
        self.me = me
        self.pool = me.pool("queue")
        settings = Settings.model_construct()
        performer = Performer(me.pool("plain"), settings, Registry({}, {}), ACTIVITIES, lambda: None)
        app = build_app(AsyncpgConnector(self.pool, ""), performer)
        self.stopping = asyncio.Event()
        self.slots = Slots(app, performer, ["probe"], Line(self.pool), lambda: None)
        self.fetcher = Fetcher(Line(self.pool), ["probe"], self.slots.ids, self.stopping)
        self.worker_id = 0

    async def work(self) -> None:
        await self._insist(self._register)
        beats = asyncio.create_task(self._beat())
        self.me.sim.beating[self.me] = self.worker_id
        for _ in range(self.me.draw.choice([10, 1000])):
            await self.me.turn("looks")
            await self._look()
        await self._leave()
        beats.cancel()

    async def _register(self) -> None:
        connection = await self.pool.acquire()
        try:
            self.worker_id = await queue.register(connection, "here", self.me.number, ["jobs"])
        finally:
            await self.pool.release(connection)

    async def _insist(self, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await act()
            except _INTERRUPTED:
                await self.me.turn("tries again")

    async def _beat(self) -> None:
        while True:
            await self.me.turn("beats")
            connection = await self.pool.acquire()
            try:
                await queue.beat(connection, self.worker_id)
            except _INTERRUPTED:
                continue
            finally:
                await self.pool.release(connection)

    async def _look(self) -> None:
        """One round of the worker's loop, in whatever order its clocks may bring it about."""
        draw, slots = self.me.draw, self.slots
        self.fetcher._reconcile_at = 0.0 if draw.random() < 0.15 else float("inf")
        if draw.random() < 0.25 and slots.running():
            await self._obey()
        elif draw.random() < 0.3 and not len(slots):
            await self._alone()
        elif len(slots) < 4:
            for delivery in await self.fetcher.take(self.worker_id, draw.randint(1, 4 - len(slots))) or ():
                slots.begin(delivery)

    async def _alone(self) -> None:
        """What killed two workers runs with nothing beside it."""
        for delivery in await self.fetcher.take(self.worker_id, 1, alone=True) or ():
            assert delivery.queue == ALONE_QUEUE
            self.slots.begin(delivery)
            while len(self.slots):
                await self.slots.freed()

    async def _obey(self) -> None:
        running = self.slots.running()
        connection = await self.pool.acquire()
        try:
            wanted = await queue.cancel_requests(connection, running)
        except _INTERRUPTED:
            return
        finally:
            await self.pool.release(connection)
        self.slots.abort([d for d in running if d.execution_id in wanted], "cancel")

    async def _leave(self) -> None:
        """SIGTERM: what runs is put off or finished, the rest put back."""
        self.stopping.set()
        await self.me.turn("is told to stop")
        self.slots.abort(self.slots.running(), "shutdown")
        while len(self.slots):
            await self.slots.freed()
        await self.fetcher.put_back(self.worker_id)
        self.me.sim.beating.pop(self.me, None)
        connection = await self.pool.acquire()
        try:
            await queue.unregister(connection, self.worker_id)
        except _INTERRUPTED:
            return
        finally:
            await self.pool.release(connection)


async def chaining(ctx: Context, args: Probe) -> None:
    """The soak's body, which asks for a while before it writes; one that writes emits a fact of its own in the same transaction."""
    await _ask()
    async with ctx.read() as tx:
        cause = await soak.cause(tx, ctx.tenant, args.probe_id)
    if not args.framed or args.probe_id.int >= _CHAINED or (cause is not None and cause.kind == "flaky"):
        return await bodies.run(ctx, args)
    await _ask()
    async with ctx.write() as tx:
        await soak.effect(tx, ctx.tenant, args.probe_id, ctx.delivery.execution_id, ctx.delivery.token)
        following = Cause(UUID(int=args.probe_id.int | _CHAINED), "framed")
        await soak.record(tx, ctx.tenant, [following])
        await outbox.emit_many(tx, ctx.tenant, [Probed(probe_id=following.probe, framed=True)])
    return None


async def touching(ctx: Context, args: Probe) -> None:
    """The soak's body, after a while."""
    await _ask()
    await bodies.touch(ctx, args)


async def _ask() -> None:
    """A vendor takes its time."""
    me = PROCESS.get()
    assert me is not None
    for _ in range(0 if me.sim.draining else me.draw.choice([0, 1, 3, 10])):
        await me.turn("asks")


async def nobody(tx: Tx, tenant: UUID, args: Payload, why: Stopped) -> None:
    """Nobody waits for a probe."""


ACTIVITIES = {
    "probe.run": Activity(chaining, nobody),
    "probe.touch": Activity(touching, nobody),
    "probe.single": Activity(chaining, nobody),
    "probe.hourly": Activity(chaining, nobody),
}
