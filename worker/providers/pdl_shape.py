"""What PDL's records say: a company and a person, read defensively. Pure."""

from __future__ import annotations

from typing import Any

from worker.providers import lenient
from worker.providers.lenient import Address, Domain, Lenient, Texts, Whole, Words
from worker.providers.places import country_called
from worker.providers.web_hit import registrable_domain


def titled(text: str | None) -> str | None:
    """`text` with capitals if it has none."""
    return text.title() if text and text == text.lower() else text


class PdlCompany(Lenient):
    """A company as PDL writes it."""

    id: Words = None
    name: Words = None
    display_name: Words = None
    website: Domain = None
    size: Words = None
    employee_count: Whole = None
    founded: Whole = None
    industry: Words = None
    naics: Any = None
    linkedin_url: lenient.Url = None
    location: Any = None
    tags: Texts = ()
    summary: Any = None

    @property
    def shown_name(self) -> str | None:
        return self.display_name or titled(self.name)

    @property
    def domain(self) -> str | None:
        return registrable_domain(self.website) if self.website else None

    @property
    def country(self) -> str | None:
        return country_called(lenient.words(lenient.members(self.location).get("country")))

    @property
    def city(self) -> str | None:
        return titled(lenient.words(lenient.members(self.location).get("locality"), 200))


class PdlPerson(Lenient):
    """A person as PDL writes them. Contact values may be `true` or `false`: the plan hides them."""

    id: Words = None
    full_name: Words = None
    first_name: Words = None
    last_name: Words = None
    linkedin_url: lenient.Url = None
    work_email: Address = None
    emails: Any = None
    mobile_phone: Words = None
    phone_numbers: Texts = ()
    job_title: Words = None
    job_title_role: Words = None
    job_title_levels: Texts = ()
    job_company_name: Words = None
    job_company_website: Domain = None
    job_company_linkedin_url: lenient.Url = None
    job_company_industry: Words = None
    location_locality: Words = None
    location_country: Words = None

    @property
    def company_domain(self) -> str | None:
        return registrable_domain(self.job_company_website) if self.job_company_website else None

    @property
    def email(self) -> str | None:
        """The address at work, never a private one."""
        at_work = (
            lenient.address(each.get("address"))
            for each in map(lenient.members, lenient.listed(self.emails))
            if each.get("type") == "current_professional"
        )
        return self.work_email or next((address for address in at_work if address), None)
