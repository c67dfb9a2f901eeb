"""Our own webhook: an alert to any address, signed, with an id by which the receiver knows it again.

headers     X-Headwater-Event      the event's id, the same when it is sent again: drop what you have seen (the alert's
                                   `event_id`, else the request's key)
            X-Headwater-Attempt    EXECUTION.TOKEN of the attempt that sends it this time: another one when it is sent again, so
                                   never what to know it by
            X-Headwater-Type       alert.raised or alert.resolved
            X-Headwater-Timestamp  Unix seconds, part of what is signed: refuse old ones
            X-Headwater-Signature  sha256=<hex HMAC-SHA256 of timestamp + "." + body, with ALERT_WEBHOOK_SECRET>
body        {"id", "type", "at", "alert": {"key", "severity", "summary", "component", "details", "resolved"}}

Any 2xx is a receipt. Source: providers.md, section 19.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from contracts.outgoing import Alert, AlertReceipt
from contracts.providers import Operation, OperationSpec, Pace, Reply, RequestKey, Terms, Window
from contracts.settings import Settings
from contracts.signatures import signature
from worker.providers.alert_words import details, plain
from worker.providers.hook_address import parted
from worker.providers.http import VendorClient
from worker.providers.keys import usable_key
from worker.providers.operation import OneByOne, found, patience
from worker.providers.rules import VendorRules

RULES = VendorRules(
    vendor="webhook", address_setting="ALERT_WEBHOOK_URL", key_setting="ALERT_WEBHOOK_SECRET", key_place="path"
)
POST = OperationSpec(
    vendor="webhook",
    operation="post",
    answer=AlertReceipt,
    terms=Terms.OWN,
    pace=Pace("webhook", (Window(10, 1),), concurrency=2),
    unit="call",
    units=0.0,
    billable=False,
    keep_s=0.0,
    keep_miss_s=0.0,
    resend=True,
)


class WebhookPost(OneByOne[Alert, AlertReceipt]):
    """`Operation` that posts an alert to an address of the operator's own."""

    def __init__(self, http: VendorClient, path: SecretStr, secret: SecretStr) -> None:
        super().__init__(POST, http)
        self._path, self._secret = path, secret

    async def one(self, query: Alert, *, key: str) -> Reply[AlertReceipt]:
        kind = "alert.resolved" if query.resolved else "alert.raised"
        event = query.event_id or key
        body, at = body_of(query, kind, event), f"{time.time():.0f}"
        headers = {
            "Content-Type": "application/json",
            "X-Headwater-Event": event,
            "X-Headwater-Type": kind,
            "X-Headwater-Timestamp": at,
            "X-Headwater-Signature": f"sha256={signature(self._secret, body, at)}",
        }
        if isinstance(key, RequestKey):
            headers["X-Headwater-Attempt"] = key.attempt
        heard = await self._http.ask("POST", self._path.get_secret_value(), content=body, headers=headers, text=True)
        return found(AlertReceipt(reference=event[:300]), units=0.0, ref=event, raw={"status": heard.status})


def make(settings: Settings) -> list[Operation[Any, Any]]:
    """Our webhook. Raises VendorRefused (`vendor_absent`) without an address, or without a secret to sign with."""
    origin, path = parted("webhook", "ALERT_WEBHOOK_URL", usable_key(settings, "webhook", "alert_webhook_url"))
    secret = usable_key(settings, "webhook", "alert_webhook_secret")
    hidden = path if path.get_secret_value() != "/" else None
    http = VendorClient(RULES, origin, timeout_s=patience(settings, POST), key=hidden, hidden=[secret])
    return [WebhookPost(http, path, secret)]


def body_of(alert: Alert, kind: str, event: str) -> bytes:
    told = {
        "key": alert.key,
        "severity": alert.severity,
        "summary": plain(alert.summary),
        "component": plain(alert.component) if alert.component else None,
        "details": details(alert),
        "resolved": alert.resolved,
    }
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({"id": event, "type": kind, "at": at, "alert": told}, ensure_ascii=False).encode()
