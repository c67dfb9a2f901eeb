"""Hunter's look-ups: people, addresses and verdicts (`hunter_people.py`), and profiles of people and companies.

A profile is booked at one credit and marked as an estimate: its price stands on no page we could find.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator

from contracts.findings import (
    CompanyProfile,
    CompanyQuery,
    EmailQuery,
    EmailVerdict,
    FoundPeople,
    FoundPerson,
    PersonAndCompany,
    PersonQuery,
)
from contracts.providers import Operation, OperationSpec, Pace, Reply, Terms
from contracts.settings import Settings
from worker.providers import clearbit_shape as shape
from worker.providers.answers import shaped
from worker.providers.http import VendorClient
from worker.providers.hunter_people import (
    PACE,
    RULES,
    UNKNOWN_AGAIN_S,
    VERIFY_PACE,
    DomainSearch,
    Finder,
    HunterLookUp,
    Verifier,
    handle_of,
)
from worker.providers.keys import usable_key
from worker.providers.lenient import Lenient
from worker.providers.operation import invalid, patience

#: Who is not known has no profile: 404. Elsewhere a 404 is a wrong address.
PROFILE_RULES = replace(RULES, statuses={**RULES.statuses, 404: "miss"})
_or_none = BeforeValidator(lambda value: value if isinstance(value, dict) else None)


class _Both(Lenient):
    person: Annotated[shape.ShapedPerson | None, _or_none] = None
    company: Annotated[shape.ShapedCompany | None, _or_none] = None


class PersonProfile(HunterLookUp[PersonQuery, FoundPerson]):
    """`GET /people/find`: a person by e-mail address or LinkedIn handle."""

    async def one(self, query: PersonQuery, *, key: str) -> Reply[FoundPerson]:  # noqa: ARG002
        handle = handle_of(query.linkedin_url)
        if query.email is None and handle is None:
            return invalid("a profile is found by e-mail address or LinkedIn profile")
        by = {"email": query.email} if query.email else {"linkedin_handle": handle}
        heard, answer = await self._get("people/find", **by)
        value = shape.person(shaped(shape.ShapedPerson, answer.data, RULES.vendor)) if answer else None
        return self._profile(heard, answer, value)


class CompanyByDomain(HunterLookUp[CompanyQuery, CompanyProfile]):
    """`GET /companies/find`: a company by domain."""

    async def one(self, query: CompanyQuery, *, key: str) -> Reply[CompanyProfile]:  # noqa: ARG002
        if query.domain is None:
            return invalid("a company is found by its domain")
        heard, answer = await self._get("companies/find", domain=query.domain)
        value = shape.company(shaped(shape.ShapedCompany, answer.data, RULES.vendor)) if answer else None
        return self._profile(heard, answer, value)


class Combined(HunterLookUp[EmailQuery, PersonAndCompany]):
    """`GET /combined/find`: a person and where they work, by e-mail address, as Clearbit did."""

    async def one(self, query: EmailQuery, *, key: str) -> Reply[PersonAndCompany]:  # noqa: ARG002
        heard, answer = await self._get("combined/find", email=query.email)
        data = shaped(_Both, answer.data, RULES.vendor) if answer else None
        return self._profile(heard, answer, shape.both(data.person, data.company) if data else None)


def make(settings: Settings) -> list[Operation[Any, Any]]:
    """Hunter's look-ups. Raises VendorRefused (`vendor_absent`) without HUNTER_API_KEY."""
    key = usable_key(settings, "hunter", "hunter_api_key")
    made: list[Operation[Any, Any]] = []
    for kind, operation, answer, units, pace in _OPERATIONS:
        spec = OperationSpec("hunter", operation, answer, Terms.LICENSED, pace, units=units)
        # Told of these three, over the API as elsewhere; of profiles nothing is said (providers.md, section 10, and
        # https://help.hunter.io/en/articles/1911656-are-the-same-requests-made-several-times-counted-each-time).
        spec = replace(spec, repeats_free=kind in (DomainSearch, Finder, Verifier))
        if kind is Verifier:
            spec = replace(spec, keep_miss_s=UNKNOWN_AGAIN_S)
        rules = RULES if pace is VERIFY_PACE or kind in (DomainSearch, Finder) else PROFILE_RULES
        made.append(
            kind(spec, VendorClient(rules, settings.hunter_base_url, timeout_s=patience(settings, spec), key=key))
        )
    return made


_OPERATIONS: tuple[tuple[Any, str, type[BaseModel], float, Pace], ...] = (
    (DomainSearch, "domain_search", FoundPeople, 1.0, PACE),
    (Finder, "find", FoundPerson, 1.0, PACE),
    (Verifier, "verify", EmailVerdict, 0.5, VERIFY_PACE),
    (PersonProfile, "person", FoundPerson, 1.0, PACE),
    (CompanyByDomain, "company", CompanyProfile, 1.0, PACE),
    (Combined, "combined", PersonAndCompany, 1.0, PACE),
)
