"""The company register: `GET /api/v1/lei-records` in GLEIF's wire format (JSON:API), over the companies of
the world. Its rate limit (60 a minute, when one is set) is kept by address: it knows no keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from worker.providers.sandbox.answer import Answer, json_answer
from worker.providers.sandbox.vendor import Asked, Offer
from worker.providers.sandbox.words import stems
from worker.providers.sandbox.world import Company, World

KIND = "application/vnd.api+json"
DEFAULT_SIZE, MAX_SIZE, WINDOW = 15, 200, 10_000
_FILTERS = frozenset(
    {"filter[fulltext]", "filter[entity.legalAddress.country]", "filter[lei]", "filter[entity.category]"}
)
_PAGING = frozenset({"page[size]", "page[number]"})


def lei_records(world: World, params: Mapping[str, str], base_url: str) -> Answer:
    """One page of the records that match every filter; the full text matches if any of its words does."""
    unknown = [name for name in params if name not in _FILTERS | _PAGING]
    if unknown:
        return _refused(f"{unknown[0]} is not allowed")
    try:
        size, number = int(params.get("page[size]", DEFAULT_SIZE)), int(params.get("page[number]", 1))
    except ValueError:
        return _refused("page[size] and page[number] must be numbers")
    if not 1 <= size <= MAX_SIZE or number < 1:
        return _refused(f"page[size] must be between 1 and {MAX_SIZE}, page[number] at least 1")
    if size * (number - 1) >= WINDOW:
        return _refused(f"only the first {WINDOW} records can be paged")
    found = _matching(world, params)
    page = found[size * (number - 1) : size * number]
    last = max(1, -(-len(found) // size))
    value = {
        "meta": {
            "goldenCopy": {"publishDate": "2026-11-20T16:00:00Z"},
            "pagination": {
                "currentPage": number,
                "perPage": size,
                "from": size * (number - 1) + 1 if page else None,
                "to": size * (number - 1) + len(page) if page else None,
                "total": len(found),
                "lastPage": last,
            },
        },
        "links": _links(base_url, params, number, last),
        "data": [_record(company, base_url) for company in page],
    }
    return json_answer(200, value, kind=KIND)


def _matching(world: World, params: Mapping[str, str]) -> list[Company]:
    country, lei = params.get("filter[entity.legalAddress.country]"), params.get("filter[lei]")
    category, words = params.get("filter[entity.category]"), stems(params.get("filter[fulltext]", ""))
    found: list[tuple[int, Company]] = []
    for company in world.companies(country):
        if category not in (None, company.category) or lei not in (None, company.lei):
            continue
        known = set(stems(" ".join((company.name, company.city, *trading_names(company)))))
        hits = sum(word in known for word in words)
        if hits or not words:
            found.append((hits, company))
    found.sort(key=lambda pair: -pair[0])
    return [company for _, company in found]


def trading_names(company: Company) -> list[str]:
    """The names a clothier trades under, e.g. "Foschini Workwear"."""
    return [f"{company.brand.split()[0]} {trade.title()}" for trade in company.trades]


def _record(company: Company, base_url: str) -> dict[str, Any]:
    address = {
        "language": "en",
        "addressLines": ["1 Market Street"],
        "addressNumber": None,
        "addressNumberWithinBuilding": None,
        "mailRouting": None,
        "city": company.city,
        "region": None,
        "country": company.country,
        "postalCode": None,
    }
    names = [{"name": n, "language": "en", "type": "TRADING_OR_OPERATING_NAME"} for n in trading_names(company)]
    entity = {
        "legalName": {"name": company.name, "language": "en"},
        "otherNames": names,
        "transliteratedOtherNames": [],
        "legalAddress": address,
        "headquartersAddress": address,
        "registeredAt": {"id": "RA999999", "other": None},
        "registeredAs": None,
        "jurisdiction": company.country,
        "category": company.category,
        "legalForm": {"id": "8888", "other": None},
        "associatedEntity": {"lei": None, "name": None},
        "status": "ACTIVE",
        "expiration": {"date": None, "reason": None},
        "successorEntity": {"lei": None, "name": None},
        "successorEntities": [],
        "creationDate": None,
        "subCategory": None,
        "otherAddresses": [],
        "eventGroups": [],
    }
    registration: dict[str, Any] = {
        "initialRegistrationDate": "2015-06-01T00:00:00Z",
        "lastUpdateDate": "2026-06-01T00:00:00Z",
        "status": "ISSUED",
        "nextRenewalDate": "2027-06-01T00:00:00Z",
        "managingLou": company.lei[:4].ljust(20, "0"),
        "corroborationLevel": "FULLY_CORROBORATED",
        "validatedAt": {"id": "RA999999", "other": None},
        "validatedAs": None,
        "otherValidationAuthorities": [],
    }
    at = f"{base_url}/api/v1/lei-records/{company.lei}"
    attributes = {"lei": company.lei, "entity": entity, "registration": registration}
    return {
        "type": "lei-records",
        "id": company.lei,
        "attributes": {**attributes, "bic": None, "mic": None, "ocid": None, "spglobal": [], "conformityFlag": None},
        "relationships": {"managing-lou": {"links": {"related": f"{at}/managing-lou"}}},
        "links": {"self": at},
    }


def _links(base_url: str, params: Mapping[str, str], number: int, last: int) -> dict[str, str]:
    def at(page: int) -> str:
        return f"{base_url}/api/v1/lei-records?{urlencode({**params, 'page[number]': str(page)})}"

    links = {"first": at(1), "last": at(last)}
    if number > 1:
        links["prev"] = at(number - 1)
    if number < last:
        links["next"] = at(number + 1)
    return links


def _refused(detail: str) -> Answer:
    error = {"status": "400", "title": "Bad Request", "detail": detail}
    return json_answer(400, {"errors": [error]}, kind=KIND)


def _throttled(_asked: Asked, wait_s: float) -> Answer:
    error = {"status": "429", "title": "Too Many Requests", "detail": "The rate limit is exceeded"}
    said = json_answer(429, {"errors": [error]}, kind=KIND)
    return Answer(said.status, said.content_type, said.body, headers={"Retry-After": f"{max(1, round(wait_s))}"})


def _records(asked: Asked) -> Answer:
    return lei_records(asked.world, dict(asked.query), asked.base_url)


OFFERS = (Offer("gleif", "lei-records", "GET", "/api/v1/lei-records", _records, _throttled),)
