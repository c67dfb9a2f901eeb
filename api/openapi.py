"""The OpenAPI 3.1 document: what FastAPI finds out, completed by who may call what."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import SecretStr

from api import (
    account_examples,
    alert_examples,
    examples,
    lead_examples,
    night_examples,
    schedule_examples,
    tenant_examples,
)
from api.auth import Guard
from api.webhooks import SecretDoor
from contracts.settings import Settings
from contracts.tenants import Role

DESCRIPTION = """Finds, enriches, scores and hands over sales leads.

* Errors are problem documents (RFC 9457) with a stable `code`; a bad request is 400, never 422. Query parameters and body
  members that do not exist are refused. What cannot be read as HTTP, comes too slowly or has too large an address or headers is
  answered 400, 408, 414 or 431, and the connection is closed.
* `/v1` speaks snake_case; `/v1/auth` and the job doors speak the camelCase of their documents. Both are read everywhere.
* `x-roles` of an operation names the roles that may call it. Ids are UUIDv7, times RFC 3339 in UTC.
"""
TAGS = [
    {"name": "auth", "description": "Logging in, staying in, leaving."},
    {"name": "keys", "description": "API keys: `hwk_…`, sent as Bearer tokens."},
    {"name": "users", "description": "Who can log in."},
    {"name": "tenants", "description": "Your tenant; all of them for operators and owners of the reserved one."},
    {"name": "audit", "description": "Who did what."},
    {"name": "retention", "description": "How long rows stay."},
    {"name": "runs", "description": "Discovery runs."},
    {"name": "nights", "description": "Tenants' nights, and the shortlists they bring."},
    {"name": "leads", "description": "What was found."},
    {"name": "companies", "description": "Companies, and what is known of each, from whom."},
    {"name": "matches", "description": "Companies that may be one: the review queue, merges and undoing them."},
    {"name": "enrichment", "description": "What is learned about a lead, from whom, at what cost."},
    {"name": "scoring", "description": "What a lead is worth, and why."},
    {"name": "learning", "description": "What became of leads, and the model versions that learn from it."},
    {"name": "icp-profiles", "description": "Whom a tenant wants as customers."},
    {"name": "queries", "description": "What discovery runs look for when they name nothing themselves."},
    {"name": "staging", "description": "Singapore's company register, public and the same for every tenant."},
    {"name": "messages", "description": "Drafts, their approval, what became of them; consents, templates, settings."},
    {"name": "suppressions", "description": "Whom nobody may write to: kept as hashes that cannot be read."},
    {"name": "privacy", "description": "What is known about a person, and its erasure."},
    {"name": "limits", "description": "What may run at once and how often, and what is paused."},
    {"name": "webhooks", "description": "What vendors tell us about messages: signed by them."},
    {
        "name": "imports",
        "description": "Files of companies, leads, suppressions, stock, orders and samples, row by row.",
    },
    {"name": "exports", "description": "The same going out, as CSV."},
    {"name": "vendors", "description": "Who can be asked, what it cost, what may still be spent."},
    {"name": "opportunities", "description": "Public tenders that fit a profile."},
    {"name": "crm", "description": "A tenant's CRM: where it is, what stands there, what waits for a person."},
    {"name": "analytics", "description": "Daily figures and the funnel, in days of UTC."},
    {
        "name": "accounts",
        "description": "Customers by type, stock and how long it lasts, samples and what came of them.",
    },
    {"name": "triggers", "description": "What a tenant wants watched, and when it happened."},
    {"name": "outbox", "description": "Events: seen, explained, verified, replayed."},
    {
        "name": "webhook-endpoints",
        "description": "Where a tenant wants facts told: signed, in order if wanted, at least once.",
    },
    {"name": "alerts", "description": "What wants a person's eye, and where it is told."},
    {"name": "jobs", "description": "Executions of queued work, and dead letters."},
    {"name": "schedules", "description": "What starts by itself, when, and what became of it."},
    {
        "name": "job doors",
        "description": "For schedulers outside: they have a secret, speak camelCase, and wait for the end.",
    },
    {"name": "health", "description": "For machines that watch."},
]
SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token of POST /v1/auth/login, or an API key (hwk_…).",
    },
    "jobSecret": {
        "type": "apiKey",
        "in": "header",
        "name": "x-job-secret",
        "description": "CRON_JOB_SECRET; job doors only. `Authorization: Bearer` takes it as well.",
    },
    "webhookSecret": {
        "type": "apiKey",
        "in": "header",
        "name": "x-webhook-secret",
        "description": "ACRA_WEBHOOK_SECRET; webhooks only. `Authorization: Bearer` takes it as well.",
    },
    "trengoSignature": {
        "type": "apiKey",
        "in": "header",
        "name": "Trengo-Signature",
        "description": "`<timestamp>;<hex>`: HMAC-SHA256 of timestamp + `.` + body under TRENGO_WEBHOOK_SECRET.",
    },
    "metaSignature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Hub-Signature-256",
        "description": "`sha256=<hex>`: HMAC-SHA256 of the body under WHATSAPP_APP_SECRET.",
    },
    "metaVerifyToken": {
        "type": "apiKey",
        "in": "query",
        "name": "hub.verify_token",
        "description": "WHATSAPP_VERIFY_TOKEN, when Meta sets up the webhook.",
    },
}

#: Where the examples of bodies and answers stand.
SHEETS = (
    account_examples,
    alert_examples,
    examples,
    lead_examples,
    night_examples,
    schedule_examples,
    tenant_examples,
)


def document() -> dict[str, Any]:
    """The document of this version, the same on every machine."""
    from api.app import create_app  # the application describes itself with this module

    settings = Settings.model_construct(jwt_secret=SecretStr("x" * 32))
    return create_app(settings, database_url="postgresql://nowhere/").openapi()


def describe(app: FastAPI) -> None:
    """Let `app.openapi()` give the completed document, made once."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, tags=TAGS)
    made.setdefault("components", {})["securitySchemes"] = SCHEMES
    guards, doors = guards_of(app), doors_of(app)
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            _finish(operation, guards.get((method.upper(), path)), doors.get((method.upper(), path)))
    for name in ("HTTPValidationError", "ValidationError"):
        made["components"].get("schemas", {}).pop(name, None)
    for sheet in SHEETS:
        for name, example in sheet.EXAMPLES.items():
            made["components"]["schemas"][name]["examples"] = [example]
    return made


def guards_of(app: FastAPI) -> dict[tuple[str, str], Guard | None]:
    """(method, path template) -> the guard of the route; None where anybody may call."""
    return {
        (method, route.path): _guard(route.dependant)
        for context in iter_route_contexts(app.routes)
        if isinstance(route := context.original_route, APIRoute)
        for method in route.methods or ()
    }


def doors_of(app: FastAPI) -> dict[tuple[str, str], SecretDoor]:
    """(method, path template) -> the door of routes that open to a secret of their own."""
    return {
        (method, route.path): door
        for context in iter_route_contexts(app.routes)
        if isinstance(route := context.original_route, APIRoute) and (door := _door(route.dependant)) is not None
        for method in route.methods or ()
    }


def _guard(dependant: Dependant) -> Guard | None:
    if isinstance(dependant.call, Guard):
        return dependant.call
    return next(filter(None, map(_guard, dependant.dependencies)), None)


def _door(dependant: Dependant) -> SecretDoor | None:
    if isinstance(dependant.call, SecretDoor):
        return dependant.call
    return next(filter(None, map(_door, dependant.dependencies)), None)


def _finish(operation: dict[str, Any], guard: Guard | None, door: SecretDoor | None) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    if door is not None:
        responses.pop("403", None)
        operation["security"] = [{door.scheme: []}]
    elif guard is None:
        for status in ("401", "403") if "auth" not in operation.get("tags", ()) else ("403",):
            responses.pop(status, None)
    else:
        operation["x-roles"] = [role.value for role in guard.allowed]
        operation["security"] = [{"bearer": []}, *([{"jobSecret": []}] if Role.SERVICE in guard.roles else [])]
    for status, response in responses.items():
        content = response.get("content", {})
        if "application/problem+json" in content and "application/json" in content:
            content["application/problem+json"] |= content.pop("application/json")
        response["content"] = content if content else response.get("content", {})
        if not response["content"]:
            del response["content"]
        responses[status] = response
