"""Companies House's wire format: `/companies_house`, key as user name of HTTP Basic. The world's British companies, by number."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from worker.providers.sandbox.answer import Answer, json_answer
from worker.providers.sandbox.finder import companies_for
from worker.providers.sandbox.vendor import Asked, Offer
from worker.providers.sandbox.web import score_of
from worker.providers.sandbox.words import terms
from worker.providers.sandbox.world import Company, World

REACH, ADVANCED_REACH = 1_000, 10_000
#: Share of its companies that are dissolved.
DISSOLVED = 0.08
_CLOTHES_SIC = "14120"


def _keyed(handler: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    def checked(asked: Asked) -> Answer:
        scheme, _, coded = asked.headers.get("authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(coded, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            user, password = "", ""
        if scheme != "Basic" or not user or password:
            return json_answer(401, {"error": "Invalid Authorization", "type": "ch:service"})
        return handler(asked)

    return checked


def _number(asked: Asked, name: str, default: int) -> int:
    text = asked.first(name) or ""
    return int(text) if text.isdigit() else default


def plain_search(asked: Asked) -> Answer:
    size, start = min(_number(asked, "items_per_page", 20), 100), _number(asked, "start_index", 0)
    if start >= REACH:
        return _error(416, "search-limit-exceeded")
    found = companies_for(asked.world, "companies_house", 1.0, asked.first("q") or "", "United Kingdom")
    # One a page is a known fault of theirs: it answers none.
    page = [] if size < 2 else found[start : start + size]
    value = {
        "kind": "search#companies",
        "items": [hit(asked.world, company) for company in page],
        "total_results": len(found),
        "start_index": start,
        "items_per_page": size,
        "page_number": 1 + start // max(size, 1),
    }
    return json_answer(200, value)


def advanced_search(asked: Asked) -> Answer:
    size, start = min(_number(asked, "size", 20), 5_000), _number(asked, "start_index", 0)
    if start >= ADVANCED_REACH:
        return _error(416, "search-limit-exceeded")
    text, codes = asked.first("company_name_includes") or "", (asked.first("sic_codes") or "").split(",")
    location, status = (asked.first("location") or "").casefold(), asked.first("company_status")
    found = [
        company
        for company in asked.world.companies("GB")
        if company.category == "GENERAL"
        and (not text or score_of(company, terms(text), None) > 0)
        and (codes == [""] or _sic(company) in codes)
        and location in company.city.casefold()
        and status in (None, _status(asked.world, company))
    ]
    if not found:
        return _error(404, "no-results")
    items = [advanced_hit(asked.world, company) for company in found[start : start + size]]
    return json_answer(200, {"kind": "search#advanced-search", "hits": len(found), "items": items})


def profile(asked: Asked) -> Answer:
    number = asked.path_params["number"]
    if not re.fullmatch(r"[A-Z0-9]{8}", number):
        return Answer(500, "text/html", b"<html>Internal Server Error</html>")
    company = next((c for c in asked.world.companies("GB") if number_of(c) == number), None)
    if company is None:
        return _error(404, "company-profile-not-found")
    value = {
        **_common(asked.world, company),
        "company_name": company.name.upper(),
        "type": "ltd",
        "jurisdiction": "england-wales",
        "registered_office_address": _address(company),
        "sic_codes": [_sic(company)],
        "links": {"self": f"/company/{number}"},
    }
    return json_answer(200, value)


def number_of(company: Company) -> str:
    """The number of a company in this register."""
    return f"{int(hashlib.blake2b(company.lei.encode(), digest_size=4).hexdigest(), 16) % 10**8:08d}"


def hit(world: World, company: Company) -> dict[str, Any]:
    """A company as the plain search shows it: its name is the title."""
    address = _address(company)
    return {
        **_common(world, company),
        "title": company.name.upper(),
        "company_type": "ltd",
        "address": address,
        "address_snippet": ", ".join(address.values()),
        "links": {"self": f"/company/{number_of(company)}"},
    }


def advanced_hit(world: World, company: Company) -> dict[str, Any]:
    """A company as the advanced search shows it."""
    return {
        **_common(world, company),
        "company_name": company.name.upper(),
        "company_type": "ltd",
        "sic_codes": [_sic(company)],
        "registered_office_address": _address(company),
    }


def _common(world: World, company: Company) -> dict[str, Any]:
    return {
        "company_number": number_of(company),
        "company_status": _status(world, company),
        "date_of_creation": f"{1960 + int(world.luck('founded', company.lei) * 60)}-05-01",
    }


def _address(company: Company) -> dict[str, str]:
    return {"address_line_1": "1 High Street", "locality": company.city, "postal_code": "LS1 1AA"}


def _status(world: World, company: Company) -> str:
    return "dissolved" if world.luck("dissolved", company.lei) < DISSOLVED else "active"


def _sic(company: Company) -> str:
    return _CLOTHES_SIC if company.trades else "82990"


def _error(status: int, error: str) -> Answer:
    return json_answer(status, {"errors": [{"type": "ch:service", "error": error}]})


def _too_fast(_asked: Asked, wait_s: float) -> Answer:
    said = json_answer(429, {"error": "Rate limit exceeded", "type": "ch:service"})
    return replace(said, headers={"Retry-After": str(math.ceil(wait_s))})


def _offer(operation: str, path: str, handler: Callable[[Asked], Answer]) -> Offer:
    return Offer("companies_house", operation, "GET", f"/companies_house{path}", _keyed(handler), _too_fast)


OFFERS = (
    _offer("search", "/search/companies", plain_search),
    _offer("advanced_search", "/advanced-search/companies", advanced_search),
    _offer("company", "/company/{number}", profile),
)
