"""Companies and people as Apollo writes them."""

from __future__ import annotations

import hashlib
from typing import Any

from worker.providers.sandbox.finder import company_slug
from worker.providers.sandbox.people import Person, country_name, employees, phone
from worker.providers.sandbox.world import Company, World

#: Share of the companies that the team has saved: they come as accounts.
SAVED = 0.15
_SENIORITY = {"owner": "owner", "head": "head", "director": "director", "manager": "manager", "senior": "senior"}


def _id(company: Company) -> str:
    return hashlib.blake2b(company.lei.encode(), digest_size=12).hexdigest()


def saved(world: World, company: Company) -> bool:
    """Whether the team has saved this company: then it is an account."""
    return world.luck("apollo-saved", company.lei) < SAVED


def account(world: World, company: Company) -> dict[str, Any]:
    """A company that the team has saved: the same members under an id of its own."""
    shown = organization(world, company)
    return {**shown, "id": f"ac{shown['id'][2:]}", "organization_id": shown["id"], "account_stage_id": "64aa"}


def organization(world: World, company: Company, *, whole: bool = False) -> dict[str, Any]:
    """A company as a search shows it; `whole`: as an enrichment does."""
    number = phone(world, company, "switchboard")
    shown: dict[str, Any] = {
        "id": _id(company),
        "name": company.name,
        "website_url": f"http://www.{company.domain}",
        "linkedin_url": f"http://www.linkedin.com/company/{company_slug(company)}",
        "primary_domain": company.domain,
        "primary_phone": {"number": number, "source": "Owler", "sanitized_number": number},
        "founded_year": 1960 + int(world.luck("founded", company.lei) * 60),
    }
    if not whole:
        return shown
    count = employees(world, company)
    return {
        **shown,
        "industry": "apparel & fashion" if company.trades else "business supplies & equipment",
        "keywords": list(company.trades),
        "estimated_num_employees": count,
        "annual_revenue": count * 90_000,
        "country": country_name(company.country),
        "city": company.city,
        "raw_address": f"1 Market Street, {company.city}, {country_name(company.country)}",
        "short_description": f"{company.brand} of {company.city}.",
        "technology_names": ["WordPress.org"] if world.luck("tech", company.lei, "wordpress") < 0.3 else [],
        "total_funding": None,
        "latest_funding_stage": None,
    }


def candidate(person: Person) -> dict[str, Any]:
    """A person as a search shows them: no surname, no address, no number."""
    last = person.last
    return {
        "id": f"64{person.id}",
        "first_name": person.first,
        "last_name_obfuscated": f"{last[:2]}***{last[-1]}",
        "title": person.title,
        "last_refreshed_at": "2026-08-02T10:11:12Z",
        "has_email": True,
        "has_city": True,
        "has_country": True,
        "has_direct_phone": "Yes",
        "organization": {
            "name": person.company.name,
            "has_industry": True,
            "has_phone": True,
            "has_employee_count": True,
        },
    }


def whole_person(world: World, person: Person) -> dict[str, Any]:
    """A person revealed."""
    company = organization(world, person.company, whole=True)
    job = {
        "organization_name": person.company.brand,
        "title": person.title,
        "current": True,
        "start_date": "2021-01-01",
    }
    return {
        "id": f"64{person.id}",
        "first_name": person.first,
        "last_name": person.last,
        "name": person.name,
        "title": person.title,
        "linkedin_url": person.linkedin.replace("https://", "http://"),
        "email": person.email,
        "email_status": "verified" if world.luck("apollo-email", person.id) < 0.7 else "unverified",
        "headline": person.title,
        "city": person.company.city,
        "state": None,
        "country": country_name(person.company.country),
        "seniority": _SENIORITY.get(person.seniority, "entry"),
        "departments": [person.department],
        "employment_history": [job],
        "organization_id": company["id"],
        "organization": company,
    }
