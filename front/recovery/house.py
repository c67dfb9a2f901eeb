"""The installation that faults fall on: processes with default settings, a load whose record is kept, and when all is done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from contracts.errors import Unavailable
from contracts.events import Probed
from db import outbox, queue, recovery, soak, tenants
from db.commands import prepare
from db.direct import direct
from db.pool import open_pool
from db.soak import Cause
from db.transaction import CONNECTION_ERRORS, DbRole, Pool, transaction
from front.recovery import bodies
from front.recovery.bouncer import Bouncer
from front.soak.ground import Ground, ground
from front.soak.nursery import Nursery, Place
from front.soak.proxy import Proxy

#: What forked processes find imported already.
PRELOAD = ["headwater", "front.recovery.bodies"]
WORKERS, DISPATCHERS, TENANTS = 3, 2, 3
#: Events of one transaction of the load: their kinds, as many as stand here.
BATCH = ("plain",) * 12 + ("framed",) * 12 + ("flaky",) * 2 + ("held",) * 4
#: Transactions of one trial.
BATCHES = 10
LOOK_S = 0.1


@dataclass
class House:
    """`front` is the URL that workers and dispatchers are given; `pool` and `load` go straight to the server."""

    on: Ground
    proxy: Proxy
    nursery: Nursery
    pool: Pool
    load: Pool
    folder: Path
    bouncer: Bouncer | None
    tenants: Sequence[UUID]
    emitted: int = 0
    _turn: int = field(default=0)

    async def emit(self, over_s: float) -> None:
        """Commit one trial's events over so many seconds, each batch until it stands. An outage is waited for."""
        for n in range(BATCHES):
            began = time.monotonic()
            await self._insist(self.tenants[n % len(self.tenants)])
            await asyncio.sleep(max(0.0, over_s / BATCHES - (time.monotonic() - began)))

    async def _insist(self, tenant: UUID) -> None:
        causes = [Cause(uuid4(), kind) for kind in BATCH]
        while True:
            try:
                await self._commit(tenant, causes)
            except (Unavailable, *CONNECTION_ERRORS, asyncpg.PostgresError):
                # An answer may have been lost with the connection: the record tells.
                if await self._stands(tenant, causes[0].probe):
                    break
                await asyncio.sleep(0.1)
            else:
                break
        self.emitted += len(causes)

    async def one(self, kind: str) -> Cause:
        """Commit a single event, which leads to a job of this kind."""
        cause = Cause(uuid4(), kind)
        await self._commit(self.tenants[0], [cause])
        return cause

    async def _commit(self, tenant: UUID, causes: Sequence[Cause]) -> None:
        async with transaction(self.load, tenant) as tx:
            await soak.record(tx, tenant, causes)
            await outbox.emit_many(tx, tenant, [Probed(probe_id=c.probe, framed=c.kind != "plain") for c in causes])
        async with transaction(self.load, None, role=DbRole.SYSTEM) as tx:
            await queue.wake(tx, queue.OUTBOX_CHANNEL)

    async def _stands(self, tenant: UUID, probe: UUID) -> bool:
        while True:
            try:
                async with transaction(self.load, tenant, read_only=True) as tx:
                    return await soak.cause(tx, tenant, probe) is not None
            except (Unavailable, *CONNECTION_ERRORS, asyncpg.PostgresError):
                await asyncio.sleep(0.1)

    async def done(self, within_s: float) -> bool:
        """Wait until nothing waits, runs or is to be retried. False: not within `within_s` seconds."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            try:
                seen = await soak.progress(self.pool)
                if not (seen["waiting"] or seen["queued"]) and not await soak.unfinished(self.pool):
                    return True
            except (Unavailable, *CONNECTION_ERRORS, asyncpg.PostgresError):
                pass
            await asyncio.sleep(LOOK_S)
        return False

    async def emitted_and_done(self, loading: asyncio.Task[None], within_s: float) -> bool:
        """Wait for the end of the load, and then for that of all work."""
        began = time.monotonic()
        await asyncio.wait([loading], timeout=within_s)
        if not loading.done():
            return False
        loading.result()
        return await self.done(within_s - (time.monotonic() - began))

    async def given_up(self) -> int:
        """Jobs that somebody would have to retry by hand."""
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            return len(await soak.gave_up(tx))

    async def busy_worker(self) -> Place:
        """Wait for a worker that has held jobs in hand; each time another one, if there are several."""
        while True:
            living = self.nursery.living("worker")
            for n in range(len(living)):
                place = living[(self._turn + n) % len(living)]
                if place.pid is not None and not place.frozen and await recovery.in_hand(self.pool, place.pid):
                    self._turn += n + 1
                    return place
            await asyncio.sleep(LOOK_S / 2)


@asynccontextmanager
async def house(folder: Path, *, pooled: str = "") -> AsyncIterator[House]:
    """Move in, in an empty folder. `pooled`: everybody goes through PgBouncer, and LISTEN "direct" or not at all ("polling").

    Raises: Unavailable.
    """
    async with ground(None, folder, keep=False) as on:
        await prepare(on.url)
        async with direct(on.url) as login:
            await soak.make_tables(login)
            await recovery.make_tables(login)
        proxy, nursery = Proxy(*on.address), Nursery(PRELOAD)
        pool = await soak.watching(on.url)
        load = await open_pool(on.url, name="headwater soak producer", size=2, command_timeout_s=5)
        bouncer = Bouncer(folder / "pgbouncer", on.url) if pooled else None
        try:
            await proxy.start()
            if bouncer is not None:
                await bouncer.start()
            async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
                made = [(await tenants.create(tx, f"trial-{n}", by="trial")).id for n in range(TENANTS)]
            at = House(on, proxy, nursery, pool, load, folder, bouncer, made)
            _populate(at, pooled)
            yield at
        finally:
            await nursery.close()
            await proxy.stop()
            if bouncer is not None:
                await bouncer.stop()
            pool.terminate()
            load.terminate()


def _populate(at: House, pooled: str) -> None:
    url = at.on.through(at.proxy.port)
    settings: dict[str, Any] = {"env": "soak", "headwater_data": str(at.folder), "db_pool_size": 6}
    if at.bouncer is not None:
        settings["database_direct_url"] = url if pooled == "direct" else None
        url = at.bouncer.url
    alike: dict[str, Any] = {"folder": str(at.folder), "settings": settings, "url": url}
    for _ in range(WORKERS):
        at.nursery.fill("worker", bodies.worker, parts=("jobs", "maintain"), **alike)
    for _ in range(DISPATCHERS):
        at.nursery.fill("dispatcher", bodies.worker, parts=("dispatch", "maintain"), **alike)
