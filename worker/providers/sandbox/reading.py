"""The web search vendor's other half: `POST /extract` in Tavily's wire format, and the plain text of a company's page."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import urlsplit

from worker.providers.sandbox.answer import Answer, json_answer
from worker.providers.sandbox.people import company_at, employees, people_of
from worker.providers.sandbox.world import World

#: Pages that one request may ask to be read, and how many of them one credit pays for.
MAX_PAGES, PER_CREDIT = 20, 5


def extract(world: World, bearer: str, body: bytes) -> Answer:
    """Read pages. Keys start with "tvly-"."""
    if not bearer.startswith("tvly-"):
        return json_answer(401, {"detail": {"error": "Unauthorized: missing or invalid API key."}})
    try:
        asked = json.loads(body)
        urls = asked["urls"] if isinstance(asked["urls"], list) else [asked["urls"]]
    except (ValueError, KeyError, TypeError):
        return json_answer(422, {"detail": [{"loc": ["body", "urls"], "msg": "Field required", "type": "missing"}]})
    if not 1 <= len(urls) <= MAX_PAGES:
        return json_answer(400, {"detail": {"error": "Max 20 URLs are allowed."}})
    read = {url: page_text(world, str(url)) for url in urls}
    results = [{"url": url, "raw_content": text, "images": []} for url, text in read.items() if text]
    credits = -(-len(results) // PER_CREDIT)
    value: dict[str, Any] = {
        # As the pages came in, not as they were asked for.
        "results": results[::-1],
        "failed_results": [{"url": url, "error": "Failed to fetch url"} for url, text in read.items() if not text],
        "response_time": 0.9,
        "request_id": hashlib.sha256(body).hexdigest()[:32],
    }
    if asked.get("include_usage"):
        value["usage"] = {"credits": credits}
    return json_answer(200, value, credits=float(credits))


def page_text(world: World, url: str) -> str | None:
    """What stands on a company's page, in plain words; None when nobody has such a site."""
    company = company_at(world, urlsplit(url).hostname or "")
    if company is None:
        return None
    trades = " and ".join(company.trades or company.sectors or ("services",)).replace("_", " ")
    staff = [f"{p.name}, {p.title}." for p in people_of(world, company) if not p.objected]
    mail = f"Write to info@{company.domain}." if company.has_mail else ""
    facts = f"{employees(world, company)} people work here."
    return "\n".join((f"{company.name} in {company.city}: {trades}.", facts, *staff, mail)).strip()
