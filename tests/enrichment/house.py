"""An installation in one process: the real dispatcher, queue, frame and enrichment jobs over the sandbox's vendors."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from contracts.enrichment import EnrichmentList
from contracts.providers import FoundCompany
from contracts.run_replays import ReplayLeads, ReplayView
from contracts.sites import CrawledPage, Sighting, SiteCrawler, SiteReport
from db import enrichment_replays, enrichments, leads, queue, run_replays
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.providers.sandbox_fixture import RunningSandbox
from worker.activities import ACTIVITIES
from worker.dispatcher import Dispatcher
from worker.perform import Performer
from worker.providers.registry import build
from worker.providers.sandbox.people import people_of
from worker.providers.sandbox.world import Company, World
from worker.providers.site_walk import SiteWalk

WORLD = World(7)
VENDORS = ("hunter", "lusha", "apollo", "pdl", "zerobounce", "openai", "tavily", "clearbit")
#: No lead is asked in another order than the one that stands.
UNDRAWN: dict[str, Any] = {"waterfall_explore": 0.0}


class Site:
    """A walk over any site finds this number in its footer."""

    phone = "+27 11 555 0100"

    async def crawl(self, domain: str) -> SiteReport:
        at, home = datetime.now(UTC), f"https://{domain}/"
        page = CrawledPage(
            url=home, final_url=home, kind="home", outcome="ok", status=200, chars=9, at=at,
            text_hash=hashlib.sha256(b"we make it").digest(),
        )  # fmt: skip
        seen = Sighting(kind="phone", value=self.phone, url=home, at=at, how="tel", confidence=0.8)
        return SiteReport(
            domain=domain, outcome="ok", home_url=home, pages=(page,), sightings=(seen,), requests=1, started_at=at
        )


class House:
    """`enriched()` makes leads of the world's companies and enriches them, `replayed()` does that again."""

    def __init__(self, conn: Connection, pool: Pool, tenant: UUID, sandbox: RunningSandbox) -> None:
        self.conn, self.pool, self.tenant, self.sandbox = conn, pool, tenant, sandbox
        self.settings = sandbox.settings(**UNDRAWN)
        self.ports = build(self.settings)
        self.site: SiteCrawler = Site()

    async def furnish(self, **changes: Any) -> None:
        """Other settings from now on, with the vendors that these allow."""
        await self.ports.close()
        self.settings = self.sandbox.settings(**{**UNDRAWN, **changes})
        self.ports = build(self.settings)

    async def close(self) -> None:
        await self.ports.close()
        if isinstance(self.site, SiteWalk):
            await self.site.close()

    async def work(self) -> None:
        """Hand off and perform until nothing is due any more."""
        performer = Performer(self.pool, self.settings, self.ports, ACTIVITIES, lambda: None, None, self.site)
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            worker = await queue.register(tx, "tests", 1, ["jobs"])
        while True:
            _, claimed = await Dispatcher(self.pool, self.settings).dispatch_batch()
            async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                held = await queue.fetch(tx, worker, ["enrichment", "scoring"], 1)
            for delivery in held:
                await performer(delivery)
            async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                await queue.finish(tx, held)
            if not held and not claimed:
                return

    async def enriched(self, count: int) -> list[UUID]:
        """Leads of companies whose people vendors know."""
        made = await self.enrich(*[c for c in WORLD.companies("ZA") if people_of(WORLD, c)][:count])
        states = await self.conn.fetch("SELECT DISTINCT status FROM app.leads WHERE id = ANY($1::uuid[])", made)
        assert [r["status"] for r in states] == ["enriched"]
        return made

    async def enrich(self, *companies: Company) -> list[UUID]:
        """Leads of these companies, enriched or failed."""
        made = []
        for company in companies:
            found = FoundCompany(external_id="typed", name=company.name, country=company.country, domain=company.domain)
            async with transaction(self.pool, self.tenant) as tx:
                made.append(await leads.create(tx, self.tenant, found, icp_profile_id=None, enrich=True))
        await self.work()
        return made

    async def enriched_again(self, lead: UUID) -> None:
        async with transaction(self.pool, self.tenant) as tx:
            assert await enrichments.ask(tx, self.tenant, [lead], limit=1, again=True) == [lead]
        await self.work()

    async def story(self, lead: UUID) -> EnrichmentList:
        """A lead's enrichments, newest first, and what is known of it."""
        async with transaction(self.pool, self.tenant) as tx:
            found = await enrichments.story(tx, self.tenant, lead)
        assert found is not None
        return found

    async def replayed(self, *lead_ids: UUID, apply: bool = False) -> ReplayView:
        async with transaction(self.pool, self.tenant) as tx:
            body = ReplayLeads(lead_ids=lead_ids, apply=apply)
            replay = await enrichment_replays.start(tx, self.tenant, body, by="tests", triggered_by="tests")
        await self.work()
        async with transaction(self.pool, self.tenant) as tx:
            return await run_replays.show(tx, self.tenant, None, replay, limit=200)

    async def known(self, lead: UUID) -> list[tuple[str, str, str, Any]]:
        """What is said of a lead's company and contact now."""
        return sorted((f.kind, f.vendor, f.field, str(f.value)) for f in (await self.story(lead)).facts)

    async def stands(self) -> list[str]:
        """Everything that an enrichment may write, with the versions of its rows."""
        found: list[str] = []
        for table in (
            "companies",
            "contacts",
            "leads",
            "field_values",
            "entity_keys",
            "enrichments",
            "waterfall_steps",
        ):
            rows = await self.conn.fetch(f"SELECT xmin::text || t::text AS row FROM app.{table} t ORDER BY 1")
            found += [r["row"] for r in rows]
        return found

    def requests(self) -> dict[str, float]:
        """How often each vendor was asked."""
        return {vendor: self.sandbox.totals(vendor)["requests"] for vendor in VENDORS}
