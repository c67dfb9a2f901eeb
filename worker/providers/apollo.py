"""Apollo: how it is reached, the search for companies, and what its records say. Look-ups are in `apollo_lookups.py`.

`POST /mixed_companies/search`, header `x-api-key`, one credit a page of up to 100 (vendor's OpenAPI file, August 2026). Filters are
query parameters with `[]`, the documented form. Companies not yet saved in the team's account come as `organizations`, saved
ones as `accounts`: both are read. People are not asked for here: Apollo's people search is a second request, and a page is one
billable request; it is the look-up `apollo.people`.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, Field

from contracts.findings import CompanyProfile
from contracts.providers import FoundCompany, Pace, Page, Terms, Window
from contracts.settings import Settings
from worker.providers import lenient
from worker.providers.answers import Json, shaped
from worker.providers.http import VendorClient
from worker.providers.keys import usable_key
from worker.providers.lenient import Domain, Lenient, Texts, Whole, Words
from worker.providers.offsets import page_size, read_offset
from worker.providers.places import country_called, country_names, country_of_domain
from worker.providers.query import Wanted, read
from worker.providers.rules import PaceHint, Said, VendorRules
from worker.providers.web_hit import registrable_domain

MAX_PAGE = 100
#: Apollo shows no more than 500 pages of 100.
MAX_RECORDS = 50_000
CREDITS_PER_PAGE = 1.0
CONFIDENCE = 0.7

_PLAN = re.compile(rb"(?i)credit|\bplans?\b|upgrade")
_WINDOWS = (("x-minute-requests-left", 60.0), ("x-hourly-requests-left", 3600.0), ("x-24-hour-requests-left", 86_400.0))


def _classify(said: Said) -> Any:
    # 403 and 422 are also how it says that the plan or its credits do not reach that far.
    return "quota" if said.status in (403, 422) and _PLAN.search(said.body) else None


def _hint(headers: Any) -> PaceHint | None:
    """The window that is nearest to its end. A window without a limit has an empty header; refusals have none at all."""
    hints = [
        PaceHint(remaining=left, reset_s=seconds)
        for name, seconds in _WINDOWS
        if (left := lenient.whole(headers.get(name, ""))) is not None
    ]
    return min(hints, key=lambda hint: hint.remaining, default=None)


RULES = VendorRules(
    vendor="apollo",
    address_setting="APOLLO_BASE_URL",
    key_setting="APOLLO_API_KEY",
    key_place="header:x-api-key",
    classify=_classify,
    hint=_hint,
)


class ApolloOrganization(Lenient):
    """A company as Apollo writes it, in a search, in an enrichment or beside a person."""

    id: Words = None
    organization_id: Words = None
    name: Words = None
    website_url: Domain = None
    primary_domain: Domain = None
    linkedin_url: lenient.Url = None
    primary_phone: Any = None
    founded_year: Whole = None
    industry: Words = None
    keywords: Texts = ()
    estimated_num_employees: Whole = None
    annual_revenue: lenient.Number = None
    country: Words = None
    city: Words = None
    short_description: Words = None
    technology_names: Texts = ()

    @property
    def domain(self) -> str | None:
        """The domain somebody registered, of the company's own site."""
        host = self.primary_domain or self.website_url
        return registrable_domain(host) if host else None

    @property
    def vendor_id(self) -> str | None:
        """Apollo's id of the company: of a saved one, `id` is that of the account."""
        return (self.organization_id or self.id or "")[:200] or None

    def profile(self) -> CompanyProfile:
        """All that is said here, in our words."""
        phone = lenient.members(self.primary_phone)
        revenue = self.annual_revenue
        return CompanyProfile(
            name=self.name,
            domain=self.domain,
            description=self.short_description,
            industry=self.industry,
            employees=_within(self.estimated_num_employees, 0, 50_000_000),
            revenue_usd=revenue if revenue is not None and 0 <= revenue <= 1e15 else None,
            founded=_within(self.founded_year, 1000, 2200),
            country=country_called(self.country),
            city=self.city,
            phone=lenient.words(phone.get("sanitized_number") or phone.get("number"), 40),
            technologies=self.technology_names,
            linkedin_url=self.linkedin_url,
            vendor_id=self.vendor_id,
            confidence=CONFIDENCE,
        )


class _Pagination(BaseModel):
    total_pages: int = Field(ge=0)


class _Found(BaseModel):
    """At least one of the two lists is there, or this is no search."""

    organizations: list[Json] | None = None
    accounts: list[Json] | None = None
    pagination: _Pagination


class ApolloSearch:
    """`CompanySearch` on Apollo's organisations. `cursor` is the number of records passed, such as "40"."""

    vendor = "apollo"
    operation = "search"
    terms = Terms.LICENSED
    billable = True
    units_per_page = CREDITS_PER_PAGE
    pace = Pace("apollo.search", (Window(100, 60),))

    def __init__(self, http: VendorClient) -> None:
        self._http = http

    async def search(self, query: str, *, cursor: str | None, limit: int) -> Page:
        """One page. Raises VendorBusy, VendorDown, VendorRefused, BadAnswer; Invalid for a bad cursor."""
        wanted, offset = read(query), read_offset(cursor)
        if (not wanted.words and not wanted.country) or offset >= MAX_RECORDS:
            return Page()
        size = page_size(offset, limit, MAX_PAGE)
        number = offset // size + 1
        heard = await self._http.ask("POST", "/mixed_companies/search", params=_filters(wanted, number, size))
        raw = heard.json if isinstance(heard.json, dict) else {}
        answer = shaped(_Found, raw, self.vendor)
        records = [*(answer.organizations or []), *(answer.accounts or [])]
        more = records and number < answer.pagination.total_pages and number * size < MAX_RECORDS
        return Page(
            companies=tuple(_companies(records, wanted)),
            next_cursor=str(number * size) if more else None,
            units=CREDITS_PER_PAGE,
        )

    async def close(self) -> None:
        await self._http.close()


def client(settings: Settings, timeout_s: float) -> VendorClient:
    """The connection to Apollo. Raises VendorRefused (`vendor_absent`) without a usable key."""
    key = usable_key(settings, "apollo", "apollo_api_key")
    return VendorClient(RULES, settings.apollo_base_url, timeout_s=timeout_s, key=key)


def _filters(wanted: Wanted, number: int, size: int) -> dict[str, str | list[str]]:
    filters: dict[str, str | list[str]] = {"page": str(number), "per_page": str(size)}
    if wanted.words:
        filters["q_organization_keyword_tags[]"] = [wanted.text]
    if wanted.country:
        land = country_names()[wanted.country]
        filters["organization_locations[]"] = [f"{wanted.city}, {land}" if wanted.city else land]
    return filters


def _companies(records: list[Json], wanted: Wanted) -> list[FoundCompany]:
    found: dict[str, FoundCompany] = {}
    for raw in records:
        each = ApolloOrganization.model_validate(raw)
        if each.name and each.vendor_id:
            found.setdefault(each.vendor_id, _company(each, raw, wanted))
    return list(found.values())


def _company(each: ApolloOrganization, raw: Json, wanted: Wanted) -> FoundCompany:
    assert each.name
    assert each.vendor_id
    # The filter was on the seat of the company: it knows better than the ending of a domain.
    country = country_called(each.country) or wanted.country or country_of_domain(each.domain or "")
    return FoundCompany(
        external_id=each.vendor_id,
        name=each.name,
        country=country,
        city=(each.city or "")[:200] or None,
        domain=each.domain,
        industries=(each.industry,) if each.industry else (),
        confidence=CONFIDENCE,
        terms=Terms.LICENSED,
        raw=raw,
    )


def _within(value: int | None, least: int, most: int) -> int | None:
    return value if value is not None and least <= value <= most else None
