"""People and companies as profiles in the shape that Clearbit made common; Hunter's stand-in speaks it too."""

from __future__ import annotations

from typing import Any

from worker.providers.sandbox.people import Person, employees, people_of, phone
from worker.providers.sandbox.world import Company, World

#: Ranges of employees: (upper end, how the range is written).
_RANGES = ((10, "1-10"), (50, "11-50"), (250, "51-250"), (1000, "251-1K"), (5000, "1K-5K"))
_TECH = ("wordpress", "shopify", "google_analytics", "hubspot", "cloudflare", "salesforce")


def person_profile(person: Person) -> dict[str, Any]:
    """A person: name, address, place of work."""
    company = person.company
    return {
        "id": f"d5{person.id}",
        "name": {"fullName": person.name, "givenName": person.first, "familyName": person.last},
        "email": person.email,
        "location": company.city,
        "timeZone": None,
        "geo": {"city": company.city, "state": None, "country": None, "countryCode": company.country},
        "employment": {
            "domain": company.domain,
            "name": company.brand,
            "title": person.title,
            "role": person.department,
            "seniority": person.seniority,
        },
        "linkedin": {"handle": person.linkedin.rpartition("/")[2]},
        "phone": None,
    }


def company_profile(world: World, company: Company) -> dict[str, Any]:
    """A company: industry, size, place, tools."""
    count = employees(world, company)
    trade = company.trades[0] if company.trades else (company.sectors[0] if company.sectors else "services")
    return {
        "id": f"c0{company.lei[-12:].lower()}",
        "name": company.brand,
        "legalName": company.name,
        "domain": company.domain,
        "category": {
            "sector": "Consumer Discretionary" if company.trades else None,
            "industryGroup": None,
            "industry": trade.replace("_", " ").title(),
            "naicsCode": "315990" if company.trades else None,
        },
        "tags": [each.title() for each in company.trades],
        "description": f"{company.brand} of {company.city}: {trade.replace('_', ' ')}.",
        "foundedYear": 1960 + int(world.luck("founded", company.lei) * 60),
        "location": company.city,
        "geo": {"city": company.city, "state": None, "country": None, "countryCode": company.country},
        "phone": phone(world, company, "switchboard"),
        "metrics": {
            "employees": count,
            "employeesRange": next((text for most, text in _RANGES if count <= most), "5K-10K"),
            "raised": None,
            "estimatedAnnualRevenue": f"${max(1, count // 10)}M-${max(1, count // 10) * 5}M",
        },
        "tech": [each for each in _TECH if world.luck("tech", company.lei, each) < 0.3],
        "linkedin": {"handle": f"company/{company.domain.partition('.')[0]}"},
    }


def knows(world: World, vendor: str, what: str, share: float) -> bool:
    """Whether `vendor` knows `what`: each knows its own share of the world."""
    return world.luck("known", vendor, what) < share


def known_people(world: World, vendor: str, company: Company, share: float) -> list[Person]:
    """The people at `company` that `vendor` knows and may name."""
    return [p for p in people_of(world, company) if not p.objected and knows(world, vendor, p.id, share)]
