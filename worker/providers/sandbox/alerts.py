"""Stand-ins for where alerts go: a Slack webhook, PagerDuty's Events API, a project at Sentry, and somebody's own endpoint.

PagerDuty keeps incidents by `dedup_key`, the endpoint events by id: what arrives twice is there once. Slack posts all that comes.
`GET /slack/posted`, `/pagerduty/incidents` and `/hook/received` show what a person would have seen.
"""

from __future__ import annotations

import json
from typing import Any

from worker.providers.sandbox.answer import Answer, json_answer
from worker.providers.sandbox.vendor import Asked, Offer

_SEVERITIES = ("critical", "error", "warning", "info")


def slack(asked: Asked) -> Answer:
    """`POST /services/T/B/SECRET` with {"text"}."""
    if asked.path_params["hook"] == "gone":
        return Answer(404, "text/plain", b"no_service")
    try:
        text = json.loads(asked.body)["text"]
    except (ValueError, KeyError, TypeError):
        return Answer(400, "text/plain", b"invalid_payload")
    asked.state.setdefault("posted", []).append(text)
    return Answer(200, "text/html", b"ok")


def pagerduty(asked: Asked) -> Answer:
    """`POST /v2/enqueue`: trigger, acknowledge or resolve."""
    try:
        event = json.loads(asked.body)
    except ValueError:
        return _invalid("JSON is malformed")
    problems = _problems(event)
    if problems:
        return _invalid(*problems)
    incidents: dict[str, dict[str, Any]] = asked.state.setdefault("incidents", {})
    key, action = str(event.get("dedup_key") or f"new-{len(incidents)}"), event["event_action"]
    if action == "trigger":
        known = incidents.get(key, {"count": 0})
        incidents[key] = {"state": "triggered", "count": known["count"] + 1, "payload": event["payload"]}
    elif key in incidents:
        incidents[key]["state"] = f"{action}d"
    return json_answer(202, {"status": "success", "message": "Event processed", "dedup_key": key})


def hook(asked: Asked) -> Answer:
    """An endpoint that keeps what it gets, once an event id."""
    received: dict[str, dict[str, Any]] = asked.state.setdefault("received", {})
    key = asked.headers.get("x-headwater-event", "")
    names = ("x-headwater-type", "x-headwater-timestamp", "x-headwater-signature", "x-headwater-attempt")
    times = received[key]["times"] + 1 if key in received else 1
    headers = {name: asked.headers.get(name) for name in names}
    received[key] = {"headers": headers, "body": asked.body.decode(), "times": times}
    return Answer(200, "text/plain", b"received, thank you")


def envelope(asked: Asked) -> Answer:
    """`POST /api/PROJECT/envelope/`: lines of JSON, the first names the event."""
    try:
        event = json.loads(asked.body.split(b"\n")[0])["event_id"]
    except (ValueError, KeyError, TypeError):
        return json_answer(400, {"detail": "invalid event envelope"})
    if "sentry_key=" not in asked.headers.get("x-sentry-auth", ""):
        return json_answer(403, {"detail": "missing authorization information"})
    return json_answer(200, {"id": event})


def posted(asked: Asked) -> Answer:
    return json_answer(200, asked.state.get("posted", []))


def incidents(asked: Asked) -> Answer:
    return json_answer(200, asked.state.get("incidents", {}))


def received(asked: Asked) -> Answer:
    return json_answer(200, asked.state.get("received", {}))


def _problems(event: Any) -> list[str]:
    if not isinstance(event, dict):
        return ["Event object is not an object"]
    found = []
    if not event.get("routing_key") or "wrong" in str(event["routing_key"]):
        found.append("'routing_key' is invalid")
    if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):
        found.append("'event_action' is invalid")
    payload = event.get("payload")
    if event.get("event_action") == "trigger":
        if not isinstance(payload, dict) or not payload.get("summary") or not payload.get("source"):
            found.append("'payload.summary' or 'payload.source' is missing or blank")
        elif payload.get("severity") not in _SEVERITIES or len(payload["summary"]) > 1024:
            found.append("'payload.severity' is invalid (must be one of 'critical', 'warning', 'error' or 'info')")
    if len(str(event.get("dedup_key") or "")) > 255:
        found.append("'dedup_key' is too long")
    return found


def _invalid(*problems: str) -> Answer:
    return json_answer(400, {"status": "invalid event", "message": "Event object is invalid", "errors": list(problems)})


def _throttled(_asked: Asked, wait_s: float) -> Answer:
    return Answer(429, "text/plain", b"rate_limited", headers={"Retry-After": f"{max(1, round(wait_s))}"})


OFFERS = (
    Offer("slack", "post", "POST", "/slack/services/{team}/{bot}/{hook}", slack, _throttled),
    Offer("slack", "posted", "GET", "/slack/posted", posted),
    Offer("pagerduty", "event", "POST", "/pagerduty/v2/enqueue", pagerduty, _throttled),
    Offer("pagerduty", "incidents", "GET", "/pagerduty/incidents", incidents),
    Offer("sentry", "envelope", "POST", "/api/{project:int}/envelope/", envelope, _throttled),
    Offer("webhook", "post", "POST", "/hook", hook, _throttled),
    Offer("webhook", "received", "GET", "/hook/received", received),
)
