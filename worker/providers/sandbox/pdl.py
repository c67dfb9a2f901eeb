"""PDL's wire format: `/pdl/v5`, key in X-Api-Key. No match is a 404; rate headers hold an object in single quotes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from worker.providers.sandbox.answer import Answer, json_answer
from worker.providers.sandbox.finder import company_by_slug, company_called, person_by_id, person_meant
from worker.providers.sandbox.pdl_records import COMPANIES, PEOPLE, company_record, found, person_record
from worker.providers.sandbox.people import company_at
from worker.providers.sandbox.profiles import knows
from worker.providers.sandbox.vendor import Asked, Offer
from worker.providers.sandbox.world import World

MAX_SIZE, MAX_BULK = 100, 100
#: A key with this ending is on the free plan: it is told that there are contact values, not which.
FREE_PLAN = "-free"
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "payment_required",
    404: "not_found",
    429: "rate_limit_error",
}


def _keyed(handler: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    def checked(asked: Asked) -> Answer:
        if not asked.headers.get("x-api-key"):
            return error(401, "Request contained a missing or invalid key")
        said = handler(asked)
        spent = {"x-call-credits-spent": f"{said.credits:g}", "x-call-credits-type": "default"}
        return replace(said, headers={**said.headers, **_rates(99, "2026-12-01 00:00:00"), **spent})

    return checked


def _rates(left: int, reset: str) -> dict[str, str]:
    return {
        "x-ratelimit-limit": "{'minute': 100}",
        "x-ratelimit-remaining": "{'minute': " + str(left) + "}",
        "x-ratelimit-reset": reset,
        "x-totallimit-remaining": "1000",
    }


def error(status: int, message: str) -> Answer:
    """A refusal as PDL writes it."""
    return json_answer(status, {"status": status, "error": {"type": _TYPES[status], "message": message}})


def _search(of: str) -> Callable[[Asked], Answer]:
    def search(asked: Asked) -> Answer:
        try:
            body = json.loads(asked.body)
            query, size = body["query"], body.get("size", 1)
            hits = found(asked.world, of, query)
        except (ValueError, KeyError, TypeError, AttributeError):
            return error(400, "Must pass at least one of the parameters: query, sql")
        token = body.get("scroll_token")
        if not isinstance(size, int) or not 1 <= size <= MAX_SIZE or not (token is None or _place(token) is not None):
            return error(400, "size must be between 1 and 100, scroll_token one of ours")
        start = _place(token) or 0 if token else 0
        page = hits[start : start + size]
        if not page:
            return error(404, "No records were found matching your search")
        value: dict[str, Any] = {"status": 200, "data": page, "total": len(hits)}
        if start + size < len(hits):
            value["scroll_token"] = f"{start + size}$12.17"
        return json_answer(200, value, credits=float(len(page)))

    return search


def _place(token: str) -> int | None:
    start, _, score = token.partition("$")
    return int(start) if start.isdigit() and score == "12.17" else None


def person_bulk(asked: Asked) -> Answer:
    try:
        requests = json.loads(asked.body)["requests"]
        given = [(dict(each["params"]), each.get("metadata")) for each in requests]
    except (ValueError, KeyError, TypeError):
        return error(400, "requests is missing")
    if not 1 <= len(given) <= MAX_BULK:
        return error(400, "Between 1 and 100 requests")
    hidden = asked.headers.get("x-api-key", "").endswith(FREE_PLAN)
    items = [_enriched(asked.world, params, metadata, hidden) for params, metadata in given]
    known = sum(1 for item in items if item["status"] == 200)
    # In another order than they were asked in: only the metadata tells them apart.
    return json_answer(200, items[::-1], credits=float(known))


def _enriched(world: World, params: dict[str, Any], metadata: Any, hidden: bool) -> dict[str, Any]:
    name, company = params.get("name"), params.get("company")
    email, profile, own = params.get("email"), params.get("profile"), params.get("pdl_id")
    if not (email or profile or own or (name and company)):
        return {"status": 400, "error": {"type": _TYPES[400], "message": "Too little"}, "metadata": metadata}
    person = (
        person_by_id(world, str(own).removeprefix("pdl_").removesuffix("_0000"))
        if own
        else person_meant(world, email=email, profile=profile, name=name, company=company)
    )
    if person is None or person.objected or not knows(world, "pdl", person.id, PEOPLE):
        return {"status": 404, "error": {"type": _TYPES[404], "message": "No records were found"}, "metadata": metadata}
    likelihood = 10 if own or profile else 9 if email else 7
    record = person_record(world, person, hidden=hidden)
    return {"status": 200, "likelihood": likelihood, "data": record, "metadata": metadata}


def company_enrich(asked: Asked) -> Answer:
    website, profile, name, own = (asked.first(each) for each in ("website", "profile", "name", "pdl_id"))
    if not (website or profile or name or own):
        return error(400, "Must pass at least one of: name, website, profile, ticker, pdl_id")
    world = asked.world
    company = (
        company_at(world, website)
        if website
        else company_by_slug(world, profile)
        if profile
        else company_called(world, name)
        if name
        else next((c for c in world.companies(None) if f"pdl{c.lei.lower()}" == own), None)
    )
    if company is None or not knows(world, "pdl", company.lei, COMPANIES):
        return error(404, "No records were found matching your request")
    return json_answer(200, {"status": 200, "likelihood": 8, **company_record(world, company)}, credits=1.0)


def _too_fast(_asked: Asked, wait_s: float) -> Answer:
    # It names the moment instead of the wait.
    until = datetime.now(UTC) + timedelta(seconds=wait_s + 1)
    said = error(429, "You have reached your rate limit")
    return replace(said, headers=_rates(0, f"{until:%Y-%m-%d %H:%M:%S}"))


def _no_credits(_asked: Asked) -> Answer:
    return error(402, "You have hit your account maximum for person enrichment (all matches used)")


def _offer(operation: str, method: str, path: str, handler: Callable[[Asked], Answer]) -> Offer:
    return Offer("pdl", operation, method, f"/pdl/v5{path}", _keyed(handler), _too_fast, _no_credits)


OFFERS = (
    _offer("company_search", "POST", "/company/search", _search("company")),
    _offer("person_search", "POST", "/person/search", _search("person")),
    _offer("person", "POST", "/person/bulk", person_bulk),
    _offer("company", "GET", "/company/enrich", company_enrich),
)
