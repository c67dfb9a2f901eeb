"""Webhooks of tenants: which facts may be told, to what address, signed with which secret. Pure.

A delivery is POST {"id", "type", "version", "tenant", "at", "data"}, signed by the scheme of Standard Webhooks: webhook-id (`id`,
the same when it is delivered again), webhook-timestamp (Unix seconds) and webhook-signature, `v1,` and HMAC-SHA256 of
id + "." + timestamp + "." + body in base64, under the bytes that the secret after `whsec_` encodes. The X-Headwater headers say the
same in the scheme of before (`sha256=` and HMAC-SHA256 of timestamp + "." + body, in hex), for receivers that were written for it.
"""

from __future__ import annotations

import base64
import hmac
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_core import to_json

from contracts.domains import registrable_domain
from contracts.errors import Conflict, Invalid
from contracts.signatures import signature, standard_signature
from contracts.texts import NoNul

Subscribable = Literal["LeadDiscovered", "LeadEnriched", "LeadScored", "MessageApproved", "RunFinished", "TriggerFired"]
#: The facts a tenant may subscribe to: what is told outside is a promise, so the list is closed.
SUBSCRIBABLE: frozenset[str] = frozenset(
    {"LeadDiscovered", "LeadEnriched", "LeadScored", "MessageApproved", "RunFinished", "TriggerFired"}
)
#: `none`: each by itself. The others tell in order, and differ in what an endpoint that says no does to the next ones: with `block`
#: they wait until it takes it, with `park` until it has refused as often as may be, with `skip` not at all. What is given up is a
#: dead letter.
Ordering = Literal["none", "block", "park", "skip"]
SINK = "webhook"
MAX_ENDPOINTS = 20

_LOOPBACK = ("127.0.0.1", "localhost", "::1")

Url = Annotated[str, Field(min_length=8, max_length=2000), NoNul]
Events = Annotated[list[Subscribable], Field(min_length=1, max_length=20)]
Description = Annotated[str, Field(max_length=500), NoNul]


def ordering_key(endpoint: UUID) -> str:
    """The key under which an endpoint in order finds its deliveries; the statements of db/webhooks.sql make the same."""
    return f"{SINK}:{endpoint}"


class CreateEndpoint(BaseModel):
    """Body of POST /v1/webhook-endpoints."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [{"url": "https://hooks.karoo.co.za/headwater", "events": ["LeadScored", "RunFinished"]}]
        },
    )

    url: Url
    events: Events
    ordering: Ordering = "none"
    enabled: bool = True
    description: Description | None = None


class ChangeEndpoint(BaseModel):
    """Body of PATCH: what is named is replaced. Enabling closes the circuit breaker."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"enabled": True, "events": ["LeadScored"]}]}
    )

    url: Url | None = None
    events: Events | None = None
    ordering: Ordering | None = None
    enabled: bool | None = None
    description: Description | None = None


class Endpoint(BaseModel):
    """An endpoint as it stands. `open_until`: it failed, and is left alone until then."""

    id: UUID
    url: str
    events: list[str]
    ordering: Ordering
    enabled: bool
    description: str | None
    failures: int
    open_until: datetime | None
    last_error: str | None
    disabled_reason: str | None
    created_by: str
    created_at: datetime
    updated_at: datetime


class EndpointSecret(Endpoint):
    """An endpoint with its signing secret, which is shown this once."""

    secret: str


class EndpointPage(BaseModel):
    items: list[Endpoint]
    next_cursor: str | None


def checked_url(url: str, *, loopback: bool) -> str:
    """A URL that deliveries may go to: https, by name, at the usual port; with `loopback` also http to this machine.

    Names are checked again, with what they resolve to, whenever something is delivered. Raises: Invalid (`bad_webhook_url`).
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _bad("it is no web address") from None
    if loopback and parts.scheme == "http" and host in _LOOPBACK:
        return url.strip()
    if parts.scheme != "https":
        raise _bad("it must begin with https://")
    if "@" in parts.netloc or parts.fragment or port not in (None, 443):
        raise _bad("it must have no user name, no fragment and no port of its own")
    if registrable_domain(host) is None:
        raise _bad("its host must be a public name, no address in digits and no name of a private network")
    return url.strip()


def is_loopback(url: str) -> bool:
    """Does it lead to this machine?"""
    parts = urlsplit(url)
    return parts.scheme == "http" and (parts.hostname or "") in _LOOPBACK


def _bad(why: str) -> Invalid:
    return Invalid(f"the URL cannot take deliveries: {why}", code="bad_webhook_url")


def _key_of(master: SecretStr, tenant: UUID, endpoint: UUID, version: int) -> bytes:
    """The signing key of an endpoint: derived, so that it can be used by every worker and read out of no table."""
    name = f"headwater webhook {tenant} {endpoint} {version}".encode()
    return hmac.digest(master.get_secret_value().encode(), name, "sha256")


def secret_of(master: SecretStr, tenant: UUID, endpoint: UUID, version: int) -> SecretStr:
    """The key of X-Headwater-Signature: the same bytes in the URL-safe alphabet without `=`, and these characters are the key."""
    key = _key_of(master, tenant, endpoint, version)
    return SecretStr("whsec_" + base64.urlsafe_b64encode(key).decode().rstrip("="))


def signed_headers(
    master: SecretStr, tenant: UUID, endpoint: UUID, version: int, *, id_: str, type_: str, body: bytes, at: str
) -> dict[str, str]:
    """What a delivery carries besides its body. `at` is Unix seconds."""
    secret, key = secret_of(master, tenant, endpoint, version), _key_of(master, tenant, endpoint, version)
    return {
        "Content-Type": "application/json", "User-Agent": "headwater/0.1",
        "webhook-id": id_, "webhook-timestamp": at, "webhook-signature": standard_signature(key, id_, at, body),
        "X-Headwater-Event": id_, "X-Headwater-Type": type_, "X-Headwater-Timestamp": at,
        "X-Headwater-Signature": f"sha256={signature(secret, body, at)}",
    }  # fmt: skip


def signing_secret(master: SecretStr | None, tenant: UUID, endpoint: UUID, version: int) -> SecretStr:
    """The secret as it is shown, `whsec_` and base64. Raises: Conflict (`no_signing_key`) without a master to derive it from."""
    if master is None:
        words = "WEBHOOK_SIGNING_KEY is not set: give at least 32 characters, the same to every API and worker process"
        raise Conflict(words, code="no_signing_key")
    return SecretStr("whsec_" + base64.b64encode(_key_of(master, tenant, endpoint, version)).decode())


def body_of(event_id: UUID, type_: str, version: int, tenant: UUID, at: str, data: dict[str, Any]) -> bytes:
    """What is posted: the same bytes whenever it is delivered again."""
    told = {"id": str(event_id), "type": type_, "version": version, "tenant": str(tenant), "at": at, "data": data}
    return bytes(to_json(told))


#: What an answer means.
Verdict = Literal["delivered", "gone", "refused", "outage"]


def verdict(status: int) -> Verdict:
    """2xx: taken. 410: never again. What time may mend (408, 425, 429, 5xx) is an outage; all else is a refusal."""
    if 200 <= status < 300:
        return "delivered"
    if status == 410:
        return "gone"
    return "outage" if status in (408, 425, 429) or status >= 500 else "refused"
