"""Walks over sites, of the sandbox and of strangers: what is asked for, how politely, and what the report says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from contracts.errors import VendorBusy
from contracts.settings import Settings
from contracts.sites import SiteReport
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.strangers import Strangers, http, strangers
from worker.providers.host_turns import LocalTurns
from worker.providers.sandbox import people, sites
from worker.providers.sandbox.world import Company, World
from worker.providers.site import make
from worker.providers.site_walk import SiteWalk

__all__ = ["strangers"]
Crawl = Callable[..., Any]
WORDS = "<p>" + "We sew uniforms for schools and mines, and we mend what we have sewn. " * 8 + "</p>"


@pytest.fixture(scope="module")
def world() -> World:
    return World(7)


@pytest.fixture
async def crawl(sandbox: RunningSandbox) -> AsyncIterator[Crawl]:
    """Crawl a domain at the sandbox, without waiting between requests unless asked to."""
    walks = []

    async def at(domain: str, *, gateway: str = sandbox.url, turns: Any = None, **more: Any) -> SiteReport:
        settings = Settings(**{"crawl_gateway": gateway, "crawl_delay_s": 0.0, "crawler_timeout_s": 5.0, **more})
        walks.append(walk := SiteWalk(make(settings), turns or LocalTurns(), settings))
        return await walk.crawl(domain)

    yield at
    for walk in walks:
        await walk.close()


def some(world: World, kind: str, **wanted: Any) -> Company:
    """The first company of South Africa whose site is of `kind`."""
    return next(
        c
        for c in world.companies("ZA")
        if c.category == "GENERAL"
        and sites.kind(world, c) == kind
        and all(getattr(c, k) == v for k, v in wanted.items())
    )


async def test_a_plain_site_gives_its_people_numbers_and_signals_with_their_sources(crawl: Crawl, world: World) -> None:
    # S3.03 S2.02 PublicWebLookup
    company = some(world, "plain", has_mail=True)
    report = await crawl(company.domain, crawl_max_pages=8)
    assert (report.outcome, report.domain) == ("ok", company.domain)
    assert [p.kind for p in report.pages][:4] == ["home", "contact", "about", "team"]
    assert all(p.outcome == "ok" and p.status == 200 for p in report.pages)
    shown = {p.email for p in people.people_of(world, company)}
    found = {s.value: s for s in report.all("email")}
    assert f"info@{company.domain}" in found
    assert set(found) - {f"info@{company.domain}"} <= shown
    assert report.best("phone").value == people.phone(world, company, "office")
    assert {s.kind for s in report.sightings} >= {"email", "phone", "name", "linkedin_url", "address", "language"}
    for sighting in report.sightings:
        assert sighting.url.startswith("https://")
        assert sighting.at >= report.started_at
        assert 0 < sighting.confidence <= 1
    assert company.trades == () or company.trades[0] in report.corpus
    assert report.description


@pytest.mark.parametrize(
    ("kind", "outcome", "pages"),
    [
        ("charset", "ok", 6), ("huge", "ok", 6), ("trap", "ok", 6), ("shell", "thin", 1), ("forbidden", "blocked", 1),
        ("captcha", "blocked", 1), ("throttled", "blocked", 1), ("moved", "refused", 1), ("closed", "robots", 1),
        ("unsure", "robots", 1),
    ],
)  # fmt: skip
async def test_each_kind_of_site_ends_as_it_must(
    crawl: Crawl, world: World, kind: str, outcome: str, pages: int
) -> None:
    # S3.03 S3.14
    company = some(world, kind)
    report = await crawl(company.domain)
    assert (report.outcome, len(report.pages)) == (outcome, pages)
    assert (report.corpus != "") == (outcome == "ok")
    if outcome != "ok":
        assert report.reason
    if kind == "moved":
        assert report.moved_to not in (None, company.domain)
    if kind == "throttled":
        assert report.retry_after_s == 120


async def test_the_same_site_gives_the_same_report_twice(crawl: Crawl, world: World) -> None:
    # S3.03 deterministic
    company = some(world, "trap")
    once, again = await crawl(company.domain), await crawl(company.domain)
    assert [(p.url, p.kind, p.text_hash) for p in once.pages] == [(p.url, p.kind, p.text_hash) for p in again.pages]
    assert [(s.kind, s.value, s.how) for s in once.sightings] == [(s.kind, s.value, s.how) for s in again.sightings]
    assert once.corpus == again.corpus


async def test_requests_to_one_site_come_one_at_a_time_and_apart(
    sandbox: RunningSandbox, crawl: Crawl, world: World
) -> None:
    # S3.03: at most one request a delay and domain, also when two crawl it at once
    company, turns = some(world, "plain"), LocalTurns()
    await asyncio.gather(*[crawl(company.domain, turns=turns, crawl_delay_s=0.1, crawl_max_pages=2) for _ in range(2)])
    came = sandbox._call(f"/__control/arrivals?vendor=site&operation={company.domain}")["arrivals"]
    assert len(came) >= 5
    # The first one may come late, having to connect.
    assert came[-1] - came[0] > 0.1 * (len(came) - 2)


async def test_a_crawl_delay_is_kept_and_a_spent_budget_ends_the_walk_with_what_there_is(
    crawl: Crawl, world: World
) -> None:
    # S3.03 S3.14
    began = time.monotonic()
    report = await crawl(some(world, "delay").domain, crawl_site_budget_s=1.2)
    assert 1 <= len(report.pages) <= 2
    assert report.outcome in ("ok", "thin")
    assert "spent" in report.reason
    assert time.monotonic() - began < 3


async def test_a_slow_site_is_given_up_in_time(crawl: Crawl, world: World) -> None:
    # S3.14
    report = await crawl(some(world, "slow").domain, crawler_timeout_s=0.15)
    assert (report.outcome, report.pages[0].reason) == ("unreachable", "no answer within 0.15 s")


async def test_robots_are_asked_once_and_then_remembered(strangers: Strangers, crawl: Crawl) -> None:
    # S3.03
    strangers.pages |= {
        "acme.co.za/robots.txt": http(200, "User-agent: *\nDisallow: /team", content_type="text/plain"),
        "acme.co.za/": http(200, f'<a href="/team">Team</a><a href="/about">About</a>{WORDS}'),
        "acme.co.za/about": http(200, f"<p>{WORDS}</p>"),
    }
    turns = LocalTurns()
    report = await crawl("acme.co.za", gateway=strangers.url, turns=turns)
    assert {p.kind: p.outcome for p in report.pages} == {
        "home": "ok", "about": "ok", "team": "robots", "contact": "missing",
    }  # fmt: skip
    await crawl("acme.co.za", gateway=strangers.url, turns=turns)
    assert strangers.asked.count("https://acme.co.za/robots.txt") == 1
    assert not any("/team" in asked for asked in strangers.asked)
    assert strangers.agents == {Settings().crawler_user_agent}


async def test_robots_may_redirect_to_another_host(strangers: Strangers, crawl: Crawl) -> None:
    # S3.03 RFC 9309 2.3.1.2
    strangers.pages |= {
        "acme.co.za/robots.txt": http(301, location="https://rules.acme-group.com/robots.txt"),
        "rules.acme-group.com/robots.txt": http(200, "User-agent: *\nDisallow: /", content_type="text/plain"),
        "acme.co.za/": http(200, WORDS),
    }
    assert (await crawl("acme.co.za", gateway=strangers.url)).outcome == "robots"
    strangers.pages["acme.co.za/robots.txt"] = http(302, location="/robots.txt")
    assert (await crawl("acme.co.za", gateway=strangers.url)).outcome == "ok"


async def test_what_asks_not_to_be_indexed_is_not_kept_nor_followed(strangers: Strangers, crawl: Crawl) -> None:
    # S3.03
    links = '<a href="/about">About</a><a href="/contact" rel="nofollow">Contact</a><a href="/team">Team</a>'
    strangers.pages |= {
        "a.co.za/": http(200, f'<meta name="robots" content="noindex">{WORDS} x@a.co.za'),
        "b.co.za/": http(200, links + WORDS),
        "b.co.za/about": http(200, f"{WORDS} about x@b.co.za", x_robots_tag="noindex"),
        "b.co.za/team": http(200, f"{WORDS} team y@b.co.za", x_robots_tag="otherbot: noindex"),
        "c.co.za/": http(200, f'<meta name="HeadwaterBot" content="nofollow">{links}{WORDS}'),
    }
    kept = await crawl("a.co.za", gateway=strangers.url)
    assert (kept.outcome, kept.sightings, kept.corpus) == ("robots", (), "")
    some_kept = await crawl("b.co.za", gateway=strangers.url)
    assert {s.value for s in some_kept.all("email")} == {"y@b.co.za"}
    assert "about x@" not in some_kept.corpus
    alone = await crawl("c.co.za", gateway=strangers.url)
    assert [p.kind for p in alone.pages] == ["home"]


async def test_a_site_that_says_wait_is_left_alone(strangers: Strangers, crawl: Crawl) -> None:
    # S3.03
    strangers.pages |= {
        "acme.co.za/": http(200, f'<a href="/contact">Contact</a><a href="/about">About</a>{WORDS}'),
        "acme.co.za/contact": http(503, retry_after="600"),
    }
    turns = LocalTurns()
    report = await crawl("acme.co.za", gateway=strangers.url, turns=turns)
    assert (report.outcome, report.retry_after_s, len(report.pages)) == ("ok", 600, 2)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), turns.host_turn("acme.co.za", 0):
            pass


async def test_a_site_only_at_www_without_tls_is_found(strangers: Strangers, crawl: Crawl) -> None:
    # S3.03
    async def gone(writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    strangers.pages |= {f"acme.co.za{path}": gone for path in ("/", "/robots.txt")}
    strangers.pages["www.acme.co.za/"] = http(200, WORDS)
    report = await crawl("acme.co.za", gateway=strangers.url, crawl_max_pages=1)
    assert (report.outcome, report.home_url) == ("ok", "https://www.acme.co.za/")
    assert [p.outcome for p in report.pages] == ["unreachable", "ok"]


async def test_a_host_that_others_are_at_is_no_answer_about_the_site(crawl: Crawl, world: World) -> None:
    # S3.03: the job waits its turn and spends no attempt
    class Busy(LocalTurns):
        @asynccontextmanager
        async def host_turn(self, host: str, delay_s: float) -> AsyncIterator[None]:
            raise VendorBusy("others are there", after_s=7, code="host_busy")
            yield

    with pytest.raises(VendorBusy) as caught:
        await crawl(some(world, "plain").domain, turns=Busy())
    assert caught.value.after_s == 7
