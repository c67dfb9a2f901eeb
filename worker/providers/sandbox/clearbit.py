"""Clearbit's wire format: `/clearbit/v2`, bearer key. A first question may be answered with 202 and nothing."""

from __future__ import annotations

from worker.providers.sandbox.answer import Answer, json_answer
from worker.providers.sandbox.people import company_at, person_by_email
from worker.providers.sandbox.profiles import company_profile, knows, person_profile
from worker.providers.sandbox.vendor import Asked, Offer

PEOPLE, COMPANIES, QUEUED = 0.4, 0.6, 0.1


def _error(status: int, kind: str, message: str) -> Answer:
    return json_answer(status, {"error": {"type": kind, "message": message}})


def combined_find(asked: Asked) -> Answer:
    key, email = asked.headers.get("authorization", "").removeprefix("Bearer "), (asked.first("email") or "").casefold()
    if not key or key.endswith("-wrong"):
        return _error(401, "auth_invalid", "Invalid API key provided.")
    if "@" not in email:
        return _error(422, "email_invalid", "Invalid email.")
    person, company = person_by_email(asked.world, email), company_at(asked.world, email.rpartition("@")[2])
    person = person if person and not person.objected and knows(asked.world, "clearbit", person.id, PEOPLE) else None
    company = company if company and knows(asked.world, "clearbit", company.lei, COMPANIES) else None
    if person is None and company is None:
        return _error(404, "unknown_record", "Unknown person.")
    queue = asked.state.setdefault("queue", set())
    if asked.world.luck("clearbit-queue", email) < QUEUED and email not in queue:
        queue.add(email)
        return Answer(202, "application/json", b"")
    profile = {
        "person": person_profile(person) if person else None,
        "company": company_profile(asked.world, company) if company else None,
    }
    return json_answer(200, profile, credits=1.0)


def throttled(_asked: Asked, wait_s: float) -> Answer:
    said = _error(429, "rate_limit", "Request over API limit.")
    headers = {"X-RateLimit-Limit": "600", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{wait_s:.0f}"}
    return Answer(said.status, said.content_type, said.body, headers=headers)


def exhausted(_asked: Asked) -> Answer:
    return _error(402, "quota_exceeded", "You have gone over your monthly quota.")


OFFERS = (Offer("clearbit", "combined", "GET", "/clearbit/v2/combined/find", combined_find, throttled, exhausted),)
