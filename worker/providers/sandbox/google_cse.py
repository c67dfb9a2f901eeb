"""Google's Programmable Search: `/google_cse/customsearch/v1`, key and engine in the query. `items` is absent without a match."""

from __future__ import annotations

import re
from typing import Any

from worker.providers.sandbox.answer import Answer, json_answer
from worker.providers.sandbox.vendor import Asked, Offer
from worker.providers.sandbox.web import results_of, social_pages

REACH, MAX_NUM = 100, 10
_SITE = re.compile(r"site:([a-z0-9.-]+)")
_STATUS = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED"}


def search(asked: Asked) -> Answer:
    key, engine, query = asked.first("key"), asked.first("cx"), asked.first("q")
    if not key or key.endswith("-wrong"):
        return error(400, "API key not valid. Please pass a valid API key.", "keyInvalid")
    num, start = asked.first("num") or "10", asked.first("start") or "1"
    if not engine or not query or not (num.isdigit() and start.isdigit()):
        return error(400, "Request contains an invalid argument.", "badRequest")
    if not 1 <= int(num) <= MAX_NUM or int(start) < 1 or int(start) + int(num) > REACH:
        return error(400, "Request contains an invalid argument.", "badRequest")
    hits = _hits(asked, query)
    first, count = int(start), int(num)
    page = hits[first - 1 : first - 1 + count]
    value: dict[str, Any] = {
        "kind": "customsearch#search",
        "queries": {"request": [{"startIndex": first, "count": len(page), "searchTerms": query}]},
        "searchInformation": {"searchTime": 0.31, "totalResults": str(len(hits))},
    }
    if page:
        value["items"] = [_item(hit) for hit in page]
    if first - 1 + count < len(hits):
        value["queries"]["nextPage"] = [{"startIndex": first + count}]
    return json_answer(200, value, credits=1.0)


def _hits(asked: Asked, query: str) -> list[dict[str, Any]]:
    hosts = _SITE.findall(query)
    text = re.sub(r"\(?site:[^)]*\)?", " ", query)
    if hosts:
        return list(social_pages(asked.world, "google", text, hosts))
    return list(results_of(asked.world, "google", text, most=REACH))


def _item(hit: dict[str, Any]) -> dict[str, Any]:
    host = hit["url"].split("/")[2]
    return {
        "kind": "customsearch#result",
        "title": hit["title"],
        "link": hit["url"],
        "displayLink": host,
        "snippet": hit["content"],
        "pagemap": {"metatags": [{"og:title": hit["title"]}]},
    }


def error(status: int, message: str, reason: str) -> Answer:
    """A refusal as Google writes it."""
    errors = [{"message": message, "domain": "global", "reason": reason}]
    body = {"code": status, "message": message, "errors": errors, "status": _STATUS[status]}
    return json_answer(status, {"error": body})


def _too_fast(_asked: Asked, _wait_s: float) -> Answer:
    return error(429, "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute'.", "rateLimitExceeded")


def _no_queries(_asked: Asked) -> Answer:
    return error(429, "Quota exceeded for quota metric 'Queries' and limit 'Queries per day'.", "dailyLimitExceeded")


OFFERS = (Offer("google_cse", "search", "GET", "/google_cse/customsearch/v1", search, _too_fast, _no_queries),)
