"""Web search through Google's Programmable Search: `GET /customsearch/v1`, key and engine id in the query, one query a page.

A legacy: closed to new customers, and existing ones lose it on 1 January 2027 (Google's own page). Pages have at most 10 hits;
`start` counts from 1 and start + num may not pass 100, so a query has at most 99 hits. `items` is absent when nothing matches. 100
queries a day are free, then each is billed. `cursor` is the place of the next hit, such as "11".
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, SecretStr

from contracts.errors import Invalid
from contracts.providers import Channel, Pace, Page, Terms, Window
from worker.providers import lenient, social, web_company
from worker.providers.answers import parse_any, shaped
from worker.providers.http import VendorClient
from worker.providers.lenient import Lenient, Words
from worker.providers.query import Wanted, read
from worker.providers.rules import Kind, Said, VendorRules
from worker.providers.web_company import WebHit

MAX_PAGE = 10
MAX_REACH = 100
MAX_QUERY = 1_500

_REASONS: dict[str, Kind] = {
    "ratelimitexceeded": "rate",
    "userratelimitexceeded": "rate",
    "quotaexceeded": "quota",
    "dailylimitexceeded": "quota",
    "dailylimitexceededunreg": "quota",
    "keyinvalid": "auth",
    "api_key_invalid": "auth",
    "keyexpired": "auth",
    "accessnotconfigured": "auth",
    "forbidden": "auth",
}


def _classify(said: Said) -> Kind | None:
    """By the reason, where one is given: 429 may be too fast or no queries left, 400 a bad key or a bad request."""
    if said.status < 400:
        return None
    try:
        error = lenient.members(lenient.members(parse_any(said.body)).get("error"))
    except ValueError:
        return None
    given = [*lenient.listed(error.get("errors")), *lenient.listed(error.get("details"))]
    reasons = [str(lenient.members(each).get("reason", "")).lower() for each in given]
    kind = next((_REASONS[reason] for reason in reasons if reason in _REASONS), None)
    # The quota of a minute and that of a day share one reason: the message names which.
    daily = "per day" in (lenient.words(error.get("message")) or "").lower()
    return "quota" if kind == "rate" and daily else kind


RULES = VendorRules(
    vendor="google_cse",
    address_setting="GOOGLE_CSE_BASE_URL",
    key_setting="GOOGLE_CSE_API_KEY",
    key_place="query:key",
    classify=_classify,
)


class _Hit(Lenient):
    title: Words = None
    link: str
    snippet: Words = None


class _Answer(BaseModel):
    """`items` may be missing; what was asked for is always said again."""

    queries: dict[str, Any]
    items: list[dict[str, Any]] = []


class GoogleSearch:
    """`CompanySearch` on the web, for the channel `google` or `social`. A unit is one query."""

    vendor = "google_cse"
    terms = Terms.CRAWLED
    billable = True
    units_per_page = 1.0
    unit = "query"
    pace = Pace("google_cse", (Window(1, 1), Window(100, 86_400)), concurrency=1)

    def __init__(self, channel: Channel, base_url: str, key: SecretStr, engine: str, *, timeout_s: float) -> None:
        self.operation = f"search.{channel.value}"
        self._social = channel is Channel.SOCIAL
        self._engine = engine
        self._http = VendorClient(RULES, base_url, timeout_s=timeout_s, key=key)

    async def search(self, query: str, *, cursor: str | None, limit: int) -> Page:
        """One page. Raises VendorBusy, VendorDown, VendorRefused, BadAnswer; Invalid for a bad cursor."""
        start = _start(cursor)
        size = min(max(limit, 1), MAX_PAGE, MAX_REACH - start)
        if not query.strip() or size < 1:
            return Page()
        wanted = read(query)
        raw = await self._http.get("/customsearch/v1", self._params(query, wanted, start, size))
        answer = shaped(_Answer, raw, self.vendor)
        hits = [hit for given in answer.items if (hit := _hit(given))][:size]
        found = social.companies(hits, wanted) if self._social else web_company.companies(hits, wanted)
        return Page(companies=tuple(found), next_cursor=_next(answer), units=1.0)

    async def close(self) -> None:
        await self._http.close()

    def _params(self, query: str, wanted: Wanted, start: int, size: int) -> dict[str, str]:
        text = query.strip()[:MAX_QUERY]
        if self._social:
            text += f" ({' OR '.join(f'site:{host}' for host in social.HOSTS)})"
        params = {"cx": self._engine, "q": text, "num": str(size), "start": str(start)}
        return params | ({"gl": wanted.country.lower()} if wanted.country else {})


def _start(cursor: str | None) -> int:
    if cursor is None:
        return 1
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 3 and int(cursor) >= 1):
        raise Invalid(f"cursor {cursor[:40]!r} is not one of ours: leave it out to start at the beginning")
    return int(cursor)


def _next(answer: _Answer) -> str | None:
    following = lenient.listed(answer.queries.get("nextPage"))
    start = lenient.whole(lenient.members(following[0]).get("startIndex")) if following else None
    return str(start) if start and answer.items and start < MAX_REACH else None


def _hit(raw: dict[str, Any]) -> WebHit | None:
    if not isinstance(raw.get("link"), str):
        return None
    each = _Hit.model_validate(raw)
    # Thumbnails and markup of the page are many times the rest.
    kept = {name: value for name, value in raw.items() if name != "pagemap"}
    return WebHit(each.title or "", each.link, each.snippet or "", None, kept)
