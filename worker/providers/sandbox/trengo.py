"""A stand-in for Trengo: starts WhatsApp conversations by template, lists templates.

Template 404404 does not exist, 403403 was accepted by Trengo and is refused by WhatsApp. A number ending in 26 or 50 is refused
by WhatsApp after Trengo has taken the message: 200 with an error in it. One contact has one ticket.
"""

from __future__ import annotations

import json
import re
from typing import Any

from worker.providers.sandbox.answer import Answer, json_answer
from worker.providers.sandbox.vendor import Asked, Offer

_PER_PAGE = 2
TEMPLATES: tuple[dict[str, Any], ...] = (
    {"id": 98231, "title": "Intro facilities", "slug": "intro_facilities", "message": "Hello {{1}}, we ...", "status": "ACCEPTED",
     "language": "en", "channel_id": 335},
    {"id": 98232, "title": "Follow up", "slug": "follow_up", "message": "Hello again {{1}}", "status": "PENDING", "language": "en",
     "channel_id": 335},
    {"id": 98233, "title": "Sale", "slug": "sale", "message": "Buy now", "status": "REJECTED", "language": "en", "channel_id": 335},
)  # fmt: skip
_REFUSED = {"26": "(#131026) Message undeliverable", "50": "(#131050) User has stopped marketing messages"}


def start(asked: Asked) -> Answer:
    """`POST /wa_sessions`."""
    if (refused := _without_key(asked)) is not None:
        return refused
    try:
        body = json.loads(asked.body)
        phone, template = str(body.get("recipient_phone_number") or ""), body.get("hsm_id")
    except (ValueError, AttributeError):
        return _unprocessable({"body": ["The body must be a JSON object."]})
    if not isinstance(template, int) or template == 404404:
        return _unprocessable({"hsm_id": ["The selected hsm id is invalid."]})
    if not re.fullmatch(r"\+\d{8,15}", phone):
        return _unprocessable({"recipient_phone_number": [f"The recipient phone number {phone} is invalid."]})
    if any(not part.get("value") for part in body.get("params", [])):
        return _unprocessable({"params.0.value": ["The params.0.value field is required."]})
    message = _message(asked, phone)
    message["error"] = _REFUSED.get(phone[-2:]) or ("Template was rejected" if template == 403403 else None)
    return json_answer(200, {"message": message}, credits=0.0 if message["error"] else 1.0)


def templates(asked: Asked) -> Answer:
    """`GET /wa_templates?page=1`."""
    if (refused := _without_key(asked)) is not None:
        return refused
    page = int(asked.first("page") or "1")
    shown = list(TEMPLATES[(page - 1) * _PER_PAGE : page * _PER_PAGE])
    more = page * _PER_PAGE < len(TEMPLATES)
    link = f"{asked.base_url}/trengo/api/v2/wa_templates?page={page + 1}" if more else None
    return json_answer(200, {"data": shown, "links": {"first": None, "last": None, "prev": None, "next": link}})


def _message(asked: Asked, phone: str) -> dict[str, Any]:
    contacts: dict[str, int] = asked.state.setdefault("contacts", {})
    contact = contacts.setdefault(phone, 90_011 + len(contacts))
    sent: list[dict[str, Any]] = asked.state.setdefault("messages", [])
    sent.append({"to": phone})
    return {"id": 700_122 + len(sent), "ticket_id": 412_345 + contact - 90_011, "contact_id": contact, "error": None}


def _without_key(asked: Asked) -> Answer | None:
    key = asked.headers.get("authorization", "").removeprefix("Bearer ")
    return json_answer(401, {"message": "Unauthenticated."}) if not key or "wrong" in key else None


def _unprocessable(errors: dict[str, list[str]]) -> Answer:
    return json_answer(422, {"message": "The given data was invalid.", "errors": errors})


def _throttled(_asked: Asked, wait_s: float) -> Answer:
    said = json_answer(429, {"message": "Too Many Attempts."})
    headers = {"Retry-After": f"{max(1, round(wait_s))}", "X-RateLimit-Limit": "120", "X-RateLimit-Remaining": "0"}
    return Answer(said.status, said.content_type, said.body, headers=headers)


OFFERS = (
    Offer("trengo", "send", "POST", "/trengo/api/v2/wa_sessions", start, _throttled),
    Offer("trengo", "templates", "GET", "/trengo/api/v2/wa_templates", templates, _throttled),
)
