"""Lusha's wire format, version 3: `/lusha/v3`, key in `api_key`. Batches by clientReferenceId, errors by item, a bill."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

from worker.providers.sandbox.answer import Answer, json_answer
from worker.providers.sandbox.finder import person_meant
from worker.providers.sandbox.people import (
    Person,
    company_at,
    country_name,
    employees,
    mailbox,
    people_of,
)
from worker.providers.sandbox.profiles import knows
from worker.providers.sandbox.vendor import Asked, Offer
from worker.providers.sandbox.world import Company

PEOPLE, COMPANIES, PHONES = 0.55, 0.7, 0.6
#: Credits: an address, a number, a company, a search.
EMAIL, PHONE, COMPANY, SEARCH = 1, 5, 1, 1
_SENIORITY = {"owner": "founder", "head": "director", "director": "director", "manager": "manager", "senior": "senior"}
MAX_BATCH = 100
#: window -> (requests, seconds)
_LIMITS = {"daily": (50_000, 86_400), "hourly": (5_000, 3_600), "minute": (500, 60)}


def _error(status: int, message: str) -> Answer:
    return json_answer(status, {"statusCode": status, "message": message, "errors": []})


def _answer(asked: Asked, value: dict[str, Any], credits: float) -> Answer:
    left = _left(asked.state)
    whole = {"requestId": hashlib.sha256(asked.body).hexdigest()[:32], **value}
    said = json_answer(200, whole, credits=credits)
    headers = {f"x-rate-limit-{name}": str(limit) for name, (limit, _) in _LIMITS.items()}
    headers |= {f"x-{name}-requests-left": str(count) for name, count in left.items()}
    return Answer(said.status, said.content_type, said.body, said.credits, headers)


def _left(state: dict[str, Any]) -> dict[str, int]:
    """Requests left in each window, this one counted: windows are fixed, and begin anew."""
    now, counts = time.monotonic(), state.setdefault("counts", {})
    for name, (_, seconds) in _LIMITS.items():
        began, used = counts.get(name, (now, 0))
        counts[name] = (now, 1) if now - began >= seconds else (began, used + 1)
    return {name: max(0, limit - counts[name][1]) for name, (limit, _) in _LIMITS.items()}


def _read(handler: Callable[[Asked, dict[str, Any]], Answer]) -> Callable[[Asked], Answer]:
    """`handler` for a request with a key and a JSON object."""

    def checked(asked: Asked) -> Answer:
        key = asked.headers.get("api_key", "")
        if not key or key.endswith("-wrong"):
            return _error(401, "Unauthorized: the API key is missing or wrong")
        if key.endswith("-small") and asked.path.endswith("/prospecting"):
            return _error(403, "Prospecting is not part of your plan")
        try:
            body = json.loads(asked.body)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return _error(400, "The body is no JSON object")
        return handler(asked, body)

    return checked


def _batch(body: dict[str, Any], name: str) -> list[dict[str, Any]] | None:
    items = body.get(name)
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_BATCH or not all(isinstance(i, dict) for i in items):
        return None
    return items


def search_and_enrich(asked: Asked, body: dict[str, Any]) -> Answer:
    items, reveal = _batch(body, "contacts"), body.get("reveal")
    if items is None or not isinstance(reveal, list) or not set(reveal) <= {"emails", "phones"}:
        return _error(400, "contacts must hold 1 to 100 objects, reveal emails and phones")
    found = [_contact(asked, _meant(asked, item), reveal, item.get("clientReferenceId")) for item in items]
    return _billed(asked, found, SEARCH)


def enrich(asked: Asked, body: dict[str, Any]) -> Answer:
    ids, reveal = body.get("ids"), body.get("reveal")
    if not isinstance(ids, list) or not 1 <= len(ids) <= MAX_BATCH or not isinstance(reveal, list):
        return _error(400, "ids must hold 1 to 100 texts")
    found = [_contact(asked, _by_id(asked, str(each)), reveal, None) | {"id": str(each)} for each in ids]
    return _billed(asked, found, 0)


def companies(asked: Asked, body: dict[str, Any]) -> Answer:
    items = _batch(body, "companies")
    if items is None:
        return _error(400, "companies must hold 1 to 100 objects")
    found = [
        _firm(asked, company_at(asked.world, item.get("domain") or ""), item.get("clientReferenceId")) for item in items
    ]
    return _billed(asked, found, 0)


def prospecting(asked: Asked, body: dict[str, Any]) -> Answer:
    paging, filters = body.get("pagination") or {}, body.get("filters") or {}
    page, size = paging.get("page", 0), paging.get("size", 25)
    domains = ((filters.get("companies") or {}).get("include") or {}).get("domains") or []
    titles = ((filters.get("contacts") or {}).get("include") or {}).get("jobTitles") or []
    if not isinstance(size, int) or not 10 <= size <= 100 or not isinstance(page, int) or not domains:
        return _error(400, "size must be between 10 and 100, and there must be a filter")
    excluded = bool((body.get("options") or {}).get("excludeDnc"))
    staff = [
        person
        for domain in domains
        for company in [company_at(asked.world, domain)]
        if company
        for person in people_of(asked.world, company)
        if _known(asked, person) and _fits(person, titles) and not (excluded and person.do_not_call)
    ]
    shown = staff[page * size : (page + 1) * size]
    credits = SEARCH * max(1, -(-size // 25))
    value = {
        "results": [_preview(asked, each) for each in shown],
        "pagination": {"page": page, "size": size, "total": len(staff)},
        "billing": {"creditsCharged": credits, "resultsReturned": len(shown)},
    }
    return _answer(asked, value, credits)


def usage(asked: Asked) -> Answer:
    used = asked.state.get("calls", 0)
    limits = {
        name: {"limit": limit, "used": used, "remaining": limit - used, "resetsAt": "2026-11-22T00:00:00Z"}
        for name, (limit, _) in _LIMITS.items()
    }
    return json_answer(200, {"credits": {"total": 1000, "used": 0, "remaining": 1000}, "rateLimits": limits})


def _billed(asked: Asked, found: list[dict[str, Any]], base: float) -> Answer:
    credits = base + sum(each.pop("_credits", 0) for each in found)
    served = sum("error" not in each for each in found)
    return _answer(
        asked, {"results": found, "billing": {"creditsCharged": credits, "resultsReturned": served}}, credits
    )


def _meant(asked: Asked, item: dict[str, Any]) -> Person | None:
    if item.get("id"):
        return _by_id(asked, str(item["id"]))
    return person_meant(
        asked.world,
        email=item.get("email"),
        profile=item.get("linkedinUrl"),
        name=f"{item.get('firstName')} {item.get('lastName')}",
        company=item.get("companyDomain") or item.get("companyName"),
    )


def _by_id(asked: Asked, number: str) -> Person | None:
    """Its ids are numbers that name the company and the place in it; they are kept when they are given out."""
    given: dict[str, Person] = asked.state.get("ids", {})
    return given.get(number)


def _number(asked: Asked, person: Person) -> str:
    number = str(4_000_000_000 + int(asked.world.luck("lusha-id", person.id) * 900_000_000))
    asked.state.setdefault("ids", {})[number] = person
    return number


def _known(asked: Asked, person: Person) -> bool:
    return not person.objected and knows(asked.world, "lusha", person.id, PEOPLE)


def _fits(person: Person, titles: list[str]) -> bool:
    words = set(f"{person.title} {person.seniority}".casefold().split())
    return not titles or any(set(title.casefold().split()) & words for title in titles)


def _preview(asked: Asked, person: Person) -> dict[str, Any]:
    company = person.company
    return {
        "id": _number(asked, person),
        "firstName": person.first,
        "lastName": person.last,
        "fullName": person.name,
        "jobTitle": {
            "title": person.title,
            "departments": [person.department.title()],
            "seniority": _SENIORITY.get(person.seniority, "entry"),
        },
        "location": {
            "country": country_name(company.country),
            "countryIso2": company.country,
            "city": company.city,
            "isEuContact": False,
        },
        "company": {
            "id": str(16_000_000 + int(asked.world.luck("lusha-company", company.lei) * 1e6)),
            "name": company.brand,
            "domain": company.domain,
            "industry": (company.trades or ("services",))[0].title(),
        },
        "socialLinks": {"linkedin": person.linkedin},
    }


def _contact(asked: Asked, person: Person | None, reveal: list[str], reference: Any) -> dict[str, Any]:
    known: dict[str, Any] = {"clientReferenceId": reference} if reference is not None else {}
    if person is not None and person.objected:
        return {**known, "error": {"code": "COMPLIANCE_RESTRICTED", "message": "Restricted by privacy law"}}
    if person is None or not _known(asked, person):
        return {**known, "error": {"code": "NOT_FOUND", "message": "No contact was found"}}
    emails, phones = [], []
    if "emails" in reveal:
        grade = "A+" if mailbox(asked.world, person.email) == "valid" else "B"
        emails = [{"email": person.email, "type": "work", "confidence": grade, "updateDate": "2026-06-01"}]
    if "phones" in reveal and knows(asked.world, "lusha-phone", person.id, PHONES):
        phones = [{"number": person.phone, "type": "mobile", "doNotCall": person.do_not_call}]
    credits = EMAIL * len(emails) + PHONE * len(phones)
    return {**known, **_preview(asked, person), "emails": emails, "phones": phones, "_credits": credits}


def _firm(asked: Asked, company: Company | None, reference: Any) -> dict[str, Any]:
    known: dict[str, Any] = {"clientReferenceId": reference} if reference is not None else {}
    if company is None or not knows(asked.world, "lusha", company.lei, COMPANIES):
        return {**known, "error": {"code": "NOT_FOUND", "message": "No company was found"}}
    count = employees(asked.world, company)
    return {
        **known,
        "id": str(16_000_000 + int(asked.world.luck("lusha-company", company.lei) * 1e6)),
        "name": company.brand,
        "domain": company.domain,
        "description": f"{company.brand}, {company.city}",
        "employeeCount": {"exact": count, "min": count // 2, "max": count * 2},
        "industry": "Retail" if company.trades else "Business Services",
        "subIndustry": (company.trades or (None,))[0],
        "naicsCodes": ["315990"] if company.trades else [],
        "location": {"country": country_name(company.country), "countryIso2": company.country, "city": company.city},
        "revenue": {"min": count * 50_000, "max": count * 200_000},
        "funding": None,
        "technologies": [],
        "socialLinks": {"linkedin": f"https://www.linkedin.com/company/{company.domain.partition('.')[0]}"},
        "_credits": COMPANY,
    }


def throttled(_asked: Asked, _wait_s: float) -> Answer:
    return _error(429, "Too many requests")


def exhausted(_asked: Asked) -> Answer:
    return _error(402, "No credits left")


OFFERS = (
    Offer(
        "lusha",
        "people",
        "POST",
        "/lusha/v3/contacts/search-and-enrich",
        _read(search_and_enrich),
        throttled,
        exhausted,
    ),
    Offer("lusha", "people", "POST", "/lusha/v3/contacts/enrich", _read(enrich), throttled, exhausted),
    Offer("lusha", "find", "POST", "/lusha/v3/contacts/prospecting", _read(prospecting), throttled, exhausted),
    Offer("lusha", "company", "POST", "/lusha/v3/companies/search-and-enrich", _read(companies), throttled, exhausted),
    Offer("lusha", "usage", "GET", "/lusha/v3/account/usage", usage, throttled),
)
