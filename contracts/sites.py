"""What our own crawler says about a company's site, and the ports it stands on (providers.md section 14)."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Annotated, Literal, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from contracts.findings import Confidence, Country, Domain, Short, Url


class _Words(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


#: What became of a site. `thin`: too little text to say anything; `blocked`: it turns crawlers away; `refused`: we may not go there
#: (an address inside somebody's network, another company's site); `robots`: its robots.txt says no. All but `ok` want a fallback.
SiteOutcome = Literal["ok", "thin", "blocked", "unreachable", "refused", "robots"]
#: What became of one page. `dropped`: neither text nor HTML, behind a login, or `noindex`.
PageOutcome = Literal["ok", "missing", "dropped", "blocked", "unreachable", "refused", "robots"]
#: What a page is for. Everything but `home` and `other` is a key page.
PageKind = Literal[
    "home", "contact", "about", "team", "impressum", "products", "pricing", "cases", "careers", "other"
]  # fmt: skip

SightingKind = Literal[
    "email", "phone", "address", "name", "legal_name", "description", "registry_id", "linkedin_url", "social_url",
    "technology", "founded", "employees", "language", "pricing", "cases", "careers",
]  # fmt: skip


class Sighting(_Words):
    """One thing read off a page: where, when, how and how surely. `country` where the thing says it itself."""

    kind: SightingKind
    value: Annotated[str, Field(min_length=1, max_length=2000)]
    url: Url
    at: AwareDatetime
    how: Annotated[str, Field(max_length=30, description="mailto, text, spelt, tel, json-ld, og, link, header …")]
    confidence: Confidence
    country: Country | None = None


class CrawledPage(_Words):
    """One request that stood for a page. `text_hash` is SHA-256 of the main text; `reason` says why there is none."""

    url: Url
    final_url: Url
    kind: PageKind
    outcome: PageOutcome
    status: int | None = None
    reason: Short | None = None
    content_type: Short | None = None
    text_hash: bytes | None = None
    chars: int = Field(default=0, ge=0, description="of main text")
    at: AwareDatetime


class SiteReport(_Words):
    """A walk over one site. `requests` counts everything that was sent, robots.txt and redirects included.

    `corpus` is the merged main text in the order of the walk; `description` the company in its own words, worked out by rules.
    `retry_after_s`: the site asked to be left alone that long. `moved_to`: it points to this other domain, which was not followed.
    """

    domain: Domain
    outcome: SiteOutcome
    reason: Short | None = None
    home_url: Url | None = None
    pages: tuple[CrawledPage, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    corpus: str = ""
    description: Annotated[str, Field(max_length=4000)] | None = None
    language: Annotated[str, Field(max_length=20)] | None = None
    moved_to: Domain | None = None
    retry_after_s: float | None = None
    requests: int = Field(default=0, ge=0)
    seconds: float = Field(default=0, ge=0)
    started_at: AwareDatetime

    def best(self, kind: SightingKind) -> Sighting | None:
        """The surest sighting of `kind`; of equals the first one read."""
        found = [s for s in self.sightings if s.kind == kind]
        return max(found, key=lambda s: s.confidence) if found else None

    def all(self, kind: SightingKind) -> tuple[Sighting, ...]:
        """Every sighting of `kind`, the surest first."""
        return tuple(sorted((s for s in self.sightings if s.kind == kind), key=lambda s: -s.confidence))


class Robots(_Words):
    """A robots.txt as it was answered. `text` is None when the status alone decides: 4xx allows all, 5xx and no answer nothing."""

    origin: Annotated[str, Field(max_length=300, description="scheme://host[:port]")]
    status: int | None
    text: str | None = None
    fetched_at: AwareDatetime


class HostTurns(Protocol):
    """Politeness towards one registrable host, shared by all workers: one request at a time, `delay_s` apart."""

    def host_turn(self, host: str, delay_s: float) -> AbstractAsyncContextManager[None]:
        """Wait for the turn and hold it during the request. Raises VendorBusy(after_s) when the wait is long."""
        ...

    async def leave_alone(self, host: str, after_s: float | None) -> None:
        """The host answered 429 or 503: nobody asks it for `after_s` (None: it did not say; the delay is doubled)."""
        ...

    async def robots_of(self, origin: str) -> Robots | None:
        """What is remembered of the origin's robots.txt, if it is not older than a day."""
        ...

    async def remember_robots(self, robots: Robots) -> None:
        """Keep it for a day at most."""
        ...


class SiteCrawler(Protocol):
    """Reads a company's public site: the home page and a few key pages, politely."""

    async def crawl(self, domain: str) -> SiteReport:
        """Walk the site of a registrable domain. What it does raises nothing; VendorBusy: others are there."""
        ...
