"""A site walked by several workers at once: one at a time at its host, its robots.txt asked for once, what was read stored once."""

from __future__ import annotations

import asyncio

from contracts.settings import Settings
from contracts.sites import SiteReport
from db import crawl, tenants
from db.pool import open_pool
from db.transaction import DbRole, transaction
from tests.providers.strangers import Strangers, http
from worker.pace import Pacer
from worker.providers.site import make
from worker.providers.site_walk import SiteWalk

WORDS = "<p>" + "We sew uniforms for schools and mines, and we mend what we have sewn. " * 8 + "</p>"


async def test_workers_share_a_host_and_its_rules(db_url: str) -> None:
    # S3.03 S2.02 PublicWebLookup
    async with Strangers().open() as web:
        web.pages |= {
            "acme.co.za/robots.txt": http(200, "User-agent: *\nDisallow: /private", content_type="text/plain"),
            "acme.co.za/": http(200, f'<a href="/contact">Contact</a><a href="/private/team">Team</a>{WORDS}'),
            "acme.co.za/contact": http(200, f'{WORDS}<a href="mailto:info@acme.co.za">Write</a>'),
        }
        settings = Settings(crawl_gateway=web.url, crawl_delay_s=0.05, crawl_max_pages=3, database_url=db_url)
        pools = [await open_pool(db_url, name=f"headwater test {n}", size=3) for n in range(2)]
        pacers = [Pacer(pool, settings) for pool in pools]
        walks = [SiteWalk(make(settings), pacer, settings) for pacer in pacers]
        reports = [await walks[0].crawl("acme.co.za"), *await asyncio.gather(*[w.crawl("acme.co.za") for w in walks])]
        for report in reports:
            assert isinstance(report, SiteReport)
            assert (report.outcome, [p.outcome for p in report.pages]) == ("ok", ["ok", "ok", "robots"])
        assert web.asked.count("https://acme.co.za/robots.txt") == 1
        assert web.most_at_once == 1
        assert not any("/private" in asked for asked in web.asked)
        async with transaction(pools[0], None, role=DbRole.SYSTEM) as tx:
            tenant = (await tenants.create(tx, "crawl-flow", by="tests")).id
        async with transaction(pools[0], tenant) as tx:
            assert (
                await crawl.save(tx, tenant, reports[0], with_corpus=settings.persist_crawl_corpus)
            ).changed == 3 - 1
            pages = await crawl.pages(tx, tenant, "acme.co.za")
            site = await crawl.site(tx, tenant, "acme.co.za")
        assert [(p["kind"], p["outcome"]) for p in pages] == [("home", "ok"), ("contact", "ok"), ("team", "robots")]
        assert any(s["value"] == "info@acme.co.za" for s in pages[1]["signals"])
        assert site is not None
        assert site["corpus"] is None
        for walk in walks:
            await walk.close()
        for pacer in pacers:
            await pacer.close()
        for pool in pools:
            await pool.close()
