"""Apollo's look-ups: who works at a company (free, masked), who somebody is, and what a company is.

operation      request                                  cost                                    items of a request
people         POST /mixed_people/api_search            nothing                                 1
match          POST /people/bulk_match                  1 credit found, 0 missed                10
organization   POST /organizations/bulk_enrich          1 credit found                          10

The search for people gives a masked surname, no address and no number: a list of candidates, to be revealed by id with `match`.
One person is asked for in bulk as well: the body keeps people out of addresses and so out of logs, and the answer says what it
cost. Personal addresses are never asked for. Mobile numbers (8 credits) neither: Apollo delivers them later, to an address of
ours that must be open to the internet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from contracts.errors import BadAnswer
from contracts.findings import CompanyProfile, CompanyQuery, FoundPeople, FoundPerson, PeopleAt, PersonQuery
from contracts.providers import Operation, OperationSpec, Pace, Reply, Terms, Window
from contracts.settings import Settings
from worker.providers import lenient
from worker.providers.answers import Json, shaped
from worker.providers.apollo import MAX_PAGE, ApolloOrganization, client
from worker.providers.batches import in_order
from worker.providers.lenient import Address, Flag, Lenient, Texts, Url, Words
from worker.providers.offsets import page_size
from worker.providers.operation import LookUp, OneByOne, found, miss, patience
from worker.providers.places import country_called
from worker.providers.titles import best_first

MATCH = OperationSpec(
    vendor="apollo",
    operation="match",
    answer=FoundPerson,
    terms=Terms.LICENSED,
    pace=Pace("apollo.match", (Window(200, 60),)),
    batch=10,
)
ORGANIZATION = OperationSpec(
    vendor="apollo",
    operation="organization",
    answer=CompanyProfile,
    terms=Terms.LICENSED,
    pace=Pace("apollo.organization", (Window(200, 60), Window(600, 3600)), concurrency=2),
    batch=10,
)
PEOPLE = OperationSpec(
    vendor="apollo",
    operation="people",
    answer=FoundPeople,
    terms=Terms.LICENSED,
    pace=Pace("apollo.search", (Window(100, 60),)),
    units=0.0,
    billable=False,
)
#: How much is said by the standing of an address.
_STANDINGS = {"verified": 0.9, "likely to engage": 0.75, "guessed": 0.4, "unverified": 0.4}


class _Person(Lenient):
    id: Words = None
    name: Words = None
    first_name: Words = None
    last_name: Words = None
    title: Words = None
    email: Address = None
    email_status: Words = None
    linkedin_url: Url = None
    city: Words = None
    country: Words = None
    seniority: Words = None
    departments: Texts = ()
    has_email: Flag = None
    organization: Any = None
    phone_numbers: Any = None


class _Matches(BaseModel):
    matches: list[Json | None]
    credits_consumed: Any = None


class _Organizations(BaseModel):
    organizations: list[Json | None]


class _People(BaseModel):
    people: list[Json]
    total_entries: int


class ApolloMatch(LookUp[PersonQuery, FoundPerson]):
    """Who somebody is, by id, address, LinkedIn URL, or name and company."""

    async def ask(self, queries: Sequence[PersonQuery], *, key: str) -> list[Reply[FoundPerson]]:  # noqa: ARG002
        return await in_order(queries, _person_asked, self._bulk)

    async def _bulk(self, details: list[Json]) -> list[Reply[FoundPerson]]:
        params = {"reveal_personal_emails": "false", "reveal_phone_number": "false"}
        heard = await self._http.ask("POST", "/people/bulk_match", params=params, json={"details": details})
        answer = shaped(_Matches, lenient.members(heard.json), self.spec.vendor)
        if len(answer.matches) != len(details):
            raise BadAnswer(
                f"apollo answered {len(answer.matches)} people for {len(details)}: its API may have changed",
                vendor="apollo",
            )
        known = sum(1 for match in answer.matches if match)
        said = lenient.number(answer.credits_consumed)
        each = said / known if said is not None and said >= 0 and known else 1.0
        return [
            found(
                _found_person(match), units=each, ref=lenient.words(match.get("id")), raw=match, estimated=said is None
            )
            if match
            else miss()
            for match in answer.matches
        ]


class ApolloOrganizations(LookUp[CompanyQuery, CompanyProfile]):
    """What a company is, by domain, LinkedIn URL or name."""

    async def ask(self, queries: Sequence[CompanyQuery], *, key: str) -> list[Reply[CompanyProfile]]:  # noqa: ARG002
        return await in_order(queries, _company_asked, self._bulk)

    async def _bulk(self, details: list[Json]) -> list[Reply[CompanyProfile]]:
        heard = await self._http.ask("POST", "/organizations/bulk_enrich", json={"details": details})
        answer = shaped(_Organizations, lenient.members(heard.json), self.spec.vendor)
        return [_company_reply(raw) for raw in _aligned(details, answer.organizations)]


class ApolloPeople(OneByOne[PeopleAt, FoundPeople]):
    """Candidates at a company: a first name, a title and an id each, best titles first. Nothing is billed."""

    async def one(self, query: PeopleAt, *, key: str) -> Reply[FoundPeople]:  # noqa: ARG002 - Apollo knows no keys
        size = page_size(query.offset, query.limit, MAX_PAGE)
        number = query.offset // size + 1
        params: dict[str, str | list[str]] = {
            "q_organization_domains_list[]": [query.domain],
            "page": str(number),
            "per_page": str(size),
        }
        if query.titles:
            params["person_titles[]"] = list(query.titles)
        heard = await self._http.ask("POST", "/mixed_people/api_search", params=params)
        answer = shaped(_People, lenient.members(heard.json), self.spec.vendor)
        if not answer.people:
            return miss()
        passed = number * size
        people = [_candidate(raw, query.domain) for raw in answer.people]
        value = FoundPeople(
            people=best_first(people, query.titles),
            next_offset=passed if passed < min(answer.total_entries, 10_000) else None,
        )
        return found(value, units=0.0)


def make(settings: Settings) -> list[Operation[Any, Any]]:
    """Apollo's look-ups. Raises VendorRefused (`vendor_absent`) without APOLLO_API_KEY."""
    return [
        ApolloMatch(MATCH, client(settings, patience(settings, MATCH))),
        ApolloOrganizations(ORGANIZATION, client(settings, patience(settings, ORGANIZATION))),
        ApolloPeople(PEOPLE, client(settings, patience(settings, PEOPLE))),
    ]


def _person_asked(query: PersonQuery) -> Json | str:
    asked = {
        "id": query.vendor_id,
        "name": query.name,
        "first_name": query.first_name,
        "last_name": query.last_name,
        "email": query.email,
        "linkedin_url": query.linkedin_url,
        "organization_name": query.company_name,
        "domain": query.company_domain,
    }
    named = query.name or (query.first_name and query.last_name)
    company = query.company_domain or query.company_name
    if not (query.vendor_id or query.email or query.linkedin_url or (named and company)):
        return "apollo wants an id, an e-mail address, a LinkedIn URL, or a name with its company"
    return {name: value for name, value in asked.items() if value}


def _company_asked(query: CompanyQuery) -> Json | str:
    asked = {"domain": query.domain, "linkedin_url": query.linkedin_url, "name": query.name}
    return {name: value for name, value in asked.items() if value} or "apollo wants a domain, a LinkedIn URL or a name"


def _found_person(raw: Json) -> FoundPerson:
    each = _Person.model_validate(raw)
    company = ApolloOrganization.model_validate(lenient.members(each.organization))
    phones = [lenient.members(phone) for phone in lenient.listed(each.phone_numbers)]
    number = next((text for p in phones if (text := lenient.words(p.get("sanitized_number"), 40))), None)
    # A placeholder that says that the address is locked is no address.
    email = None if each.email and each.email.startswith("email_not_unlocked@") else each.email
    return FoundPerson(
        name=each.name,
        first_name=each.first_name,
        last_name=each.last_name,
        title=each.title,
        seniority=each.seniority,
        departments=each.departments,
        email=email,
        email_confidence=_STANDINGS.get((each.email_status or "").lower(), 0.3) if email else None,
        email_verified=(each.email_status or "").lower() == "verified" if email else None,
        phone=number,
        phone_type="unknown" if number else None,
        linkedin_url=each.linkedin_url,
        country=country_called(each.country),
        city=each.city,
        company_name=company.name,
        company_domain=company.domain,
        vendor_id=each.id and each.id[:200],
        confidence=0.8,
    )


def _candidate(raw: Json, domain: str) -> FoundPerson:
    """A person of whom only a part is shown: the masked surname is left out, so that nobody takes it for one."""
    each = _Person.model_validate(raw)
    company = lenient.members(each.organization)
    return FoundPerson(
        first_name=each.first_name,
        title=each.title,
        company_name=lenient.words(company.get("name")),
        company_domain=domain,
        vendor_id=each.id and each.id[:200],
        confidence=0.4,
    )


def _company_reply(raw: Json | None) -> Reply[CompanyProfile]:
    if not raw:
        return miss()
    # It does not say what a request cost.
    profile = ApolloOrganization.model_validate(raw).profile()
    return found(profile, units=1.0, ref=profile.vendor_id, raw=raw, estimated=True)


def _aligned(details: list[Json], given: list[Json | None]) -> list[Json | None]:
    """The answer to each question: the one with its domain; where none was asked for, the one in its place."""
    by_domain = {domain: raw for raw in given if raw and (domain := ApolloOrganization.model_validate(raw).domain)}
    placed = given if len(given) == len(details) else [None] * len(details)
    return [
        by_domain.get(detail["domain"]) if "domain" in detail else each
        for detail, each in zip(details, placed, strict=True)
    ]
