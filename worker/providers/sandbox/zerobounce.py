"""ZeroBounce's wire format: `/zerobounce/v2` and its bulk host. Key in query or body, "no" with a 200, booleans as text."""

from __future__ import annotations

import json
from typing import Any

from worker.providers.sandbox.answer import Answer, json_answer
from worker.providers.sandbox.people import mailbox, person_by_email
from worker.providers.sandbox.vendor import Asked, Offer

NO_KEY = "Invalid API key or your account ran out of credits"
MAX_BATCH = 200
#: Mailbox -> (status, sub_status), as this vendor says it.
_VERDICTS = {
    "valid": ("valid", ""), "invalid": ("invalid", "mailbox_not_found"), "catch_all": ("catch-all", ""),
    "unknown": ("unknown", "greylisted"), "disposable": ("do_not_mail", "disposable"), "spamtrap": ("spamtrap", ""),
    "abuse": ("abuse", ""), "role": ("do_not_mail", "role_based"),
}  # fmt: skip
#: Addresses at example.com that are free and always answered alike.
_TESTS = {
    "valid": ("valid", ""), "invalid": ("invalid", "mailbox_not_found"), "disposable": ("do_not_mail", "disposable"),
    "catch_all": ("catch-all", ""), "donotmail": ("do_not_mail", "role_based"), "spamtrap": ("spamtrap", ""),
    "abuse": ("abuse", ""), "unknown": ("unknown", "mail_server_temporary_error"), "greylisted": ("unknown", "greylisted"),
    "toxic": ("do_not_mail", "toxic"), "global_suppression": ("do_not_mail", "global_suppression"),
    "possible_typo": ("invalid", "possible_typo"),
}  # fmt: skip


def _verdict(asked: Asked, email: str) -> tuple[dict[str, Any], float]:
    """The record of an address, and what it costs."""
    local, _, domain = email.casefold().rpartition("@")
    test = domain == "example.com" and local in _TESTS
    state = mailbox(asked.world, email)
    status, sub_status = _TESTS[local] if test else _VERDICTS[state]
    owner = person_by_email(asked.world, email)
    record = {
        "address": email,
        "status": status,
        "sub_status": sub_status,
        "account": local,
        "domain": domain,
        "did_you_mean": f"{local}@example.org" if sub_status == "possible_typo" else None,
        "domain_age_days": "6120",
        "active_in_days": None,
        "free_email": False,
        "mx_found": "true" if status != "invalid" else "false",
        "mx_record": f"mx.{domain}",
        "smtp_provider": "",
        "firstname": owner.first if owner else None,
        "lastname": owner.last if owner else None,
        "gender": None,
        "country": None,
        "region": None,
        "city": None,
        "zipcode": None,
        "processed_at": "2026-11-21 03:00:11.123",
    }
    return record, 0.0 if test or status == "unknown" else 1.0


def validate(asked: Asked) -> Answer:
    if not _valid(asked.first("api_key")):
        return json_answer(200, {"error": NO_KEY})
    email = asked.first("email") or ""
    if "@" not in email:
        return json_answer(200, {"error": "The email parameter is missing or no address"})
    record, credits = _verdict(asked, email)
    return json_answer(200, record, credits=credits)


def validate_batch(asked: Asked) -> Answer:
    try:
        body = json.loads(asked.body)
        emails = [each["email_address"] for each in body["email_batch"]]
    except (ValueError, KeyError, TypeError):
        return json_answer(400, {"error": "Invalid JSON: email_batch is missing"})
    if not _valid(body.get("api_key")):
        return json_answer(200, {"email_batch": [], "errors": [{"error": NO_KEY, "email_address": "all"}]})
    if len(emails) > MAX_BATCH or not isinstance(body.get("timeout", ""), str):
        return json_answer(400, {"error": "Too many addresses, or a timeout that is no text"})
    good = [email for email in emails if "@" in email]
    # It answers in an order of its own.
    verdicts = [_verdict(asked, email) for email in sorted(good, reverse=True)]
    value = {
        "email_batch": [record for record, _ in verdicts],
        "errors": [{"error": "Invalid email address", "email_address": email} for email in emails if "@" not in email],
    }
    return json_answer(200, value, credits=sum(credits for _, credits in verdicts))


def _valid(key: object) -> bool:
    return isinstance(key, str) and bool(key) and not key.endswith("-wrong")


def throttled(_asked: Asked, _wait_s: float) -> Answer:
    return json_answer(429, {"error": "Too many requests: your address is temporarily blocked"})


def exhausted(asked: Asked) -> Answer:
    if asked.path.endswith("validatebatch"):
        return json_answer(200, {"email_batch": [], "errors": [{"error": NO_KEY, "email_address": "all"}]})
    return json_answer(200, {"error": NO_KEY})


def credits(asked: Asked) -> Answer:
    return json_answer(200, {"Credits": "1000" if _valid(asked.first("api_key")) else "-1"})


OFFERS = (
    Offer("zerobounce", "verify", "GET", "/zerobounce/v2/validate", validate, throttled, exhausted),
    Offer(
        "zerobounce", "verify_batch", "POST", "/zerobounce/bulk/v2/validatebatch", validate_batch, throttled, exhausted
    ),
    Offer("zerobounce", "credits", "GET", "/zerobounce/v2/getcredits", credits),
)
