"""People and companies in the shape that Clearbit made common and Hunter's enrichment speaks too.

Source: providers.md, sections 10 and 11. Every member is optional: both vendors leave out or null what they do not know.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

from contracts.findings import CompanyProfile, FoundPerson, PersonAndCompany
from worker.providers.lenient import (
    Address,
    Country,
    Domain,
    Lenient,
    Number,
    Texts,
    Whole,
    Words,
    members,
    url,
    words,
)

#: Neither vendor says how sure it is; a profile found under the asked address or domain is usually right.
CONFIDENCE = 0.8
_Handle = Annotated[str | None, BeforeValidator(lambda value: words(members(value).get("handle")))]


class _Name(Lenient):
    fullName: Words = None  # noqa: N815 - the vendor's name
    givenName: Words = None  # noqa: N815
    familyName: Words = None  # noqa: N815


class _Geo(Lenient):
    city: Words = None
    countryCode: Country = None  # noqa: N815


class _Employment(Lenient):
    domain: Domain = None
    name: Words = None
    title: Words = None
    role: Words = None
    seniority: Words = None


class _Category(Lenient):
    sector: Words = None
    industryGroup: Words = None  # noqa: N815
    industry: Words = None
    naicsCode: Words = None  # noqa: N815


class _Metrics(Lenient):
    employees: Whole = None
    employeesRange: Words = None  # noqa: N815
    estimatedAnnualRevenue: Words = None  # noqa: N815
    annualRevenue: Number = None  # noqa: N815


def _part(shape: type[Lenient]) -> BeforeValidator:
    return BeforeValidator(lambda value: value if isinstance(value, dict | shape) else {})


class ShapedPerson(Lenient):
    """`person` of an answer."""

    id: Words = None
    name: Annotated[_Name, _part(_Name)] = _Name()
    email: Address = None
    phone: Words = None
    geo: Annotated[_Geo, _part(_Geo)] = _Geo()
    employment: Annotated[_Employment, _part(_Employment)] = _Employment()
    linkedin: _Handle = None


class ShapedCompany(Lenient):
    """`company` of an answer."""

    id: Words = None
    name: Words = None
    legalName: Words = None  # noqa: N815
    domain: Domain = None
    description: Annotated[str | None, BeforeValidator(lambda value: words(value, 4000))] = None
    foundedYear: Whole = None  # noqa: N815
    category: Annotated[_Category, _part(_Category)] = _Category()
    geo: Annotated[_Geo, _part(_Geo)] = _Geo()
    phone: Words = None
    metrics: Annotated[_Metrics, _part(_Metrics)] = _Metrics()
    tech: Texts = ()
    linkedin: _Handle = None


def person(given: ShapedPerson) -> FoundPerson | None:
    """A person in our words; None when nothing says who it is."""
    name = given.name.fullName or " ".join(filter(None, (given.name.givenName, given.name.familyName))) or None
    if name is None and given.email is None:
        return None
    job = given.employment
    return FoundPerson(
        name=name,
        first_name=given.name.givenName,
        last_name=given.name.familyName,
        title=job.title,
        seniority=job.seniority,
        departments=(job.role,) if job.role else (),
        email=given.email,
        phone=given.phone[:40] if given.phone else None,
        phone_type="unknown" if given.phone else None,
        linkedin_url=linkedin(given.linkedin, "in"),
        country=given.geo.countryCode,
        city=given.geo.city,
        company_name=job.name,
        company_domain=job.domain,
        vendor_id=given.id[:200] if given.id else None,
        confidence=CONFIDENCE,
    )


def company(given: ShapedCompany) -> CompanyProfile | None:
    """A company in our words; None when nothing says which it is."""
    if given.name is None and given.domain is None:
        return None
    least, most = size(given.metrics.employeesRange)
    naics = re.sub(r"\D", "", given.category.naicsCode or "")[:6]
    return CompanyProfile(
        name=given.name,
        legal_name=given.legalName,
        domain=given.domain,
        description=given.description,
        industry=given.category.industry or given.category.industryGroup or given.category.sector,
        naics=(naics,) if naics else (),
        employees=_head_count(given.metrics.employees),
        employees_min=least,
        employees_max=most,
        revenue_usd=_revenue(given.metrics),
        founded=given.foundedYear if given.foundedYear and 1000 <= given.foundedYear <= 2200 else None,
        country=given.geo.countryCode,
        city=given.geo.city,
        phone=given.phone[:40] if given.phone else None,
        technologies=given.tech,
        linkedin_url=linkedin(given.linkedin, "company"),
        vendor_id=given.id[:200] if given.id else None,
        confidence=CONFIDENCE,
    )


def both(given_person: ShapedPerson | None, given_company: ShapedCompany | None) -> PersonAndCompany | None:
    """Both halves in our words; None when neither is known."""
    who = person(given_person) if given_person else None
    where = company(given_company) if given_company else None
    return PersonAndCompany(person=who, company=where) if who or where else None


def linkedin(handle: str | None, kind: str) -> str | None:
    """The address of a handle: "mei-tan", "in/mei-tan", "company/example" or a whole address."""
    if handle is None or "linkedin.com" in handle:
        return url(handle)
    bare = handle.strip("/").rpartition("/")[2]
    return f"https://www.linkedin.com/{kind}/{bare}" if re.fullmatch(r"[\w%.~-]+", bare) else None


def size(text: str | None) -> tuple[int | None, int | None]:
    """Least and most of a range of employees such as "51-250", "1K-5K" or "10K+"."""
    ends = [int(float(n) * (1000 if k else 1)) for n, k in re.findall(r"(\d{1,6}(?:\.\d)?)([kK]?)", text or "")]
    return (_head_count(ends[0]) if ends else None, _head_count(ends[1]) if len(ends) > 1 else None)


def _head_count(value: int | None) -> int | None:
    return value if value is not None and 0 <= value <= 50_000_000 else None


def _revenue(metrics: _Metrics) -> float | None:
    """Dollars a year: the figure, else the lower end of a range such as "$10M-$50M"."""
    if metrics.annualRevenue is not None:
        return metrics.annualRevenue if 0 <= metrics.annualRevenue <= 1e15 else None
    found = re.match(r"\$?(\d{1,6}(?:\.\d+)?)\s*([KMB]?)", (metrics.estimatedAnnualRevenue or "").upper())
    return float(found[1]) * {"": 1, "K": 1e3, "M": 1e6, "B": 1e9}[found[2]] if found else None
