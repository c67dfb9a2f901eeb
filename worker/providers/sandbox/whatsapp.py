"""A stand-in for the WhatsApp Cloud API: takes template messages for the phones of the world, and says no as Meta does.

What a number's last digits are told about it: the world's people are fictions, so their fortunes follow from their numbers.
Templates "paused", "missing" and "wrong_parameters" are refused with the documented codes. Like the real one it has no
idempotency key: a message that is sent twice is there twice.
"""

from __future__ import annotations

import json
from typing import Any

from worker.providers.sandbox.answer import Answer, json_answer
from worker.providers.sandbox.vendor import Asked, Offer

#: template -> (code, what Meta says)
_TEMPLATES = {
    "paused": (132015, "Template is Paused"),
    "missing": (132001, "Template name does not exist in the translation"),
    "wrong_parameters": (132000, "Number of parameters does not match the expected number of params"),
}
#: ending of a number -> (status, code, what Meta says)
_PHONES = {
    "26": (400, 131026, "Message undeliverable"),
    "47": (400, 131047, "Re-engagement message"),
    "49": (400, 131049, "This message was not delivered to maintain healthy ecosystem engagement."),
    "50": (400, 131050, "User has stopped marketing messages"),
}


def send(asked: Asked) -> Answer:
    """Take a message, or refuse it."""
    key = asked.headers.get("authorization", "").removeprefix("Bearer ")
    if not key or "wrong" in key:
        return _no(401, 190, "Invalid OAuth access token - Cannot parse access token", "OAuthException")
    try:
        body = json.loads(asked.body)
        to, template = str(body["to"]), body["template"]
        name, _language = template["name"], template["language"]["code"]
    except (ValueError, KeyError, TypeError):
        return _no(400, 100, "Invalid parameter")
    if body.get("messaging_product") != "whatsapp" or body.get("type") != "template" or not to.isdigit():
        return _no(400, 100, "Invalid parameter")
    if name in _TEMPLATES:
        return _no(404 if name == "missing" else 400, *_TEMPLATES[name])
    if to[-2:] in _PHONES:
        return _no(*_PHONES[to[-2:]])
    sent: list[dict[str, Any]] = asked.state.setdefault("messages", [])
    number = f"wamid.HBgL{len(sent) + 1:020d}"
    sent.append({"id": number, "to": to, "reference": body.get("biz_opaque_callback_data")})
    answer = {
        "messaging_product": "whatsapp",
        "contacts": [{"input": to, "wa_id": to}],
        "messages": [{"id": number, "message_status": "accepted"}],
    }
    return json_answer(200, answer, credits=1.0)


def _no(status: int, code: int, words: str, kind: str = "OAuthException") -> Answer:
    error = {
        "message": f"(#{code}) {words}",
        "type": kind,
        "code": code,
        "error_data": {"messaging_product": "whatsapp", "details": words},
        "fbtrace_id": "AbCdEfGhIjKlMnOpQrStUv",
    }
    return json_answer(status, {"error": error})


def _throttled(_asked: Asked, _wait_s: float) -> Answer:
    return _no(429, 130429, "Rate limit hit")


def _exhausted(_asked: Asked) -> Answer:
    return _no(400, 131042, "Business eligibility payment issue")


OFFERS = (Offer("whatsapp", "send", "POST", "/whatsapp/{version}/{phone}/messages", send, _throttled, _exhausted),)
