"""Companies and people as PDL writes them, in lower case, and what a query in Elasticsearch's words finds among them."""

from __future__ import annotations

from typing import Any

from worker.providers.sandbox.finder import company_slug
from worker.providers.sandbox.people import Person, country_name, employees, people_of
from worker.providers.sandbox.profiles import knows
from worker.providers.sandbox.words import stems
from worker.providers.sandbox.world import LANDS, Company, World

#: Shares of the world's companies and people that it knows.
COMPANIES, PEOPLE = 0.7, 0.6
_SIZES = ((10, "1-10"), (50, "11-50"), (200, "51-200"), (500, "201-500"), (1000, "501-1000"), (5000, "1001-5000"))
_LEVELS = {"owner": "owner", "head": "director", "director": "director", "manager": "manager", "senior": "senior"}


def company_record(world: World, company: Company) -> dict[str, Any]:
    """A company, as a search and an enrichment show it."""
    count = employees(world, company)
    land = country_name(company.country).lower()
    return {
        "id": f"pdl{company.lei.lower()}",
        "name": company.brand.lower(),
        "display_name": company.brand,
        "website": company.domain,
        "size": _size(count),
        "employee_count": count,
        "founded": 1960 + int(world.luck("founded", company.lei) * 60),
        "industry": "apparel & fashion" if company.trades else "business supplies and equipment",
        "naics": [{"naics_code": "315990"}] if company.trades else [],
        "sic": [],
        "linkedin_url": f"linkedin.com/company/{company_slug(company)}",
        "location": {
            "name": f"{company.city.lower()}, {land}",
            "locality": company.city.lower(),
            "region": None,
            "country": land,
        },
        "tags": list(company.trades),
        "type": "private",
        "summary": f"{company.brand} of {company.city}: {' and '.join(company.trades) or 'services'}.".lower(),
        "ticker": None,
    }


def person_record(world: World, person: Person, *, hidden: bool = False) -> dict[str, Any]:
    """A person. `hidden`: a plan that says of contact values only whether they are there."""
    company = person.company
    land = country_name(company.country).lower()
    profile = person.linkedin.removeprefix("https://www.")
    has_phone = world.luck("pdl-phone", person.id) < 0.4
    job = {
        "company": {"name": company.brand.lower(), "website": company.domain},
        "title": {"name": person.title.lower()},
    }
    return {
        "id": f"pdl_{person.id}_0000",
        "full_name": person.name.lower(),
        "first_name": person.first.lower(),
        "last_name": person.last.lower(),
        "linkedin_url": profile,
        "work_email": True if hidden else person.email,
        "personal_emails": True if hidden else [],
        "emails": True if hidden else [{"address": person.email, "type": "current_professional"}],
        "mobile_phone": has_phone if hidden else person.phone if has_phone else None,
        "phone_numbers": has_phone if hidden else [person.phone] if has_phone else [],
        "job_title": person.title.lower(),
        "job_title_role": person.department,
        "job_title_levels": [_LEVELS[person.seniority]] if person.seniority in _LEVELS else [],
        "job_summary": f"{person.title} at {company.brand}: {' and '.join(company.trades) or 'services'}".lower(),
        "job_company_name": company.brand.lower(),
        "job_company_website": company.domain,
        "job_company_industry": "apparel & fashion" if company.trades else "business supplies and equipment",
        "job_company_size": _size(employees(world, company)),
        "job_company_linkedin_url": f"linkedin.com/company/{company_slug(company)}",
        "location_name": land,
        "location_country": land,
        "experience": [{**job, "start_date": "2021-01", "end_date": None, "is_primary": True}],
        "education": [],
        "profiles": [{"network": "linkedin", "url": profile}],
    }


def found(world: World, of: str, query: dict[str, Any]) -> list[dict[str, Any]]:
    """The records of "company" or "person" that fit a query, in one order. Records of a country are made once."""
    land = _country(query)
    codes = [code for code, (name, *_) in LANDS.items() if land in (None, name.lower())]
    kept: dict[tuple[str, str], list[dict[str, Any]]] = world.__dict__.setdefault("_pdl_records", {})
    records: list[dict[str, Any]] = []
    for code in codes:
        if (of, code) not in kept:
            kept[of, code] = _records(world, of, code)
        records += kept[of, code]
    return [record for record in records if fits(query, record)]


def fits(query: dict[str, Any], record: dict[str, Any]) -> bool:
    """Whether a record fits: `bool` (must, filter, should, must_not), `term`, `terms`, `match`, `exists`. Raises ValueError."""
    ((kind, asked),) = query.items()
    if kind == "bool":
        groups = {name: each if isinstance(each, list) else [each] for name, each in asked.items()}
        musts = [*groups.get("must", []), *groups.get("filter", [])]
        should = groups.get("should", [])
        return (
            all(fits(each, record) for each in musts)
            and not any(fits(each, record) for each in groups.get("must_not", []))
            and (not should or bool(musts) or any(fits(each, record) for each in should))
        )
    if kind == "exists":
        return bool(_values(record, asked["field"]))
    if kind not in ("term", "terms", "match"):
        raise ValueError(f"query type {kind} is not allowed")
    ((path, wanted),) = asked.items()
    values = _values(record, path)
    if kind == "match":
        return bool(set(stems(str(wanted))) & {stem for value in values for stem in stems(str(value))})
    return bool(set(wanted if kind == "terms" else [wanted]) & set(values))


def _values(record: dict[str, Any], path: str) -> list[Any]:
    value: Any = record
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, list) else [] if value is None else [value]


def _country(query: Any) -> str | None:
    """The country that a query asks for, wherever it stands in it."""
    if isinstance(query, list):
        return next((found for each in query if (found := _country(each))), None)
    if not isinstance(query, dict):
        return None
    for name, value in query.items():
        if name in ("location.country", "location_country") and isinstance(value, str):
            return value
    return next((found for each in query.values() if (found := _country(each))), None)


def _records(world: World, of: str, code: str) -> list[dict[str, Any]]:
    # Only companies that sell something have people worth selling: the rest of the world would take seconds to make up.
    companies = [c for c in world.companies(code) if c.category == "GENERAL"]
    if of == "company":
        return [company_record(world, c) for c in companies if knows(world, "pdl", c.lei, COMPANIES)]
    return [
        person_record(world, person)
        for company in companies
        if company.trades
        for person in people_of(world, company)
        if not person.objected and knows(world, "pdl", person.id, PEOPLE)
    ]


def _size(count: int) -> str:
    return next((text for most, text in _SIZES if count <= most), "5001-10000")
