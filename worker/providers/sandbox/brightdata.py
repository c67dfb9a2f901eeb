"""Bright Data's wire format: `/brightdata`, a bearer key. Some scrapes take too long: 202, and a snapshot to be read later."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from worker.providers.sandbox.answer import Answer, json_answer
from worker.providers.sandbox.finder import person_by_profile
from worker.providers.sandbox.people import Person
from worker.providers.sandbox.profiles import knows
from worker.providers.sandbox.vendor import Asked, Offer
from worker.providers.sandbox.world import World

#: Share of the world's people whose pages it can read, and share of requests that take too long.
PEOPLE, SLOW = 0.8, 0.3
MAX_URLS = 20


def _keyed(handler: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    def checked(asked: Asked) -> Answer:
        if not asked.headers.get("authorization", "").removeprefix("Bearer "):
            return Answer(401, "text/plain", b"Invalid credentials")
        return handler(asked)

    return checked


def scrape(asked: Asked) -> Answer:
    if not asked.first("dataset_id"):
        return json_answer(400, {"error": "dataset_id is required"})
    try:
        urls = [each["url"] for each in json.loads(asked.body)]
    except (ValueError, KeyError, TypeError):
        return json_answer(400, {"error": "Body must be a list of {url}"})
    if not 1 <= len(urls) <= MAX_URLS:
        return json_answer(400, {"error": "At most 20 urls"})
    records = [_record(asked.world, url) for url in urls]
    delivered = float(sum(1 for record in records if "error" not in record))
    snapshot = f"s_{hashlib.blake2b(asked.body, digest_size=8).hexdigest()}"
    asked.state[snapshot] = {"urls": urls, "records": records, "dataset": asked.first("dataset_id"), "looks": 0}
    if asked.world.luck("brightdata-slow", *urls) < SLOW:
        message = "Request is still in progress, download using the snapshot endpoint"
        return json_answer(202, {"snapshot_id": snapshot, "message": message}, credits=delivered)
    return json_answer(200, records, credits=delivered)


def read_snapshot(asked: Asked) -> Answer:
    kept = asked.state.get(asked.path_params["id"])
    if kept is None:
        return json_answer(404, {"error": "Snapshot does not exist"})
    return json_answer(200, kept["records"])


def read_input(asked: Asked) -> Answer:
    kept = asked.state.get(asked.path_params["id"])
    if kept is None:
        return json_answer(404, {"error": "Snapshot does not exist"})
    return Answer(200, "text/csv", "\n".join(["url", *kept["urls"]]).encode())


def list_snapshots(asked: Asked) -> Answer:
    ids = [id_ for id_, kept in asked.state.items() if kept["dataset"] == asked.first("dataset_id")]
    shown = [{"id": id_, "created": "2026-11-22T06:00:00Z", "status": "ready", "dataset_size": 1} for id_ in ids[::-1]]
    return json_answer(200, shown)


def _record(world: World, url: str) -> dict[str, Any]:
    person = person_by_profile(world, url)
    if person is None or person.objected or not knows(world, "brightdata", person.id, PEOPLE):
        return {"input": {"url": url}, "error": "Page not found", "error_code": "dead_page"}
    return profile(person, url)


def profile(person: Person, url: str) -> dict[str, Any]:
    """A public page as it can be read today: no positions, no education."""
    slug = person.linkedin.rpartition("/")[2]
    return {
        "id": slug,
        "linkedin_id": slug,
        "name": person.name,
        "first_name": person.first,
        "last_name": person.last,
        "city": f"{person.company.city}",
        "country_code": person.company.country,
        "position": f"{person.title} at {person.company.brand}",
        "about": None,
        "current_company": {"name": person.company.brand, "link": None},
        "experience": None,
        "education": None,
        "followers": 120,
        "url": person.linkedin,
        "input_url": url,
        "timestamp": "2026-11-21T03:00:00.000Z",
    }


def _too_fast(_asked: Asked, wait_s: float) -> Answer:
    return replace(json_answer(429, {"error": "Too many requests"}), headers={"Retry-After": str(math.ceil(wait_s))})


def _no_credits(_asked: Asked) -> Answer:
    return json_answer(402, {"error": "Account is suspended or out of funds"})


def _offer(operation: str, method: str, path: str, handler: Callable[[Asked], Answer], *, paid: bool = False) -> Offer:
    exhausted = _no_credits if paid else None
    return Offer(
        "brightdata", operation, method, f"/brightdata/datasets/v3{path}", _keyed(handler), _too_fast, exhausted
    )


OFFERS = (
    _offer("profile", "POST", "/scrape", scrape, paid=True),
    _offer("snapshot", "GET", "/snapshot/{id}", read_snapshot),
    _offer("input", "GET", "/snapshot/{id}/input", read_input),
    _offer("snapshots", "GET", "/snapshots", list_snapshots),
)
