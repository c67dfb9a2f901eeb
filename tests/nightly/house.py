"""An installation in one process with one tenant, whose night can be let run to its end over the sandbox."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any
from uuid import UUID

from contracts.findings import RegisterEntity
from contracts.nights import NightCompany, NightView
from contracts.profiles import CreateProfile
from contracts.providers import FoundCompany
from contracts.settings import Settings
from contracts.shortlists import Shortlist
from contracts.tenants import SYSTEM_TENANT
from db import leads, nights, profiles, queue, shortlists, staging
from db.queue import Delivery
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.crm.house import House
from tests.db.conftest import new_tenant
from tests.providers.sandbox_fixture import RunningSandbox
from worker.activities import ACTIVITIES
from worker.dispatcher import Dispatcher
from worker.pace import Pacer
from worker.perform import Performer
from worker.providers.crawler import make
from worker.providers.registry import build

QUEUES = ["nightly", "enrichment", "scoring", "crm_sync", "matching", "messaging"]


class NightHouse(House):
    """`night()` asks for a night and does everything that follows."""

    limit: int | None = None

    def set(self, **settings: Any) -> None:
        self.settings = self.sandbox.settings(**settings)

    async def profile(self, **body: Any) -> UUID:
        asked = CreateProfile.model_validate({"name": "Near", "target_countries": ["ZA", "SG"]} | body)
        async with transaction(self.pool, self.tenant) as tx:
            return (await profiles.create(tx, self.tenant, asked, by="tests")).id

    async def found(self, name: str, domain: str | None, country: str = "ZA", **more: Any) -> None:
        """A company that discovery found, without a lead."""
        row = FoundCompany(external_id=name, name=name, domain=domain, country=country, **more)
        async with transaction(self.pool, self.tenant) as tx:
            await leads.bring(tx, self.tenant, [row], source="register", with_leads=False)

    async def staged(self, *names: str, **more: Any) -> None:
        """Companies that the register's table has from now on."""
        rows = [
            RegisterEntity(uen=f"2026{n:05d}K", name=name, **{"status": "Live Company"} | more)
            for n, name in enumerate(names, 1)
        ]
        async with transaction(self.pool, SYSTEM_TENANT) as tx:
            await staging.upsert(tx, rows, "file")

    async def ask(self, **asked: Any) -> tuple[UUID, bool]:
        async with transaction(self.pool, self.tenant) as tx:
            return await nights.start(tx, self.settings, self.tenant, triggered_by="tests", **asked)

    async def night(self, **asked: Any) -> NightView:
        run_id, _ = await self.ask(**asked)
        await self.work()
        return await self.shown(run_id)

    async def shown(self, run_id: UUID) -> NightView:
        async with transaction(self.pool, self.tenant, read_only=True) as tx:
            return await nights.show(tx, self.tenant, run_id)

    async def companies(self, run_id: UUID) -> list[NightCompany]:
        async with transaction(self.pool, self.tenant, read_only=True) as tx:
            return await nights.companies(tx, self.tenant, run_id)

    async def shortlist(self, night: date) -> Shortlist:
        async with transaction(self.pool, self.tenant, read_only=True) as tx:
            return await shortlists.show(tx, self.tenant, night)

    async def later(self, days: float) -> None:
        """The database's clock goes ahead of what it is."""
        await self.conn.execute(
            "CREATE OR REPLACE FUNCTION app.clock_shift() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE"
            f" AS $$ SELECT interval '{days * 86_400} seconds' $$"
        )

    async def work(self, settings: Settings | None = None, *, at_once: int = 8, only: list[str] | None = None) -> None:
        """Hand off and perform until nothing is due any more. `only`: jobs of these queues."""
        settings = settings or self.settings
        ports, pacer = build(settings), Pacer(self.pool, settings)
        crawler = make(settings, pacer)
        performer = Performer(self.pool, settings, ports, ACTIVITIES, lambda: None, None, crawler)
        self._open.append(ports)
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            worker = await queue.register(tx, "tests", at_once, ["jobs"])
        while True:
            _, claimed = await Dispatcher(self.pool, settings).dispatch_batch()
            async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                held: list[Delivery] = await queue.fetch(tx, worker, only or QUEUES, at_once)
            await asyncio.gather(*(performer(delivery) for delivery in held))
            async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                await queue.finish(tx, held)
            if not held and not claimed:
                break
        await pacer.close()
        if crawler is not None:
            await crawler.close()


async def night_house(conn: Connection, pool: Pool, sandbox: RunningSandbox) -> NightHouse:
    return NightHouse(conn, pool, sandbox, await new_tenant(pool))
