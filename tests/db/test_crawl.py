"""Walks of the crawler in the database: once, whatever order they are saved in; no text unless asked for."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

from contracts.sites import CrawledPage, PageOutcome, Sighting, SiteReport
from db import crawl
from db.transaction import Pool, transaction
from tests.db.conftest import new_tenant

HOME = "https://www.acme.co.za/"
BEGAN = datetime(2026, 11, 22, 8, tzinfo=UTC)


def walk(text: str | None, *, at: datetime = BEGAN, outcome: PageOutcome = "ok") -> SiteReport:
    digest = hashlib.sha256(text.encode()).digest() if text is not None else None
    page = CrawledPage(
        url="https://acme.co.za/", final_url=HOME, kind="home", outcome=outcome, status=200 if text else 503, text_hash=digest,
        chars=len(text or ""), at=at, reason=None if text else "it answered 503",
    )  # fmt: skip
    sighting = Sighting(kind="email", value="info@acme.co.za", url=HOME, at=at, how="mailto", confidence=0.9)
    return SiteReport(
        domain="acme.co.za", outcome="ok" if text else "blocked", home_url=HOME if text else None, pages=(page,), corpus=text or "",
        sightings=(sighting,) if text else (), requests=2, seconds=0.5, started_at=at,
    )  # fmt: skip


async def saved(pool: Pool, tenant: UUID, report: SiteReport, *, with_corpus: bool = False) -> crawl.Saved:
    async with transaction(pool, tenant) as tx:
        return await crawl.save(tx, tenant, report, with_corpus=with_corpus)


async def test_a_page_changes_only_when_its_text_does_and_is_kept_when_it_cannot_be_read(
    pool: Pool, tenant: UUID
) -> None:
    # S3.03 S3.04
    assert await saved(pool, tenant, walk("hello")) == crawl.Saved(changed=1)
    assert await saved(pool, tenant, walk("hello", at=BEGAN + timedelta(days=1))) == crawl.Saved(unchanged=1)
    assert await saved(pool, tenant, walk(None, at=BEGAN + timedelta(days=2), outcome="blocked")) == crawl.Saved(
        unchanged=1
    )
    async with transaction(pool, tenant) as tx:
        site, (page,) = await crawl.site(tx, tenant, "acme.co.za"), await crawl.pages(tx, tenant, "acme.co.za")
    assert site is not None
    assert (site["outcome"], site["failures"], site["home_url"], site["corpus"]) == ("blocked", 1, HOME, None)
    assert (page["outcome"], page["changed_at"], page["chars"]) == ("blocked", BEGAN, 5)
    assert [s["value"] for s in page["signals"]] == ["info@acme.co.za"]
    assert await saved(pool, tenant, walk("news", at=BEGAN + timedelta(days=3))) == crawl.Saved(changed=1)


async def test_an_older_walk_does_not_overwrite_a_newer_one(pool: Pool, tenant: UUID) -> None:
    await saved(pool, tenant, walk("new", at=BEGAN + timedelta(hours=1)))
    assert await saved(pool, tenant, walk("old")) == crawl.Saved(stale=True)
    async with transaction(pool, tenant) as tx:
        assert (await crawl.pages(tx, tenant, "acme.co.za"))[0]["chars"] == 3


async def test_text_is_stored_only_when_asked_for_and_fits_the_database(pool: Pool, tenant: UUID) -> None:
    # S3.14: corpus persistence off by default
    await saved(pool, tenant, walk("kept text"), with_corpus=True)
    async with transaction(pool, tenant) as tx:
        site = await crawl.site(tx, tenant, "acme.co.za")
    assert site is not None
    assert site["corpus"] == "kept text"
    await saved(pool, tenant, walk("kept text", at=BEGAN + timedelta(days=1)))
    async with transaction(pool, tenant) as tx:
        again = await crawl.site(tx, tenant, "acme.co.za")
    assert again is not None
    assert again["corpus"] is None


async def test_another_tenant_sees_nothing_of_it_and_old_walks_go(pool: Pool, tenant: UUID) -> None:
    other = await new_tenant(pool)
    await saved(pool, tenant, walk("hello", at=datetime.now(UTC) - timedelta(days=40)))
    async with transaction(pool, other) as tx:
        assert await crawl.site(tx, tenant, "acme.co.za") is None
        assert await crawl.pages(tx, tenant, "acme.co.za") == []
    async with transaction(pool, tenant) as tx:
        assert await crawl.forget(tx, tenant, 60) == 0
        assert await crawl.forget(tx, tenant, 30) == 1
        assert await crawl.pages(tx, tenant, "acme.co.za") == []
