"""An installation to enrich companies on: a Postgres and a sandbox of its own, workers that may be killed, leads typed in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from contracts.errors import Hopeless, Unavailable
from contracts.job_retries import JobRetryRequest
from contracts.providers import FoundCompany
from db import enrichments, job_retries, leads, queue, server, soak, tenants
from db.commands import prepare
from db.pool import open_pool
from db.transaction import DbRole, Pool, transaction
from front.client import Client
from front.soak import bodies
from front.soak.ground import free_ports
from front.soak.nursery import Nursery
from worker.providers.sandbox.addresses import sandbox_env
from worker.providers.sandbox.people import people_of
from worker.providers.sandbox.world import World

PRELOAD = ["headwater", "front.soak.bodies"]
READY_S = 60.0
#: What a trial does not want to run out of: it is about time and about paying once, not about caps.
NO_CAPS = {
    "openai_daily_tokens_cap": 10**12, "tavily_max_queries": 10**9, "lusha_max_contact_lookups": 10**9,
    "zerobounce_max_verifications": 10**9,
}  # fmt: skip
#: Heartbeats of its workers: short, so that a kill is noticed soon.
QUICK = {"worker_heartbeat_s": 0.2, "worker_dead_after_s": 1.2, "dispatch_poll_s": 1.0}


@dataclass
class Trial:
    """Where it takes place. `settings` are the workers'; `leads` those to be enriched."""

    pool: Pool
    sandbox: Client
    nursery: Nursery
    tenant: UUID
    settings: dict[str, Any]
    leads: list[UUID]

    async def start(self) -> None:
        """Have all leads enriched."""
        for first in range(0, len(self.leads), 500):
            async with transaction(self.pool, self.tenant) as tx:
                await enrichments.ask(tx, self.tenant, self.leads[first : first + 500], limit=500, again=False)
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            await queue.wake(tx, queue.OUTBOX_CHANNEL)

    async def done(self) -> int:
        """How many leads have been enriched, or given up."""
        async with transaction(self.pool, self.tenant) as tx:
            return await enrichments.count_ended(tx, self.tenant)

    async def until_done(self, patience_s: float, say: Callable[[str], None]) -> float:
        """Wait until all have ended; gives the seconds. Raises Hopeless when nothing moves for `patience_s`."""
        began = moved = told = time.monotonic()
        before = 0
        while (now := await self.done()) < len(self.leads):
            if now > before:
                before, moved = now, time.monotonic()
            if time.monotonic() - moved > patience_s:
                raise Hopeless(f"{len(self.leads) - now} leads do not end: nothing moved for {patience_s:.0f} s")
            if time.monotonic() - told > 10:
                told = time.monotonic()
                say(f"  {now} of {len(self.leads)} after {told - began:.0f} s")
            await asyncio.sleep(0.25)
        return time.monotonic() - began

    async def until_settled(self, patience_s: float) -> None:
        """Wait, `patience_s` at most, until what followed from the enrichments has ended as well: it asks vendors too."""
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            async with transaction(self.pool, None, role=DbRole.SYSTEM, read_only=True) as tx:
                waiting = await soak.backlog(tx, 1)
            if not waiting and not await soak.unfinished(self.pool):
                return
            await asyncio.sleep(0.25)

    async def retry(self) -> int:
        """Retry what was given up, as an operator would; gives how many jobs go on."""
        async with transaction(self.pool, self.tenant) as tx:
            report = await job_retries.retry_many(tx, [self.tenant], JobRetryRequest(limit=1000), "trial")
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            await queue.wake(tx, queue.OUTBOX_CHANNEL)
        return report.retried


@asynccontextmanager
async def trial(folder: Path, companies: int, workers: int, settings: dict[str, Any]) -> AsyncIterator[Trial]:
    """Set everything up, and take it down on leaving. The sandbox has answered when this begins; no worker runs yet."""
    async with AsyncExitStack() as held:
        running = held.enter_context(server.start(folder / "pg", durable=True))
        await prepare(running.local_url)
        pool = await open_pool(running.local_url, name="headwater trial", size=4)
        held.callback(pool.terminate)
        (port,) = free_ports(1)
        sandbox = Client(f"http://127.0.0.1:{port}")
        nursery = Nursery(PRELOAD)
        held.push_async_callback(nursery.close)
        # Luck goes by ids, which differ from trial to trial: two trials are to ask the same.
        own = {"headwater_data": str(folder), "waterfall_explore": 0.0, **QUICK, **NO_CAPS, **settings}
        own |= {name.lower(): value for name, value in sandbox_env(sandbox.url).items()}
        alike = {"folder": str(folder), "settings": own}
        nursery.fill("sandbox", bodies.sandbox, port=port, **alike)
        await _answers(sandbox)
        tenant = await _tenant(pool)
        made = Trial(pool, sandbox, nursery, tenant, own, await _leads(pool, tenant, companies))
        for _ in range(workers):
            nursery.fill(
                "worker", bodies.worker, url=running.local_url, parts=("dispatch", "jobs", "maintain"), **alike
            )
        yield made


async def _tenant(pool: Pool) -> UUID:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return (await tenants.create(tx, "trial", by="trial")).id


async def _leads(pool: Pool, tenant: UUID, count: int) -> list[UUID]:
    """Companies of the sandbox's world that have people, typed in as leads."""
    world = World(7)
    peopled = [c for c in world.companies(None) if people_of(world, c)]
    if len(peopled) < count:
        raise Hopeless(f"the sandbox's world has {len(peopled)} companies with people: ask for fewer")
    chosen = peopled[:: len(peopled) // count][:count]
    made = []
    for company in chosen:
        found = FoundCompany(external_id=company.lei, name=company.name, country=company.country, domain=company.domain)
        async with transaction(pool, tenant) as tx:
            made.append(await leads.create(tx, tenant, found, icp_profile_id=None))
    return made


async def _answers(sandbox: Client) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        try:
            await asyncio.to_thread(sandbox.get, "/__control/requests")
            return
        except Unavailable:
            await asyncio.sleep(0.1)
    raise Hopeless("the vendor sandbox does not start", code="sandbox_did_not_start")
