"""A walk over one company's site: the home page, then the pages its links promise, one request at a time, politely.

What the site does raises nothing: the report says how it went. When its time is spent, a walk ends with what it has.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import urljoin

from contracts.errors import VendorBusy
from contracts.settings import Settings
from contracts.sites import CrawledPage, HostTurns, PageOutcome, Robots, Sighting, SiteOutcome, SiteReport
from worker.enrichment import corpus, crawl_plan, extract
from worker.enrichment.crawl_plan import Planned
from worker.enrichment.page import Page, read
from worker.providers.guard import Refused, Target, target
from worker.providers.places import country_of_domain
from worker.providers.robots import MAX_BYTES, RobotsRules, product_token, read_text
from worker.providers.site import Fetched, NotPermitted, SiteFetcher, Trouble

#: Less main text than this on all pages together says nothing about a company.
THIN_CHARS = 300
#: Where a home page may be, likeliest first.
_HOMES = ("https://{}/", "https://www.{}/", "http://{}/", "http://www.{}/")
_OUTCOMES: dict[Trouble | None, PageOutcome] = {
    None: "ok", "unreachable": "unreachable", "refused": "refused", "off_site": "refused", "robots": "robots", "blocked": "blocked",
    "missing": "missing", "dropped": "dropped",
}  # fmt: skip
#: What a home page without text makes of its site.
_SITES: dict[Trouble | None, SiteOutcome] = {
    "unreachable": "unreachable", "refused": "refused", "off_site": "refused", "robots": "robots", "blocked": "blocked",
    "missing": "unreachable", "dropped": "thin", None: "thin",
}  # fmt: skip


class SiteWalk:
    """Walks sites for one worker (`contracts.sites.SiteCrawler`); `turns` keeps all workers apart."""

    def __init__(self, fetcher: SiteFetcher, turns: HostTurns, settings: Settings) -> None:
        self._fetcher, self._turns, self._settings = fetcher, turns, settings

    async def crawl(self, domain: str) -> SiteReport:
        """Read the site of a registrable domain. Raises VendorBusy when others are at its host and nothing was asked yet."""
        async with self._fetcher.session() as fetcher:
            return await _Visit(fetcher, self._turns, self._settings, domain.strip().lower()).report()

    async def close(self) -> None:
        await self._fetcher.close()


class _TimeSpent(Exception):
    """The site's budget is used up, or its next turn comes too late."""


@dataclass(slots=True)
class _Visit:
    fetcher: SiteFetcher
    turns: HostTurns
    settings: Settings
    domain: str
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = field(default_factory=time.monotonic)
    requests: int = 0
    rules: dict[str, RobotsRules] = field(default_factory=dict)
    read: list[Page] = field(default_factory=list)
    pages: list[CrawledPage] = field(default_factory=list)
    seen: list[Sighting] = field(default_factory=list)
    retry_after_s: float | None = None
    moved_to: str | None = None
    stopped: str | None = None

    async def report(self) -> SiteReport:
        home: Fetched | None = None
        try:
            home = await self._home()
            if home is not None and home.text is not None:
                await self._key_pages(home)
        except _TimeSpent as spent:
            self.stopped = str(spent)
        outcome, reason = self._outcome(home)
        return SiteReport(
            domain=self.domain,
            outcome=outcome,
            reason=reason,
            home_url=home.final_url if home is not None and home.text is not None else None,
            pages=tuple(self.pages),
            sightings=extract.merged(self.seen),
            corpus=corpus.merge(self.read, limit=self.settings.extract_corpus_char_limit),
            description=corpus.describe(self.read),
            language=next((page.language for page in self.read if page.language), None),
            moved_to=self.moved_to,
            retry_after_s=self.retry_after_s,
            requests=self.requests,
            seconds=round(time.monotonic() - self.began, 3),
            started_at=self.started_at,
        )

    async def _home(self) -> Fetched | None:
        """The first address of the site that answers; None when none could be asked."""
        last: Fetched | None = None
        for form in _HOMES:
            url = form.format(self.domain)
            last = await self._page(Planned(url, "home"))
            if last.trouble != "unreachable":
                return last
        return last

    async def _key_pages(self, home: Fetched) -> None:
        page = self.read[0] if self.read else None
        if page is None:
            return
        chosen = crawl_plan.plan(
            home.final_url,
            page.links,
            domain=self.domain,
            pages=self.settings.crawl_max_pages,
            base=page.base,
            nofollow=page.nofollow,
            guess=bool(page.lines),
        )
        if page.refresh and not page.lines and not page.nofollow:
            onward = crawl_plan.canonical(page.refresh, base=home.final_url, domain=self.domain)
            chosen = [*([Planned(onward, "home")] if onward else []), *chosen][: self.settings.crawl_max_pages - 1]
        for planned in chosen:
            fetched = await self._page(planned)
            if self.retry_after_s is not None or fetched.status in (429, 503):
                return

    async def _page(self, planned: Planned) -> Fetched:
        """Fetch one page, note what became of it, and read it if it has text."""
        fetched = await self.fetcher.fetch(planned.url, self._permit, within=self.domain)
        at = datetime.now(UTC)
        if fetched.status in (429, 503):
            self.retry_after_s = fetched.retry_after_s
            await self.turns.leave_alone(self.domain, fetched.retry_after_s)
        if fetched.trouble == "off_site":
            self.moved_to = _domain(fetched.final_url)
        page: Page | None = None
        if fetched.text is not None:
            page = read(
                fetched.text,
                fetched.final_url,
                kind=planned.kind,
                at=at,
                headers=fetched.headers,
                token=product_token(self.fetcher.user_agent),
                plain=fetched.content_type.lower().startswith("text/plain"),
            )
            fetched, page = self._kept(fetched, page)
        self._note(planned, fetched, page, at)
        return fetched

    def _kept(self, fetched: Fetched, page: Page) -> tuple[Fetched, Page | None]:
        """A page behind a gate is no page, and one that asks not to be indexed is not kept."""
        if page.gate is not None:
            return replace(fetched, text=None, trouble="blocked", reason=f"behind a {page.gate}"), None
        if page.noindex:
            # The owner's word, as much as robots.txt is.
            return replace(fetched, text=None, trouble="robots", reason="it asks not to be indexed"), None
        return fetched, page

    def _note(self, planned: Planned, fetched: Fetched, page: Page | None, at: datetime) -> None:
        digest = hashlib.sha256("\n".join(page.lines).encode("utf-8", "replace")).digest() if page is not None else None
        again = digest is not None and any(p.text_hash == digest for p in self.pages)
        if page is not None and not again:
            self.read.append(page)
            self.seen += extract.sightings(page, self.domain, country=country_of_domain(self.domain))
        self.pages.append(
            CrawledPage(
                url=planned.url[:2000],
                final_url=fetched.final_url[:2000],
                kind=planned.kind,
                outcome="dropped" if again else _OUTCOMES[fetched.trouble],
                status=fetched.status,
                reason="the same text as another page" if again else fetched.reason,
                content_type=fetched.content_type[:300] or None,
                text_hash=digest,
                chars=page.chars if page is not None else 0,
                at=at,
            )
        )

    def _outcome(self, home: Fetched | None) -> tuple[SiteOutcome, str | None]:
        if home is None:
            return "unreachable", self.stopped
        if home.text is None:
            return _SITES[home.trouble], home.reason
        chars = sum(page.chars for page in self.read)
        if chars < THIN_CHARS:
            return "thin", self.stopped or f"{chars} characters of text"
        return "ok", self.stopped

    @asynccontextmanager
    async def _permit(self, to: Target) -> AsyncIterator[None]:
        rules = await self._rules_of(to)
        if rules.closed:
            raise NotPermitted("its robots.txt cannot be read: nothing may be asked")
        if not rules.allows(to.url):
            raise NotPermitted("its robots.txt says no")
        async with self._turn(to, max(self.settings.crawl_delay_s, rules.delay_s)):
            yield

    async def _rules_of(self, to: Target) -> RobotsRules:
        if to.origin not in self.rules:
            known = await self.turns.robots_of(to.origin)
            if known is None:
                known = await self._ask_robots(to)
                await self.turns.remember_robots(known)
            self.rules[to.origin] = RobotsRules(known, self.fetcher.user_agent)
        return self.rules[to.origin]

    async def _ask_robots(self, to: Target) -> Robots:
        @asynccontextmanager
        async def permit(hop: Target) -> AsyncIterator[None]:
            async with self._turn(hop, self.settings.crawl_delay_s):
                yield

        url = urljoin(to.url, "/robots.txt")
        fetched = await self.fetcher.fetch(url, permit, max_bytes=MAX_BYTES + 1, any_type=True)
        status: int | None = fetched.status
        if fetched.trouble in ("unreachable", "refused") and fetched.final_url.startswith(f"{to.origin}/"):
            # There is no such site, rather than one whose rules are unknown.
            raise NotPermitted(fetched.reason or "no answer", fetched.trouble)
        if status is None:
            status = 404 if fetched.trouble == "missing" else 500
        text = read_text(fetched.text.encode()) if fetched.text is not None else None
        known = Robots(origin=to.origin, status=status, text=text, fetched_at=datetime.now(UTC))
        answered = fetched.final_url.removesuffix("/robots.txt")
        if fetched.status is not None and fetched.final_url.endswith("/robots.txt") and answered != to.origin:
            # The same file was read there: the home page will redirect to it as well.
            self.rules[answered] = RobotsRules(known, self.fetcher.user_agent)
        return known

    @asynccontextmanager
    async def _turn(self, to: Target, delay_s: float) -> AsyncIterator[None]:
        """Wait for the host's turn as long as the budget lasts."""
        async with AsyncExitStack() as held:
            while True:
                left = self.began + self.settings.crawl_site_budget_s - time.monotonic()
                if left <= 0:
                    raise _TimeSpent(f"its {self.settings.crawl_site_budget_s:g} s are spent")
                try:
                    await held.enter_async_context(self.turns.host_turn(to.domain, delay_s))
                    break
                except VendorBusy as busy:
                    if not self.requests:
                        raise
                    wait_s = busy.after_s or delay_s
                if wait_s >= left:
                    raise _TimeSpent("its next turn comes after its time is spent")
                await asyncio.sleep(wait_s)
            self.requests += 1
            yield


def _domain(url: str) -> str | None:
    try:
        return target(url).domain
    except Refused:
        return None
