"""Lusha, version 3: people by whatever identifies them, the people at a company, and companies.

Source: providers.md, section 12, and Lusha's public reference of August 2026. What a budget counts here is the look-up
(`LUSHA_MAX_CONTACT_LOOKUPS`): each contact asked for is one, found or not, because what it costs in credits depends on the plan
and on what is revealed (an e-mail address about one, a phone number about five, and one for the search). What a request cost in
credits stands in the raw record of each of its items, as `billing`. Companies and searches are counted in credits.

A batch reveals phone numbers when one of its queries wants one. Search-and-enrich has no switch for the waterfall of further
vendors (it follows the account), so what costs are fixed is asked by id through `enrich`, with the waterfall off.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from contracts.errors import BadAnswer
from contracts.findings import CompanyProfile, CompanyQuery, FoundPeople, FoundPerson, PeopleAt, PersonQuery
from contracts.providers import Operation, OperationSpec, Pace, Reply, Terms, Window
from contracts.settings import Settings
from worker.providers.answers import Json, shaped
from worker.providers.http import Heard, VendorClient
from worker.providers.keys import usable_key
from worker.providers.lenient import listed, members, number
from worker.providers.lusha_shape import Contact, Failure, Firm, Found, company, person
from worker.providers.operation import LookUp, OneByOne, found, invalid, miss, patience, suppressed
from worker.providers.rules import PaceHint, VendorRules
from worker.providers.titles import best_first

BATCH = 100
#: Sizes of a page that a search takes, and how many of its hits one credit pays for.
MIN_PAGE, PER_CREDIT = 10, 25
_WINDOWS = (("minute", 60.0), ("hourly", 3600.0), ("daily", 86_400.0))


def _hint(headers: Mapping[str, str]) -> PaceHint | None:
    """The window with the fewest requests left. How long it still runs is not said: all of it."""
    seen = [
        PaceHint(max(0, int(left)), seconds, int(limit) if limit is not None else None)
        for name, seconds in _WINDOWS
        if (left := number(headers.get(f"x-{name}-requests-left"))) is not None
        for limit in [number(headers.get(f"x-rate-limit-{name}"))]
    ]
    return min(seen, key=lambda hint: hint.remaining, default=None)


RULES = VendorRules(
    vendor="lusha",
    address_setting="LUSHA_BASE_URL",
    key_setting="LUSHA_API_KEY",
    key_place="header:api_key",
    statuses={451: "suppressed", 499: "transient"},
    hint=_hint,
)
_PACE = Pace("lusha", (Window(20, 1), Window(400, 60)), concurrency=2)


class People(LookUp[PersonQuery, FoundPerson]):
    """`POST /v3/contacts/search-and-enrich`, or `/enrich` when all are asked for by Lusha's own id; at most 100."""

    async def ask(self, queries: Sequence[PersonQuery], *, key: str) -> list[Reply[FoundPerson]]:  # noqa: ARG002
        asked = {str(place): who for place, query in enumerate(queries) if (who := _who(query))}
        if not asked:
            return [_nobody() for _ in queries]
        reveal = ["emails", "phones"] if any(query.want_phone for query in queries) else ["emails"]
        ids = [str(query.vendor_id) for query in queries if query.vendor_id]
        if len(ids) == len(queries):
            path, body = "v3/contacts/enrich", {"ids": ids, "reveal": reveal, "waterfallEnabled": False}
        else:
            path = "v3/contacts/search-and-enrich"
            body = {
                "contacts": [{"clientReferenceId": reference, **who} for reference, who in asked.items()],
                "reveal": reveal,
                "options": {"includePartialProfiles": False},
            }
        heard = await self._http.ask("POST", path, json=body)
        if heard.kind == "suppressed":
            return _blocked(len(queries))
        records, billing = _records(heard)
        replies = list[Reply[FoundPerson]]()
        for place, query in enumerate(queries):
            record = records.get(str(place)) or (records.get(f"id:{query.vendor_id}") if query.vendor_id else None)
            replies.append(self._reply(record, billing) if str(place) in asked else _nobody())
        return replies

    def _reply(self, record: Json | None, billing: Json) -> Reply[FoundPerson]:
        refused = _refused(record, units=self.spec.units)
        if refused is not None or record is None:
            return refused or miss(units=self.spec.units)
        contact = shaped(Contact, record, RULES.vendor)
        value = person(contact)
        raw = {**record, "billing": billing}
        if value is None:
            return miss("an empty profile", units=self.spec.units, raw=raw)
        return found(value, units=self.spec.units, ref=contact.id, raw=raw)


class PeopleAtCompany(OneByOne[PeopleAt, FoundPeople]):
    """`POST /v3/contacts/prospecting`: who works there, without addresses; `People` reveals them by id. Needs the Scale plan."""

    def __init__(self, spec: OperationSpec, http: VendorClient, titles: tuple[str, ...]) -> None:
        super().__init__(spec, http)
        self._titles = titles

    def units_of(self, query: PeopleAt) -> float:
        return self.spec.units * math.ceil(max(query.limit, MIN_PAGE) / PER_CREDIT)

    async def one(self, query: PeopleAt, *, key: str) -> Reply[FoundPeople]:  # noqa: ARG002
        size, titles = max(query.limit, MIN_PAGE), query.titles or self._titles
        page = query.offset // size
        body = {
            "pagination": {"page": page, "size": size},
            "filters": {
                "contacts": {"include": {"jobTitles": list(titles)} if titles else {}},
                "companies": {"include": {"domains": [query.domain]}},
            },
            "options": {"excludeDnc": True},
        }
        heard = await self._http.ask("POST", "v3/contacts/prospecting", json=body)
        if heard.kind == "suppressed":
            return suppressed()
        answer = shaped(Found, members(heard.json), RULES.vendor)
        people = [who for each in answer.contacts if (who := person(each))]
        units = number(answer.billing.get("creditsCharged"))
        cost, raw = self.units_of(query) if units is None else min(max(units, 0.0), 1e6), members(heard.json)
        if not people:
            return miss(units=cost, raw=raw)
        end = (page + 1) * size
        more = end < (answer.total or 0) and end <= 10_000
        value = FoundPeople(people=best_first(people, titles), next_offset=end if more else None)
        return found(value, units=cost, raw=raw, estimated=units is None)


class Companies(LookUp[CompanyQuery, CompanyProfile]):
    """`POST /v3/companies/search-and-enrich`, at most 100, one credit each that was found."""

    async def ask(self, queries: Sequence[CompanyQuery], *, key: str) -> list[Reply[CompanyProfile]]:  # noqa: ARG002
        asked = {str(place): which for place, query in enumerate(queries) if (which := _which(query))}
        no_way = "a company is found by its domain, its name or Lusha's own id"
        if not asked:
            return [invalid(no_way) for _ in queries]
        body = {"companies": [{"clientReferenceId": reference, **which} for reference, which in asked.items()]}
        heard = await self._http.ask("POST", "v3/companies/search-and-enrich", json=body)
        if heard.kind == "suppressed":
            return _blocked(len(queries))
        records, billing = _records(heard)
        return [
            self._reply(records.get(place), billing) if place in asked else invalid(no_way)
            for place in map(str, range(len(queries)))
        ]

    def _reply(self, record: Json | None, billing: Json) -> Reply[CompanyProfile]:
        refused = _refused(record, units=0.0)
        if refused is not None or record is None:
            return refused or miss()
        firm = shaped(Firm, record, RULES.vendor)
        value = company(firm)
        if value is None:
            return miss("an empty profile")
        return found(value, units=self.spec.units, ref=firm.id, raw={**record, "billing": billing})


def make(settings: Settings) -> list[Operation[Any, Any]]:
    """Lusha's look-ups. Raises VendorRefused (`vendor_absent`) without LUSHA_API_KEY."""
    key = usable_key(settings, "lusha", "lusha_api_key")

    def client(spec: OperationSpec) -> VendorClient:
        return VendorClient(RULES, settings.lusha_base_url, timeout_s=patience(settings, spec), key=key)

    people = OperationSpec("lusha", "people", FoundPerson, Terms.LICENSED, _PACE, unit="lookup", batch=BATCH)
    find = OperationSpec("lusha", "find", FoundPeople, Terms.LICENSED, _PACE)
    companies = OperationSpec("lusha", "company", CompanyProfile, Terms.LICENSED, _PACE, batch=BATCH)
    return [
        People(people, client(people)),
        PeopleAtCompany(find, client(find), settings.lusha_preferred_titles),
        Companies(companies, client(companies)),
    ]


def _who(query: PersonQuery) -> Json | None:
    """A contact by the strongest of what is known; None when that is too little."""
    if query.vendor_id:
        return {"id": query.vendor_id}
    who: Json = {"linkedinUrl": query.linkedin_url, "email": query.email}
    parts = (query.name or "").split()
    first, last = query.first_name, query.last_name
    if not (first and last) and len(parts) > 1:
        first, last = parts[0], " ".join(parts[1:])
    at = {"companyDomain": query.company_domain, "companyName": query.company_name}
    if first and last and any(at.values()):
        who |= {"firstName": first, "lastName": last, **at}
    return {name: value for name, value in who.items() if value} or None


def _which(query: CompanyQuery) -> Json | None:
    given = {"id": query.vendor_id, "domain": query.domain, "name": query.name}
    return {name: value for name, value in given.items() if value} or None


def _nobody() -> Reply[FoundPerson]:
    return invalid("a person is found by an id, a LinkedIn profile, an e-mail address, or a name with a company")


def _blocked(count: int) -> list[Reply[Any]]:
    """A privacy block of a whole request: of one it is that one's; of several, nobody knows whose."""
    if count == 1:
        return [suppressed("blocked by privacy law")]
    return [
        invalid("the request was blocked by privacy law for one of its items: ask for them one by one")
        for _ in range(count)
    ]


def _refused(record: Json | None, *, units: float) -> Reply[Any] | None:
    """The reply to an item that carries an error; None when it carries none."""
    failure = Failure.of(record)
    if failure is None:
        return None
    if failure.code == "COMPLIANCE_RESTRICTED":
        return suppressed(failure.message or "restricted for compliance")
    if failure.code in ("NOT_FOUND", "EMPTY_DATA"):
        return miss(failure.message, units=units)
    return invalid(f"{failure.code}: {failure.message or 'turned down'}", units=units)


def _records(heard: Heard) -> tuple[dict[str, Json], Json]:
    """The items of an answer by our reference and by Lusha's id, and its bill. Raises BadAnswer without a list of items."""
    answer = members(heard.json)
    if not isinstance(answer.get("results"), list):
        raise BadAnswer("lusha answered in another shape (results): its API may have changed", vendor=RULES.vendor)
    items = [each for each in listed(answer["results"]) if isinstance(each, dict)]
    records = {f"id:{each['id']}": each for each in items if each.get("id")}
    records |= {str(each["clientReferenceId"]): each for each in items if each.get("clientReferenceId") is not None}
    return records, members(answer.get("billing"))
