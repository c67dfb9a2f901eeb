"""What Lusha says about a contact and a company, and how that reads in our words (providers.md, section 12)."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from contracts.findings import CompanyProfile, FoundPerson
from worker.providers.answers import Json
from worker.providers.lenient import (
    Address,
    Country,
    Domain,
    Flag,
    Lenient,
    Texts,
    Url,
    Whole,
    Words,
    members,
    number,
    readable,
    whole,
    words,
)

#: Its grades of an address, as confidence.
_GRADES = {"A+": 0.95, "A": 0.9, "B": 0.75, "C": 0.5}
_PHONE_TYPES: dict[str, Literal["mobile", "direct", "office", "unknown"]] = {
    "mobile": "mobile", "direct": "direct", "work": "office", "office": "office", "phone": "unknown",
}  # fmt: skip
#: Which number is taken: one that may be called, a mobile before a direct line before a switchboard.
_PHONE_ORDER = ("mobile", "direct", "office", "unknown")
CONFIDENCE = 0.8


class _Job(Lenient):
    title: Words = None
    departments: Texts = ()
    seniority: Words = None


_Titled = Annotated[_Job, BeforeValidator(lambda value: {"title": value} if isinstance(value, str) else members(value))]


class _Location(Lenient):
    countryIso2: Country = None  # noqa: N815 - the vendor's name
    city: Words = None
    isEuContact: Flag = None  # noqa: N815


class _Mail(Lenient):
    email: Address = None
    type: Words = None
    confidence: Words = None


class _Phone(Lenient):
    number: Words = None
    type: Words = None
    doNotCall: Flag = None  # noqa: N815


class _Employer(Lenient):
    name: Words = None
    domain: Domain = None


class _Links(Lenient):
    linkedin: Url = None


class Contact(Lenient):
    """One contact of an answer, revealed or as a preview."""

    id: Words = None
    firstName: Words = None  # noqa: N815
    lastName: Words = None  # noqa: N815
    fullName: Words = None  # noqa: N815
    jobTitle: _Titled = _Job()  # noqa: N815
    location: Annotated[_Location, BeforeValidator(members)] = _Location()
    emails: Annotated[tuple[_Mail, ...], BeforeValidator(readable(_Mail))] = ()
    phones: Annotated[tuple[_Phone, ...], BeforeValidator(readable(_Phone))] = ()
    company: Annotated[_Employer, BeforeValidator(members)] = _Employer()
    socialLinks: Annotated[_Links, BeforeValidator(members)] = _Links()  # noqa: N815


class Found(Lenient):
    """The answer of a search: previews, the total, and the bill."""

    results: list[Any]
    pagination: Annotated[Json, BeforeValidator(members)] = {}  # noqa: RUF012 - never written to
    billing: Annotated[Json, BeforeValidator(members)] = {}  # noqa: RUF012

    @property
    def contacts(self) -> list[Contact]:
        return readable(Contact)(self.results)

    @property
    def total(self) -> int | None:
        return whole(self.pagination.get("total"))


class Failure(Lenient):
    """The error that an item carries."""

    code: str
    message: Words = None

    @classmethod
    def of(cls, record: Json | None) -> Failure | None:
        error = (record or {}).get("error")
        if isinstance(error, str) and error:
            return cls(code=words(error, 80) or "error")
        if not isinstance(error, dict) or not error:
            return None
        return cls(code=words(error.get("code") or error.get("name"), 80) or "error", message=error.get("message"))


class _Count(Lenient):
    exact: Whole = None
    min: Whole = None
    max: Whole = None


class Firm(Lenient):
    """One company of an answer."""

    id: Words = None
    name: Words = None
    domain: Domain = None
    description: Annotated[str | None, BeforeValidator(lambda value: words(value, 4000))] = None
    employeeCount: Annotated[_Count, BeforeValidator(members)] = _Count()  # noqa: N815
    industry: Words = None
    subIndustry: Words = None  # noqa: N815
    naicsCodes: Annotated[list[Any], BeforeValidator(lambda value: value if isinstance(value, list) else [])] = []  # noqa: N815, RUF012
    location: Annotated[_Location, BeforeValidator(members)] = _Location()
    revenue: Any = None
    technologies: Texts = ()
    socialLinks: Annotated[_Links, BeforeValidator(members)] = _Links()  # noqa: N815


def person(given: Contact) -> FoundPerson | None:
    """A contact in our words; None when nothing says who it is."""
    name = given.fullName or " ".join(filter(None, (given.firstName, given.lastName)))[:300] or None
    if name is None:
        return None
    mail, phone = _mail(given), _phone(given)
    sure = _GRADES.get((mail.confidence or "").upper()) if mail else None
    return FoundPerson(
        name=name,
        first_name=given.firstName,
        last_name=given.lastName,
        title=given.jobTitle.title,
        seniority=given.jobTitle.seniority,
        departments=given.jobTitle.departments,
        email=mail.email if mail else None,
        email_confidence=sure,
        phone=phone.number[:40] if phone and phone.number else None,
        phone_type=_PHONE_TYPES.get((phone.type or "").lower(), "unknown") if phone else None,
        phone_do_not_call=phone.doNotCall if phone else None,
        linkedin_url=given.socialLinks.linkedin,
        country=given.location.countryIso2,
        city=given.location.city,
        in_eu=given.location.isEuContact,
        company_name=given.company.name,
        company_domain=given.company.domain,
        vendor_id=given.id[:200] if given.id else None,
        confidence=CONFIDENCE,
    )


def company(given: Firm) -> CompanyProfile | None:
    """A company in our words; None when nothing says which it is."""
    if given.name is None and given.domain is None:
        return None
    count = given.employeeCount
    return CompanyProfile(
        name=given.name,
        domain=given.domain,
        description=given.description,
        industry=given.subIndustry or given.industry,
        naics=_naics(given.naicsCodes),
        employees=_head_count(count.exact),
        employees_min=_head_count(count.min),
        employees_max=_head_count(count.max),
        revenue_usd=_revenue(given.revenue),
        country=given.location.countryIso2,
        city=given.location.city,
        technologies=given.technologies,
        linkedin_url=given.socialLinks.linkedin,
        vendor_id=given.id[:200] if given.id else None,
        confidence=CONFIDENCE,
    )


def _mail(given: Contact) -> _Mail | None:
    """The address to write to: one at work first, the best grade first."""
    usable = [each for each in given.emails if each.email]
    grades = list(_GRADES)

    def place(mail: _Mail) -> tuple[bool, int]:
        grade = (mail.confidence or "").upper()
        return mail.type != "work", grades.index(grade) if grade in grades else len(grades)

    return min(usable, key=place, default=None)


def _phone(given: Contact) -> _Phone | None:
    usable = [each for each in given.phones if each.number]

    def place(phone: _Phone) -> tuple[bool, int]:
        kind = _PHONE_TYPES.get((phone.type or "").lower(), "unknown")
        return phone.doNotCall is True, _PHONE_ORDER.index(kind)

    return min(usable, key=place, default=None)


def _naics(codes: list[Any]) -> tuple[str, ...]:
    given = (members(each).get("code", each) for each in codes)
    return tuple(dict.fromkeys(code for each in given if (code := re.sub(r"\D", "", str(each))[:6])))[:10]


def _revenue(given: Any) -> float | None:
    """Dollars a year: the figure, else the lower end of a range; None for what is neither."""
    if isinstance(given, dict):
        given = next((given[name] for name in ("exact", "min") if given.get(name) is not None), None)
    elif isinstance(given, list):
        given = next(iter(given), None)
    found = number(given)
    return found if found is not None and 0 <= found <= 1e15 else None


def _head_count(value: int | None) -> int | None:
    return value if value is not None and value <= 50_000_000 else None
