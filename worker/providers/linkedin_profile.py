"""What is known under a LinkedIn address, from those who are licensed to sell it. LinkedIn itself is never asked for anything.

Its agreement forbids automated access, and most of a profile is hidden from visitors: an address of LinkedIn is an identifier here
and nothing else. Off unless LINKEDIN_PROFILE_ENABLED is true: read the terms of the vendor behind it first.

The channel `linkedin` searches the people of PDL (a credit a record) and gives their companies, with those people as contacts.
The look-up `linkedin_profile.person` is the first of `SOURCES` that is there, and no operation of its own: the ledger, the
budget and the pace know it as what it is, so that the same person is not bought twice under two names. The vendor's name on each
answer says where it came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.providers import FoundCompany, FoundContact, Operation, Page, Terms
from contracts.settings import Settings
from worker.providers.answers import Json
from worker.providers.http import VendorClient
from worker.providers.keys import absent
from worker.providers.pdl import MAX_PAGE, SEARCH_PACE, every_word, hits_of, in_country, page_size
from worker.providers.pdl_shape import PdlPerson, titled
from worker.providers.places import country_called
from worker.providers.query import Wanted, read

NAME = "linkedin_profile.person"
#: Who can be asked for a person by a LinkedIn address, best terms first.
SOURCES = ("pdl.person", "lusha.people", "apollo.match", "brightdata.profile")
#: Those who decide what is bought, in PDL's words.
LEVELS = ("owner", "cxo", "partner", "vp", "director")
CONFIDENCE = 0.6


class LinkedInSearch:
    """`CompanySearch` over licensed people: companies and who decides there. `cursor` is the vendor's scroll token."""

    vendor = "pdl"
    operation = "person_search"
    terms = Terms.LICENSED
    billable = True
    units_per_page = float(MAX_PAGE)
    pace = SEARCH_PACE

    def __init__(self, http: VendorClient) -> None:
        self._http = http

    def units_for(self, limit: int) -> float:
        """One credit a person."""
        return float(page_size(limit))

    async def search(self, query: str, *, cursor: str | None, limit: int) -> Page:
        """One page of at most `limit` people. Raises VendorBusy, VendorDown, VendorRefused, BadAnswer."""
        wanted = read(query)
        if not wanted.words:
            return Page()
        hits, units = await hits_of(self._http, "/person/search", _asked(wanted), cursor, limit)
        return Page(companies=tuple(_companies(hits.data)), next_cursor=hits.scroll_token, units=units)

    async def close(self) -> None:
        await self._http.close()


def check(settings: Settings) -> None:
    """Raises VendorRefused (`vendor_absent`) unless the switch is on."""
    if not settings.linkedin_profile_enabled:
        raise absent(
            "linkedin_profile",
            "LINKEDIN_PROFILE_ENABLED is off: read the terms of the vendors behind it, then set it to true, or do without",
        )


def choose(settings: Settings, operations: Mapping[str, Operation[Any, Any]]) -> Operation[Any, Any]:
    """The look-up by LinkedIn address. Raises VendorRefused (`vendor_absent`) when it is off or nobody is there to be asked."""
    check(settings)
    chosen = next((operations[name] for name in SOURCES if name in operations), None)
    if chosen is None:
        raise absent(
            "linkedin_profile", "nobody to ask: set PDL_API_KEY, LUSHA_API_KEY, APOLLO_API_KEY or BRIGHTDATA_API_KEY"
        )
    return chosen


def _asked(wanted: Wanted) -> list[Json]:
    fields = ("job_company_name", "job_company_industry", "job_summary")
    return [
        {"terms": {"job_title_levels": list(LEVELS)}},
        *every_word(wanted, fields, ()),
        *in_country(wanted, "location_country"),
    ]


def _companies(people: list[Json]) -> list[FoundCompany]:
    """The companies these people work for, in the order of the first person of each."""
    staff: dict[str, list[tuple[PdlPerson, Json]]] = {}
    for raw in people:
        each = PdlPerson.model_validate(raw)
        key = each.company_domain or each.job_company_linkedin_url or each.job_company_name
        if key and each.job_company_name:
            staff.setdefault(key[:500], []).append((each, raw))
    return [_company(key, those) for key, those in staff.items()]


def _company(key: str, staff: list[tuple[PdlPerson, Json]]) -> FoundCompany:
    first = staff[0][0]
    return FoundCompany(
        external_id=key,
        name=titled(first.job_company_name) or key,
        country=country_called(first.location_country),
        domain=first.company_domain,
        industries=(first.job_company_industry,) if first.job_company_industry else (),
        contacts=tuple(
            FoundContact(
                name=titled(person.full_name),
                title=titled(person.job_title),
                email=person.email,
                linkedin_url=person.linkedin_url and person.linkedin_url[:500],
                vendor_id=person.id and person.id[:200],
            )
            for person, _ in staff
        ),
        confidence=CONFIDENCE,
        terms=Terms.LICENSED,
        raw={"people": [raw for _, raw in staff]},
    )
