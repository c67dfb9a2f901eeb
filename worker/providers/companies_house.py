"""Companies House, the register of the United Kingdom: a search and the look-up of one company. Free, 600 requests in 5 minutes.

operation         request                                    when
search            GET /search/companies                      words alone; the first 1,000 hits, further on it answers 416
search            GET /advanced-search/companies             a city or SIC codes (five digits) are named; the first 10,000
company           GET /company/{number}                      a number of eight letters and digits

The key is the user name of HTTP Basic, without a password. Names in the plain search are `title`, elsewhere `company_name`. It
knows no telephone, address of mail or site. Officers are personal data and are not asked for. A query that names another country
has nothing to look for here: nothing is sent. (Vendor's developer pages and public source, 2021-2026.)
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from pydantic import BaseModel

from contracts.errors import BadAnswer
from contracts.findings import CompanyProfile, CompanyQuery
from contracts.providers import FoundCompany, Operation, OperationSpec, Pace, Page, Reply, Terms, Window
from contracts.settings import Settings
from worker.providers import lenient
from worker.providers.answers import Json, shaped
from worker.providers.http import VendorClient
from worker.providers.keys import usable_key
from worker.providers.lenient import Lenient, Texts, Words
from worker.providers.offsets import read_offset
from worker.providers.operation import OneByOne, found, invalid, miss, patience
from worker.providers.query import Wanted, read
from worker.providers.rules import VendorRules

MAX_PAGE = 100
REACH, ADVANCED_REACH = 1_000, 10_000
CONFIDENCE = 0.9
#: How a number of this register is written as one of ours, after its code at org-id.guide.
SCHEME = "gb-coh:"

RULES = VendorRules(
    vendor="companies_house",
    address_setting="COMPANIES_HOUSE_BASE_URL",
    key_setting="COMPANIES_HOUSE_API_KEY",
    key_place="basic",
    statuses={404: "miss", 416: "miss"},
)
PACE = Pace("companies_house", (Window(540, 300),), concurrency=2)
COMPANY = OperationSpec(
    vendor="companies_house",
    operation="company",
    answer=CompanyProfile,
    terms=Terms.PUBLIC,
    pace=PACE,
    unit="call",
    units=0.0,
    billable=False,
    unit_price_usd=0.0,
)
_NUMBER = re.compile(r"[A-Z0-9]{8}")
_SIC = re.compile(r"\d{5}")


class _Company(Lenient):
    company_number: Words = None
    title: Words = None
    company_name: Words = None
    company_status: Words = None
    date_of_creation: Words = None
    address: Any = None
    registered_office_address: Any = None
    sic_codes: Texts = ()

    @property
    def name(self) -> str | None:
        return self.company_name or self.title

    @property
    def city(self) -> str | None:
        where = lenient.members(self.registered_office_address) or lenient.members(self.address)
        return lenient.words(where.get("locality"), 200)

    @property
    def active(self) -> bool:
        return (self.company_status or "active").lower() in ("active", "open")


class _Hits(BaseModel):
    items: list[Json]
    total_results: int | None = None
    hits: int | None = None


class CompaniesHouseSearch:
    """`CompanySearch` on the register. `cursor` is the number of records passed, such as "40"."""

    vendor = "companies_house"
    operation = "search"
    terms = Terms.PUBLIC
    billable = False
    units_per_page = 0.0
    unit = "call"
    pace = PACE

    def __init__(self, http: VendorClient) -> None:
        self._http = http

    async def search(self, query: str, *, cursor: str | None, limit: int) -> Page:
        """One page. Raises VendorBusy, VendorDown, VendorRefused, BadAnswer; Invalid for a bad cursor."""
        wanted, offset = read(query), read_offset(cursor)
        codes, words = _split(wanted)
        advanced = bool(codes or wanted.city)
        reach = ADVANCED_REACH if advanced else REACH
        if wanted.country not in (None, "GB") or not (codes or words) or offset >= reach:
            return Page()
        size = max(1, min(limit, MAX_PAGE, reach - offset))
        heard = await (
            self._advanced(words, codes, wanted.city, offset, size) if advanced else self._plain(words, offset, size)
        )
        if heard is None:
            return Page()
        answer = shaped(_Hits, heard, self.vendor)
        total = answer.hits if advanced else answer.total_results
        after = offset + size
        more = answer.items and after < min(total if total is not None else reach, reach)
        pairs = [(_Company.model_validate(raw), raw) for raw in answer.items[:size]]
        companies = tuple(c for each, raw in pairs if (c := _found(each, raw)))
        return Page(companies=companies, next_cursor=str(after) if more else None)

    async def close(self) -> None:
        await self._http.close()

    async def _plain(self, words: str, offset: int, size: int) -> Json | None:
        # One item a page is answered wrongly: two are asked for, and the second is left for the next page.
        params = {"q": words, "items_per_page": str(max(2, size)), "start_index": str(offset)}
        return await self._get("/search/companies", params)

    async def _advanced(self, words: str, codes: str, city: str | None, offset: int, size: int) -> Json | None:
        asked = {"company_name_includes": words, "sic_codes": codes, "location": city or "", "company_status": "active"}
        params = {name: value for name, value in asked.items() if value}
        return await self._get("/advanced-search/companies", params | {"size": str(size), "start_index": str(offset)})

    async def _get(self, path: str, params: dict[str, str]) -> Json | None:
        heard = await self._http.ask("GET", path, params=params)
        return None if heard.kind == "miss" else lenient.members(heard.json)


class CompaniesHouseCompany(OneByOne[CompanyQuery, CompanyProfile]):
    """One company by its number: "gb-coh:01234567", or the number alone, in `registry_id`."""

    async def one(self, query: CompanyQuery, *, key: str) -> Reply[CompanyProfile]:  # noqa: ARG002 - it is free
        number = (query.registry_id or "").removeprefix(SCHEME).strip().upper()
        if not _NUMBER.fullmatch(number):
            # A malformed number makes it answer 500.
            return invalid("companies_house wants a company number of eight letters and digits")
        heard = await self._http.ask("GET", f"/company/{number}")
        if heard.kind == "miss":
            return miss()
        raw = lenient.members(heard.json)
        each = _Company.model_validate(raw)
        if not each.name or not each.company_number:
            raise BadAnswer(
                "companies_house answered a company without a name: its API may have changed", vendor="companies_house"
            )
        return found(_profile(each, number), units=0.0, ref=number, raw=raw)


def client(settings: Settings, timeout_s: float) -> VendorClient:
    """The connection to the register. Raises VendorRefused (`vendor_absent`) without a usable key."""
    key = usable_key(settings, "companies_house", "companies_house_api_key")
    return VendorClient(RULES, settings.companies_house_base_url, timeout_s=timeout_s, key=key)


def make(settings: Settings) -> list[Operation[Any, Any]]:
    """The register's look-up. Raises VendorRefused (`vendor_absent`) without COMPANIES_HOUSE_API_KEY."""
    return [CompaniesHouseCompany(COMPANY, client(settings, patience(settings, COMPANY)))]


def _split(wanted: Wanted) -> tuple[str, str]:
    """(SIC codes with commas, the words that are none)."""
    codes = [word for word in wanted.words if _SIC.fullmatch(word)]
    return ",".join(codes), " ".join(word for word in wanted.words if word not in codes)


def _found(each: _Company, raw: Json) -> FoundCompany | None:
    number = (each.company_number or "").upper()
    if not each.name or not _NUMBER.fullmatch(number) or not each.active:
        return None
    return FoundCompany(
        external_id=number,
        name=each.name,
        country="GB",
        city=each.city,
        registry_id=f"{SCHEME}{number}",
        confidence=CONFIDENCE,
        terms=Terms.PUBLIC,
        raw=raw,
    )


def _profile(each: _Company, number: str) -> CompanyProfile:
    return CompanyProfile(
        name=each.name,
        legal_name=each.name,
        founded=_year(each.date_of_creation),
        country="GB",
        city=each.city,
        registry_id=f"{SCHEME}{number}",
        vendor_id=number,
        status="active" if each.active else "inactive",
        confidence=CONFIDENCE,
    )


def _year(text: str | None) -> int | None:
    try:
        year = date.fromisoformat(text or "").year
    except ValueError:
        return None
    return year if year >= 1000 else None
