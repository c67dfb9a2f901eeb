"""People Data Labs: how it is reached, and the search for companies. Look-ups are in `pdl_lookups.py`.

`POST /company/search` with an Elasticsearch query, header `X-Api-Key` (API v5, vendor's OpenAPI file, August 2026). Each record
that comes back costs a credit, so the size of a page is money. Values are in lower case, countries by their names; a 404 says
that nothing matches and costs nothing. To try it for nothing, with the same key and invented people: PDL_BASE_URL =
https://sandbox.api.peopledatalabs.com/v5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import BaseModel

from contracts.providers import FoundCompany, Pace, Page, Terms, Window
from contracts.settings import Settings
from worker.providers import lenient
from worker.providers.answers import Json, parse_any, shaped
from worker.providers.http import Heard, VendorClient
from worker.providers.keys import usable_key
from worker.providers.pdl_shape import PdlCompany
from worker.providers.places import country_names
from worker.providers.query import Wanted, read
from worker.providers.rules import Kind, PaceHint, Said, VendorRules

MAX_PAGE = 100
CONFIDENCE = 0.7
#: Searches by default: 10 a minute. One pace for people and companies.
SEARCH_PACE = Pace("pdl.search", (Window(8, 60),), concurrency=1)

_LEFT = re.compile(r"['\"](minute|day|month)['\"]\s*:\s*(\d+)")
_SECONDS = {"minute": 60.0, "day": 86_400.0, "month": 30 * 86_400.0}


def _classify(said: Said) -> Kind | None:
    """A 404 of its own says that nothing matches; any other is a wrong address."""
    if said.status != 404:
        return None
    try:
        error = lenient.members(parse_any(said.body)).get("error")
    except ValueError:
        return None
    return "miss" if lenient.members(error).get("type") == "not_found" else None


def _hint(headers: Mapping[str, str]) -> PaceHint | None:
    """The window that is nearest to its end. The header holds an object, at times in single quotes, so no JSON."""
    left = {name: int(count) for name, count in _LEFT.findall(headers.get("x-ratelimit-remaining", ""))}
    if not left:
        return None
    name = min(left, key=lambda window: left[window])
    most = {name: int(count) for name, count in _LEFT.findall(headers.get("x-ratelimit-limit", ""))}
    return PaceHint(remaining=left[name], reset_s=_reset_s(headers) or _SECONDS[name], limit=most.get(name))


def _reset_s(headers: Mapping[str, str]) -> float | None:
    try:
        until = datetime.fromisoformat(headers.get("x-ratelimit-reset", "").strip())
    except ValueError:
        return None
    moment = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)


def _after_s(said: Said) -> float | None:
    """It has no Retry-After: what the window that is used up takes to open again, at most an hour."""
    hint = _hint(said.headers)
    return min(hint.reset_s, 3600.0) if hint else None


RULES = VendorRules(
    vendor="pdl",
    address_setting="PDL_BASE_URL",
    key_setting="PDL_API_KEY",
    key_place="header:X-Api-Key",
    classify=_classify,
    after_s=_after_s,
    hint=_hint,
)


class Hits(BaseModel):
    """One page of a search, of companies or of people."""

    data: list[Json]
    scroll_token: str | None = None


class PdlSearch:
    """`CompanySearch` on PDL's companies. `cursor` is the vendor's scroll token."""

    vendor = "pdl"
    operation = "company_search"
    terms = Terms.LICENSED
    billable = True
    units_per_page = float(MAX_PAGE)
    pace = SEARCH_PACE

    def __init__(self, http: VendorClient) -> None:
        self._http = http

    def units_for(self, limit: int) -> float:
        """One credit a record."""
        return float(page_size(limit))

    async def search(self, query: str, *, cursor: str | None, limit: int) -> Page:
        """One page. Raises VendorBusy, VendorDown, VendorRefused, BadAnswer."""
        wanted = read(query)
        if not wanted.words and not wanted.country:
            return Page()
        hits, units = await hits_of(self._http, "/company/search", _asked(wanted), cursor, limit)
        found = [_company(PdlCompany.model_validate(raw), raw) for raw in hits.data]
        return Page(companies=tuple(c for c in found if c), next_cursor=hits.scroll_token, units=units)

    async def close(self) -> None:
        await self._http.close()


def client(settings: Settings, timeout_s: float) -> VendorClient:
    """The connection to PDL. Raises VendorRefused (`vendor_absent`) without a usable key."""
    key = usable_key(settings, "pdl", "pdl_api_key")
    return VendorClient(RULES, settings.pdl_base_url, timeout_s=timeout_s, key=key)


def page_size(limit: int) -> int:
    """How many records are asked for, and may have to be paid."""
    return max(1, min(limit, MAX_PAGE))


async def hits_of(
    http: VendorClient, path: str, must: list[Json], cursor: str | None, limit: int
) -> tuple[Hits, float]:
    """One page of a search and what it cost. Nothing found is an empty page."""
    body: Json = {"query": {"bool": {"must": must}}, "size": page_size(limit)}
    if cursor is not None:
        body["scroll_token"] = cursor
    heard = await http.ask("POST", path, json=body)
    if heard.kind == "miss":
        return Hits(data=[]), 0.0
    hits = shaped(Hits, lenient.members(heard.json), RULES.vendor)
    if not hits.data or not hits.scroll_token or len(hits.scroll_token) > 500:
        hits = Hits(data=hits.data)
    return hits, spent(heard, len(hits.data))


def spent(heard: Heard, records: int) -> float:
    """What an answer cost, as its header says, else one credit a record."""
    said = lenient.number(heard.headers.get("x-call-credits-spent"))
    return said if said is not None and said >= 0 else float(records)


def every_word(wanted: Wanted, texts: tuple[str, ...], lists: tuple[str, ...]) -> list[Json]:
    """Each word must fit one of the fields: a record that is about something else would cost as much."""

    def somewhere(word: str) -> Json:
        exact = [{"terms": {name: [word, wanted.text]}} for name in lists]
        return {"bool": {"should": [*({"match": {name: word}} for name in texts), *exact]}}

    return [somewhere(word) for word in wanted.words]


def in_country(wanted: Wanted, field: str) -> list[Json]:
    """The country as PDL names it."""
    return [{"term": {field: country_names()[wanted.country].lower()}}] if wanted.country else []


def _asked(wanted: Wanted) -> list[Json]:
    must = every_word(wanted, ("name", "industry", "summary"), ("tags",)) + in_country(wanted, "location.country")
    return [*must, {"term": {"location.locality": wanted.city.lower()}}] if wanted.city else must


def _company(each: PdlCompany, raw: Json) -> FoundCompany | None:
    if not each.id or not each.shown_name:
        return None
    return FoundCompany(
        external_id=each.id,
        name=each.shown_name,
        country=each.country,
        city=each.city,
        domain=each.domain,
        industries=(each.industry,) if each.industry else (),
        confidence=CONFIDENCE,
        terms=Terms.LICENSED,
        raw=raw,
    )
