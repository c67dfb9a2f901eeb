"""Web search through Tavily: `POST /search`, a bearer key, one credit a call.

One adapter, three channels. `google` sends the query as it was written. `keyword` sends its significant words
(and the city, if it names one) and asks Tavily to prefer the query's country. `social` asks for pages on social
networks only (`include_domains`; see `social.py`). The header `X-Project-ID: headwater-<channel>` keeps their usage
apart in the vendor's own bill. Tavily has no paging: a query has one page, of at most 20 hits.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, SecretStr

from contracts.providers import Channel, Pace, Page, Terms, Window
from worker.providers import social, web_company
from worker.providers.answers import shaped
from worker.providers.http import VendorClient
from worker.providers.places import country_names
from worker.providers.query import Wanted, read
from worker.providers.rules import VendorRules
from worker.providers.web_company import WebHit

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


#: 100 requests a minute under a key for development, of all endpoints together.
PACE = Pace("tavily", (Window(90, 60),), concurrency=4)


class TavilySearch:
    """`CompanySearch` on the web, for the channel `google`, `keyword` or `social`. Units are Tavily credits."""

    vendor = "tavily"
    terms = Terms.CRAWLED
    billable = True
    units_per_page = CREDITS_PER_SEARCH
    max_pages = 1
    pace = PACE

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
        hits = _hits(answer, raw["results"])
        found = (
            social.companies(hits, wanted) if self.channel is Channel.SOCIAL else web_company.companies(hits, wanted)
        )
        return Page(companies=tuple(found[:limit]), units=units)

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
        if self.channel is Channel.SOCIAL:
            body["include_domains"] = list(social.HOSTS)
        if self.channel is Channel.KEYWORD:
            body["query"] = " ".join([*wanted.words, *([wanted.city] if wanted.city else [])]) or query.strip()
            if wanted.country and wanted.country not in _NO_COUNTRY_BOOST:
                body["country"] = country_names()[wanted.country].lower()
        return body


def _hits(answer: _Answer, given: list[dict[str, Any]]) -> list[WebHit]:
    pairs = zip(answer.results, given, strict=True)
    return [WebHit(hit.title or "", hit.url, hit.content or "", hit.score, raw) for hit, raw in pairs]
