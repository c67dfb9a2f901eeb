"""PagerDuty: an alert as an event (Events API v2), triggered and resolved under one `dedup_key`.

Source: providers.md, section 19. The key of the alert is the `dedup_key`, so the same event may be sent again at any time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, SecretStr

from contracts.outgoing import Alert, AlertReceipt
from contracts.providers import Operation, OperationSpec, Pace, Reply, Terms, Window
from contracts.settings import Settings
from worker.providers.alert_words import details, plain
from worker.providers.answers import shaped
from worker.providers.http import VendorClient
from worker.providers.keys import usable_key
from worker.providers.lenient import Words
from worker.providers.operation import OneByOne, found, patience
from worker.providers.rules import Kind, Said, VendorRules

SOURCE = "headwater"


def _kind(said: Said) -> Kind | None:
    return "auth" if said.status == 400 and b"routing_key" in said.body else None


RULES = VendorRules(
    vendor="pagerduty",
    address_setting="PAGERDUTY_BASE_URL",
    key_setting="PAGERDUTY_ROUTING_KEY",
    key_place="body",
    classify=_kind,
)
EVENT = OperationSpec(
    vendor="pagerduty",
    operation="event",
    answer=AlertReceipt,
    terms=Terms.OWN,
    pace=Pace("pagerduty", (Window(60, 60),), concurrency=1),
    unit="call",
    units=0.0,
    billable=False,
    keep_s=0.0,
    keep_miss_s=0.0,
    resend=True,
)


class _Answer(BaseModel):
    status: str
    dedup_key: Words = None


class PagerDutyEvent(OneByOne[Alert, AlertReceipt]):
    """`Operation` that triggers an incident, updates it, or resolves it."""

    def __init__(self, http: VendorClient, routing_key: SecretStr) -> None:
        super().__init__(EVENT, http)
        self._routing_key = routing_key

    async def one(self, query: Alert, *, key: str) -> Reply[AlertReceipt]:  # noqa: ARG002 - the alert has a key
        body = {"routing_key": self._routing_key.get_secret_value(), **_event(query)}
        raw = await self._http.post("/v2/enqueue", body)
        answer = shaped(_Answer, raw, EVENT.vendor)
        return found(AlertReceipt(reference=answer.dedup_key), units=0.0, ref=answer.dedup_key, raw=raw)


def make(settings: Settings) -> list[Operation[Any, Any]]:
    """What PagerDuty offers. Raises VendorRefused (`vendor_absent`) without a routing key."""
    key = usable_key(settings, "pagerduty", "pagerduty_routing_key")
    http = VendorClient(RULES, settings.pagerduty_base_url, timeout_s=patience(settings, EVENT), key=key)
    return [PagerDutyEvent(http, key)]


def _event(alert: Alert) -> dict[str, Any]:
    if alert.resolved:
        return {"event_action": "resolve", "dedup_key": alert.key}
    payload: dict[str, Any] = {
        "summary": plain(alert.summary),
        "source": SOURCE,
        "severity": alert.severity,
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
        "custom_details": details(alert),
    }
    if alert.component:
        payload["component"] = plain(alert.component)
    return {"event_action": "trigger", "dedup_key": alert.key, "payload": payload}
