"""Web search through Tavily: `POST /search`, a bearer key, one credit a call.

One adapter, two channels. `google` sends the query as it was written. `keyword` sends its significant words
(and the city, if it names one) and asks Tavily to prefer the query's country. The header `X-Project-ID:
headwater-<channel>` keeps their usage apart in the vendor's own bill. Tavily has no paging: a query has one
page, of at most 20 hits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, Field, SecretStr

from contracts.providers import Channel, FoundCompany, FoundContact, Page
from worker.providers.answers import shaped
from worker.providers.http import VendorClient
from worker.providers.places import country_names, country_of_domain, mentions
from worker.providers.query import Wanted, read
from worker.providers.rules import VendorRules
from worker.providers.web_hit import addresses_at, company_domain, company_name, normal_url

MAX_RESULTS = 20
CREDITS_PER_SEARCH = 1.0

RULES = VendorRules(
    vendor="tavily",
    address_setting="TAVILY_BASE_URL",
    key_setting="TAVILY_API_KEY",
    statuses={432: "quota", 433: "quota"},
)
# Tavily's list of countries has states; not every territory.
_NO_COUNTRY_BOOST = frozenset({"HK"})


class _Hit(BaseModel):
    title: str | None = None
    url: str
    content: str | None = None
    score: float | None = None


class _Usage(BaseModel):
    credits: float = Field(default=CREDITS_PER_SEARCH, ge=0, le=1000)


class _Answer(BaseModel):
    results: list[_Hit]
    usage: _Usage | None = None


class TavilySearch:
    """`CompanySearch` on the web, for the channel `google` or `keyword`. Units are Tavily credits."""

    vendor = "tavily"
    billable = True
    units_per_page = CREDITS_PER_SEARCH

    def __init__(self, channel: Channel, base_url: str, key: SecretStr, *, timeout_s: float) -> None:
        self.channel = channel
        self.operation = f"search.{channel.value}"
        self._http = VendorClient(RULES, base_url, timeout_s=timeout_s, key=key)

    async def search(self, query: str, *, cursor: str | None, limit: int) -> Page:
        """The only page of `query`. Raises VendorBusy, VendorDown, VendorRefused, BadAnswer.

        Any cursor is past the end: the answer is empty, nothing is sent and nothing billed.
        """
        if cursor is not None or not query.strip():
            return Page()
        wanted = read(query)
        project = {"X-Project-ID": f"headwater-{self.channel.value}"}
        raw = await self._http.post("/search", self._body(query, wanted, limit), project)
        answer = shaped(_Answer, raw, self.vendor)
        units = answer.usage.credits if answer.usage else CREDITS_PER_SEARCH
        return Page(companies=tuple(_companies(answer, raw["results"], wanted))[:limit], units=units)

    async def close(self) -> None:
        await self._http.close()

    def _body(self, query: str, wanted: Wanted, limit: int) -> dict[str, Any]:
        body: dict[str, Any] = {
            "query": query.strip(),
            "search_depth": "basic",
            "topic": "general",
            "max_results": max(1, min(limit, MAX_RESULTS)),
            "include_usage": True,
        }
        if self.channel is Channel.KEYWORD:
            body["query"] = " ".join([*wanted.words, *([wanted.city] if wanted.city else [])]) or query.strip()
            if wanted.country and wanted.country not in _NO_COUNTRY_BOOST:
                body["country"] = country_names()[wanted.country].lower()
        return body


def _companies(answer: _Answer, given: list[dict[str, Any]], wanted: Wanted) -> Iterator[FoundCompany]:
    seen = set[str]()
    for hit, raw in zip(answer.results, given, strict=True):
        url = normal_url(hit.url)
        if url is None or url in seen:
            continue
        seen.add(url)
        if domain := company_domain(url):
            yield _company(hit, url, domain, wanted, raw)


def _company(hit: _Hit, url: str, domain: str, wanted: Wanted, raw: dict[str, Any]) -> FoundCompany:
    text = f"{hit.title or ''} \n {hit.content or ''}"
    country, city = _whereabouts(domain, text, wanted)
    return FoundCompany(
        external_id=url,
        name=company_name(hit.title or "", domain),
        country=country,
        city=city,
        domain=domain,
        contacts=tuple(FoundContact(email=address) for address in addresses_at(domain, text)),
        confidence=min(max(hit.score, 0.0), 1.0) if hit.score is not None else 0.5,
        raw=raw,
    )


def _whereabouts(domain: str, text: str, wanted: Wanted) -> tuple[str | None, str | None]:
    """Country: of the domain, else of the first place named, else of the query. City: the first one named
    there.
    """
    named = mentions(text)
    country = country_of_domain(domain) or next((p.country for p in named), None) or wanted.country
    return country, next((p.city for p in named if p.city and p.country == country), None)
