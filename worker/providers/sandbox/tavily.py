"""Tavily's stand-in as offers, so that its limits and its credits can be set: 429 too fast, 432 nothing left."""

from __future__ import annotations

from worker.providers.sandbox.answer import Answer, json_answer
from worker.providers.sandbox.reading import extract
from worker.providers.sandbox.vendor import Asked, Offer
from worker.providers.sandbox.web import search

PROJECT_PREFIX = "headwater-"


def _bearer(asked: Asked) -> str:
    return asked.headers.get("authorization", "").removeprefix("Bearer ")


def _search(asked: Asked) -> Answer:
    project = asked.headers.get("x-project-id", "")
    channel = project.removeprefix(PROJECT_PREFIX) if project.startswith(PROJECT_PREFIX) else None
    return search(asked.world, channel, _bearer(asked), asked.body)


def throttled(_asked: Asked, wait_s: float) -> Answer:
    said = json_answer(429, {"detail": {"error": "Your request has been blocked due to excessive requests."}})
    return Answer(said.status, said.content_type, said.body, headers={"Retry-After": f"{wait_s:.0f}"})


def exhausted(_asked: Asked) -> Answer:
    return json_answer(432, {"detail": {"error": "This request exceeds your plan's set usage limit."}})


OFFERS = (
    Offer("tavily", "search", "POST", "/search", _search, throttled, exhausted),
    Offer(
        "tavily", "extract", "POST", "/extract", lambda asked: extract(asked.world, _bearer(asked), asked.body),
        throttled, exhausted,
    ),
)  # fmt: skip
