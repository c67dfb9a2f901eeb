"""Hunter: the people at a domain, one person's address, and a verdict on an address.

Source: providers.md, section 10. Its codes are inverted: 403 is "too fast", 429 "the month's credits are gone", 451 "this person
asked not to be processed". What a domain search costs is told in two ways, one credit an address shown or one a started block
of ten: the dearer one is booked, and marked as an estimate.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator

from contracts.findings import EmailQuery, EmailStanding, EmailVerdict, FoundPeople, FoundPerson, PeopleAt, PersonQuery
from contracts.providers import Pace, Reply, Window
from worker.providers.answers import shaped
from worker.providers.http import Heard
from worker.providers.lenient import Address, Domain, Flag, Lenient, Share, Url, Whole, Words, members, readable, words
from worker.providers.operation import OneByOne, found, invalid, miss, suppressed
from worker.providers.rules import Kind, Said, VendorRules
from worker.providers.titles import best_first

PENDING_S = 3.0
#: How long the finder may search, in seconds; the deadline of the request is longer.
SEARCH_S = "10"
UNKNOWN_AGAIN_S = 1800.0
FREE_PLAN_RESULTS = 10
# A tenth below what is published: 15 a second and 500 a minute, of the verifier 10 and 300. Minutes bind: their margin costs
# 2 %, a second's would cost 17.
PACE = Pace("hunter", (Window(13, 1), Window(450, 60)), concurrency=4)
VERIFY_PACE = Pace("hunter.verify", (Window(9, 1), Window(270, 60)), concurrency=4)

_HANDLE = re.compile(r"linkedin\.com/in/([^/?#\s]+)")
_STANDINGS: Mapping[str, EmailStanding] = {
    "valid": "valid",
    "accept_all": "risky",
    "webmail": "risky",
    "disposable": "invalid",
    "invalid": "invalid",
}
_Q = TypeVar("_Q", bound=BaseModel)
_A = TypeVar("_A", bound=BaseModel)


def _kind(said: Said) -> Kind | None:
    # The free plan shows ten results: what lies behind them is not to be had, which is no fault of our request.
    return "miss" if said.status == 400 and b"pagination_error" in said.body else None


RULES = VendorRules(
    vendor="hunter",
    address_setting="HUNTER_BASE_URL",
    key_setting="HUNTER_API_KEY",
    key_place="header:X-API-KEY",
    # 222: the mail server of the asked address misbehaved, so nothing is known about it.
    statuses={202: "pending", 222: "miss", 403: "rate", 429: "quota", 451: "suppressed"},
    classify=_kind,
    after_s=lambda said: PENDING_S if said.status == 202 else None,
)


class _Source(Lenient):
    uri: Url = None


class _Verification(Lenient):
    status: Words = None


_Verified = Annotated[_Verification, BeforeValidator(members)]
_Sources = Annotated[tuple[_Source, ...], BeforeValidator(readable(_Source))]


class _Email(Lenient):
    value: Address = None
    confidence: Share = None
    first_name: Words = None
    last_name: Words = None
    position: Words = None
    seniority: Words = None
    department: Words = None
    linkedin: Url = None
    phone_number: Words = None
    verification: _Verified = _Verification()
    sources: _Sources = ()


class _Domain(Lenient):
    accept_all: Flag = None
    pattern: Words = None
    organization: Words = None
    emails: list[Any]


class _Finding(Lenient):
    email: Address
    score: Share = None
    domain: Domain = None
    position: Words = None
    company: Words = None
    linkedin_url: Url = None
    first_name: Words = None
    last_name: Words = None
    phone_number: Words = None
    verification: _Verified = _Verification()
    sources: _Sources = ()


class _Checked(Lenient):
    status: str
    score: Share = None
    webmail: Flag = None


class _Meta(Lenient):
    results: Whole = None


class Answered(Lenient):
    """A success of any of its operations: `{data, meta}`."""

    data: dict[str, Any]
    meta: Annotated[_Meta, BeforeValidator(members)] = _Meta()


class HunterLookUp(OneByOne[_Q, _A], Generic[_Q, _A]):
    """One GET. It has no idempotency keys, so the key of a request is not sent."""

    async def _get(self, path: str, **params: str | None) -> tuple[Heard, Answered | None]:
        """What it said; the answer is None when nothing is known."""
        heard = await self._http.ask("GET", path, params={k: v for k, v in params.items() if v is not None})
        if heard.kind is not None:
            return heard, None
        answer = members(heard.json)
        if "data" in answer and answer["data"] is None:
            return heard, None
        return heard, shaped(Answered, answer, RULES.vendor)

    def _profile(self, heard: Heard, answer: Answered | None, value: _A | None) -> Reply[_A]:
        if heard.kind == "suppressed":
            return suppressed()
        if answer is None or value is None:
            return miss()
        return found(value, units=self.spec.units, raw=answer.data, estimated=True)


class DomainSearch(HunterLookUp[PeopleAt, FoundPeople]):
    """`GET /domain-search`: the people at a domain. Costs up to one credit a person."""

    def units_of(self, query: PeopleAt) -> float:
        return self.spec.units * query.limit

    async def one(self, query: PeopleAt, *, key: str) -> Reply[FoundPeople]:  # noqa: ARG002
        heard, answer = await self._get(
            "domain-search", domain=query.domain, limit=str(query.limit), offset=str(query.offset), type="personal"
        )
        if heard.kind == "suppressed":
            return suppressed()
        if answer is None and heard.status == 400:
            shown = f"this plan shows the first {FREE_PLAN_RESULTS} results"
            return miss(shown) if query.offset else invalid(f"{shown}: ask for {FREE_PLAN_RESULTS} at a time")
        data = shaped(_Domain, answer.data, RULES.vendor) if answer else None
        if answer is None or data is None or not data.emails:
            return miss()
        people = [_colleague(each, data, query) for each in readable(_Email)(data.emails) if each.value]
        end = query.offset + query.limit
        value = FoundPeople(
            people=best_first(people, query.titles),
            pattern=data.pattern,
            accept_all=data.accept_all,
            next_offset=end if (answer.meta.results or 0) > end else None,
        )
        return found(value, units=self.spec.units * len(data.emails), raw=answer.data, estimated=True)


class Finder(HunterLookUp[PersonQuery, FoundPerson]):
    """`GET /email-finder`: one person's address, by name and company or by LinkedIn handle. One credit if found."""

    async def one(self, query: PersonQuery, *, key: str) -> Reply[FoundPerson]:  # noqa: ARG002
        who = _who(query)
        if who is None:
            return invalid("the finder wants a name with a company or its domain, or a LinkedIn profile")
        heard, answer = await self._get("email-finder", **who, max_duration=SEARCH_S)
        if heard.kind == "suppressed":
            return suppressed()
        data = shaped(_Finding, answer.data, RULES.vendor) if answer else None
        if answer is None or data is None or data.email is None:
            return miss()
        return found(_person(data, query), units=self.spec.units, raw=answer.data)


class Verifier(HunterLookUp[EmailQuery, EmailVerdict]):
    """`GET /email-verifier`: half a credit. 202 while it is at it: VendorBusy, code `pending`."""

    async def one(self, query: EmailQuery, *, key: str) -> Reply[EmailVerdict]:  # noqa: ARG002
        heard, answer = await self._get("email-verifier", email=query.email)
        if heard.kind == "suppressed":
            return suppressed()
        if answer is None:
            return miss("its mail server misbehaved: nothing is known" if heard.status == 222 else None)
        data = shaped(_Checked, answer.data, RULES.vendor)
        standing = _STANDINGS.get(data.status, "unknown")
        sure = data.score if data.score is not None else 0.5
        value = EmailVerdict(
            email=query.email,
            standing=standing,
            status=words(data.status) or "unknown",
            free_mail=data.webmail,
            confidence=1 - sure if standing == "invalid" else sure,
            retry_after_s=UNKNOWN_AGAIN_S if standing == "unknown" else None,
        )
        if standing == "unknown":
            return miss("the verifier could not tell", units=self.spec.units, value=value, raw=answer.data)
        return found(value, units=self.spec.units, raw=answer.data)


def handle_of(linkedin_url: str | None) -> str | None:
    """The handle in the address of a LinkedIn profile, None when there is none."""
    match = _HANDLE.search(linkedin_url or "")
    return match[1][:200] if match else None


def _who(query: PersonQuery) -> dict[str, str | None] | None:
    """The finder's parameters, None when they are too few."""
    at = {"domain": query.company_domain} if query.company_domain else {"company": query.company_name}
    if any(at.values()) and query.first_name and query.last_name:
        return {**at, "first_name": query.first_name, "last_name": query.last_name}
    if any(at.values()) and query.name and " " in query.name.strip():
        return {**at, "full_name": query.name}
    handle = handle_of(query.linkedin_url)
    return {"linkedin_handle": handle} if handle else None


def _colleague(given: _Email, at: _Domain, query: PeopleAt) -> FoundPerson:
    return FoundPerson(
        name=" ".join(filter(None, (given.first_name, given.last_name)))[:300] or None,
        first_name=given.first_name,
        last_name=given.last_name,
        title=given.position,
        seniority=given.seniority,
        departments=(given.department,) if given.department else (),
        email=given.value,
        email_confidence=given.confidence,
        email_verified=_checked(given.verification),
        phone=given.phone_number[:40] if given.phone_number else None,
        linkedin_url=given.linkedin,
        company_name=at.organization or query.company_name,
        company_domain=query.domain,
        sources=_uris(given.sources),
        confidence=given.confidence if given.confidence is not None else 0.5,
    )


def _person(given: _Finding, query: PersonQuery) -> FoundPerson:
    first, last = given.first_name or query.first_name, given.last_name or query.last_name
    return FoundPerson(
        name=" ".join(filter(None, (first, last)))[:300] or query.name,
        first_name=first,
        last_name=last,
        title=given.position,
        email=given.email,
        email_confidence=given.score,
        email_verified=_checked(given.verification),
        phone=given.phone_number[:40] if given.phone_number else None,
        linkedin_url=given.linkedin_url or query.linkedin_url,
        company_name=given.company or query.company_name,
        company_domain=given.domain or query.company_domain,
        sources=_uris(given.sources),
        confidence=given.score if given.score is not None else 0.5,
    )


def _checked(given: _Verification) -> bool | None:
    """True and False as the verifier said; None where it could not tell or was not asked."""
    return {"valid": True, "invalid": False}.get(given.status or "")


def _uris(sources: tuple[_Source, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.uri for each in sources if each.uri))[:20]
