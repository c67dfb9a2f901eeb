"""Tavily's web search and page reading as look-ups, for what enrichment wants to know beside our own crawler.

Source: providers.md, section 9. A search costs one credit. Reading pages costs one credit for each five that worked: what a request
cost is shared among its pages, and one page alone costs a whole credit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator

from contracts.findings import PageText, PageUrl, WebHit, WebHits, WebQuery
from contracts.providers import Operation, OperationSpec, Reply, Terms
from contracts.settings import Settings
from worker.providers.answers import Json, shaped
from worker.providers.http import VendorClient
from worker.providers.keys import usable_key
from worker.providers.lenient import Lenient, Number, Url, Words, listed, members, number, readable, words
from worker.providers.operation import LookUp, OneByOne, found, miss, patience
from worker.providers.tavily import CREDITS_PER_SEARCH, PACE, RULES

BATCH = 20
PAGES_PER_CREDIT = 5
#: Characters of a page that are kept: more than any reader of it takes.
MAX_TEXT = 200_000
MAX_SNIPPET = 4000
_PROJECT = {"X-Project-ID": "headwater-enrichment"}


def _text(value: Any) -> str | None:
    return value[:MAX_TEXT] if isinstance(value, str) and value.strip() else None


class _Hit(Lenient):
    url: Url
    title: Words = None
    content: Annotated[str | None, BeforeValidator(lambda value: words(value, MAX_SNIPPET))] = None
    score: Number = None
    raw_content: Annotated[str | None, BeforeValidator(_text)] = None


class _Hits(Lenient):
    results: list[Any]
    usage: Annotated[Json, BeforeValidator(members)] = {}  # noqa: RUF012 - never written to


class Search(OneByOne[WebQuery, WebHits]):
    """`POST /search`, basic depth: one credit, also for nothing found."""

    async def one(self, query: WebQuery, *, key: str) -> Reply[WebHits]:  # noqa: ARG002 - it knows no keys
        body: Json = {
            "query": query.words,
            "search_depth": "basic",
            "topic": "general",
            "max_results": query.limit,
            "include_usage": True,
            "include_raw_content": "text" if query.want_text else False,
        }
        if query.sites:
            body["include_domains"] = list(query.sites)
        raw = await self._http.post("search", body, _PROJECT)
        answer = shaped(_Hits, raw, RULES.vendor)
        cost = number(answer.usage.get("credits"))
        units = CREDITS_PER_SEARCH if cost is None else min(max(cost, 0.0), 1000.0)
        hits = list({each.url: _hit(each) for each in readable(_Hit)(answer.results) if each.url}.values())
        if not hits:
            return miss(units=units)
        return found(WebHits(hits=tuple(hits)), units=units, raw=raw, estimated=cost is None)


class Extract(LookUp[PageUrl, PageText]):
    """`POST /extract`: the text of up to 20 pages, fetched by Tavily. Pages are joined by address, never by place."""

    async def ask(self, queries: Sequence[PageUrl], *, key: str) -> list[Reply[PageText]]:  # noqa: ARG002
        body: Json = {
            "urls": list(dict.fromkeys(query.url for query in queries)),
            "extract_depth": "basic",
            "format": "text",
            "include_usage": True,
        }
        raw = await self._http.post("extract", body, _PROJECT)
        answer = shaped(_Hits, raw, RULES.vendor)
        pages = {
            _plain(each.get("url")): each for each in map(members, answer.results) if _text(each.get("raw_content"))
        }
        failed = {_plain(each.get("url")): each for each in map(members, listed(raw.get("failed_results")))}
        cost = number(answer.usage.get("credits"))
        estimated = cost is None
        if cost is None:
            cost = float(math.ceil(len(pages) / PAGES_PER_CREDIT))
        share = min(max(cost, 0.0), 1000.0) / len(pages) if pages else 0.0
        return [self._one(query, pages, failed, share, estimated) for query in queries]

    def _one(
        self, query: PageUrl, pages: dict[str, Json], failed: dict[str, Json], share: float, estimated: bool
    ) -> Reply[PageText]:
        page = pages.get(_plain(query.url))
        if page is None:
            return miss(words(failed.get(_plain(query.url), {}).get("error")) or "it could not be read")
        value = PageText(url=query.url, text=_text(page.get("raw_content")) or "")
        return found(value, units=share, raw=page, estimated=estimated)


def make(settings: Settings) -> list[Operation[Any, Any]]:
    """Search and reading. Raises VendorRefused (`vendor_absent`) without TAVILY_API_KEY."""
    key = usable_key(settings, "tavily", "tavily_api_key")
    search = OperationSpec("tavily", "search", WebHits, Terms.CRAWLED, PACE)
    extract = OperationSpec("tavily", "extract", PageText, Terms.CRAWLED, PACE, batch=BATCH)

    def client(spec: OperationSpec) -> VendorClient:
        return VendorClient(RULES, settings.tavily_base_url, timeout_s=patience(settings, spec), key=key)

    return [Search(search, client(search)), Extract(extract, client(extract))]


def _hit(given: _Hit) -> WebHit:
    score = min(max(given.score, 0.0), 1.0) if given.score is not None else None
    return WebHit(url=given.url or "", title=given.title, snippet=given.content, text=given.raw_content, score=score)


def _plain(url: Any) -> str:
    """How an address is compared: what comes back may have lost its last slash."""
    return url.rstrip("/") if isinstance(url, str) else ""
