"""Apollo's wire format: `/apollo/api/v1`, key in x-api-key. Filters are query parameters with []; 401 is plain text."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from worker.providers.sandbox.answer import Answer, json_answer
from worker.providers.sandbox.apollo_records import account, candidate, organization, saved, whole_person
from worker.providers.sandbox.finder import (
    companies_for,
    company_by_slug,
    company_called,
    person_by_id,
    person_meant,
)
from worker.providers.sandbox.people import Person, company_at
from worker.providers.sandbox.profiles import known_people, knows
from worker.providers.sandbox.vendor import Asked, Offer
from worker.providers.sandbox.world import Company, World

#: Shares of the world's companies and people that it knows.
COMPANIES, PEOPLE = 0.75, 0.7
MAX_BULK = 10
_WINDOWS = (("minute", 200), ("hourly", 6000), ("24-hour", ""))


def _keyed(handler: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    def checked(asked: Asked) -> Answer:
        if not asked.headers.get("x-api-key"):
            return Answer(401, "text/plain", b"Invalid access credentials.")
        said = handler(asked)
        return replace(said, headers={**said.headers, **_rate_headers()}) if said.status == 200 else said

    return checked


def _rate_headers() -> dict[str, str]:
    """A window without a limit has an empty header."""
    headers = {}
    for window, limit in _WINDOWS:
        headers[f"x-rate-limit-{window}"] = str(limit)
        headers[f"x-{window}-usage"] = "1" if limit else ""
        headers[f"x-{window}-requests-left"] = str(limit - 1) if isinstance(limit, int) else ""
    return headers


def _refused(status: int, **body: Any) -> Answer:
    return json_answer(status, body)


def _page(asked: Asked) -> tuple[int, int] | None:
    number, size = asked.first("page") or "1", asked.first("per_page") or "10"
    if not (number.isdigit() and size.isdigit()) or not 1 <= int(size) <= 100 or not 1 <= int(number) <= 500:
        return None
    return int(number), int(size)


def company_search(asked: Asked) -> Answer:
    paging = _page(asked)
    if paging is None:
        return _refused(422, error="per_page must be between 1 and 100, page between 1 and 500")
    number, size = paging
    text = " ".join(asked.all("q_organization_keyword_tags[]"))
    places = asked.all("organization_locations[]")
    found = companies_for(asked.world, "apollo", COMPANIES, text, places[0] if places else None)
    shown = found[(number - 1) * size : number * size]
    value = {
        "breadcrumbs": [],
        "partial_results_only": False,
        "pagination": {
            "page": number,
            "per_page": size,
            "total_entries": len(found),
            "total_pages": -(-len(found) // size),
        },
        "accounts": [account(asked.world, c) for c in shown if saved(asked.world, c)],
        "organizations": [organization(asked.world, c) for c in shown if not saved(asked.world, c)],
    }
    return json_answer(200, value, credits=1.0)


def people_search(asked: Asked) -> Answer:
    paging = _page(asked)
    if paging is None:
        return _refused(422, error="per_page must be between 1 and 100, page between 1 and 500")
    number, size = paging
    staff: list[Person] = []
    for domain in asked.all("q_organization_domains_list[]"):
        company = company_at(asked.world, domain)
        staff += known_people(asked.world, "apollo", company, PEOPLE) if company else []
    titles = [title.casefold() for title in asked.all("person_titles[]")]
    if titles:
        staff = [p for p in staff if any(set(title.split()) <= set(p.title.casefold().split()) for title in titles)]
    shown = staff[(number - 1) * size : number * size]
    return json_answer(200, {"total_entries": len(staff), "people": [candidate(p) for p in shown]})


def bulk_match(asked: Asked) -> Answer:
    details = _details(asked)
    if isinstance(details, Answer):
        return details
    matches = [_match(asked.world, detail) for detail in details]
    known = sum(1 for match in matches if match)
    value = {
        "status": "success",
        "error_code": None,
        "error_message": None,
        "total_requested_enrichments": len(details),
        "unique_enriched_records": known,
        "missing_records": len(details) - known,
        "credits_consumed": known,
        "matches": matches,
    }
    return json_answer(200, value, credits=float(known))


def bulk_enrich(asked: Asked) -> Answer:
    details = _details(asked)
    if isinstance(details, Answer):
        return details
    found = [_organization_meant(asked.world, detail) for detail in details]
    known = sum(1 for each in found if each)
    value = {
        "status": "success",
        "total_requested_domains": len(details),
        "unique_domains": len(details),
        "unique_enriched_records": known,
        "missing_records": len(details) - known,
        "organizations": [organization(asked.world, each, whole=True) if each else None for each in found],
    }
    return json_answer(200, value, credits=float(known))


def health(_asked: Asked) -> Answer:
    return json_answer(200, {"healthy": True, "is_logged_in": True})


def _details(asked: Asked) -> list[dict[str, Any]] | Answer:
    try:
        details = json.loads(asked.body)["details"]
    except (ValueError, KeyError, TypeError):
        return _refused(422, error="details is missing")
    if len(details) > MAX_BULK:
        return _refused(400, error="At most 10 records", error_code="RECORD_LIMIT_EXCEEDED")
    return list(details)


def _match(world: World, detail: dict[str, Any]) -> dict[str, Any] | None:
    name = detail.get("name") or " ".join(filter(None, (detail.get("first_name"), detail.get("last_name"))))
    person = (
        person_by_id(world, str(detail["id"])[2:])
        if detail.get("id")
        else person_meant(
            world,
            email=detail.get("email"),
            profile=detail.get("linkedin_url"),
            name=name,
            company=detail.get("domain") or detail.get("organization_name"),
        )
    )
    known = person is not None and not person.objected and knows(world, "apollo", person.id, PEOPLE)
    return whole_person(world, person) if person and known else None


def _organization_meant(world: World, detail: dict[str, Any]) -> Company | None:
    company = (
        company_at(world, detail["domain"])
        if detail.get("domain")
        else company_by_slug(world, detail["linkedin_url"])
        if detail.get("linkedin_url")
        else company_called(world, detail.get("name") or "")
    )
    return company if company and knows(world, "apollo", company.lei, COMPANIES) else None


def _too_fast(_asked: Asked, wait_s: float) -> Answer:
    said = _refused(429, message="The maximum number of api calls allowed for this endpoint is 200 times per minute.")
    return replace(said, headers={"Retry-After": str(math.ceil(wait_s))})


def _no_credits(_asked: Asked) -> Answer:
    return _refused(422, error="You have insufficient credits for this request. Please upgrade your plan.")


def _offer(operation: str, method: str, path: str, handler: Callable[[Asked], Answer]) -> Offer:
    return Offer("apollo", operation, method, f"/apollo/api/v1{path}", _keyed(handler), _too_fast, _no_credits)


OFFERS = (
    _offer("search", "POST", "/mixed_companies/search", company_search),
    _offer("people", "POST", "/mixed_people/api_search", people_search),
    _offer("match", "POST", "/people/bulk_match", bulk_match),
    _offer("organization", "POST", "/organizations/bulk_enrich", bulk_enrich),
    _offer("health", "GET", "/auth/health", health),
)
