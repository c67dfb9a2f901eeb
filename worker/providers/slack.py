"""Slack: an alert into a channel, by an incoming webhook. The whole URL is the secret.

Source: providers.md, section 19. About one message a second; there is no way to know a message again, so a lost answer may lead to
a second one in the channel, which does less harm than none.
"""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from contracts.errors import BadAnswer
from contracts.outgoing import Alert, AlertReceipt
from contracts.providers import Operation, OperationSpec, Pace, Reply, Terms, Window
from contracts.settings import Settings
from worker.providers.alert_words import details, plain
from worker.providers.hook_address import parted
from worker.providers.http import VendorClient
from worker.providers.keys import usable_key
from worker.providers.operation import OneByOne, found, patience
from worker.providers.rules import VendorRules

MAX_TEXT = 3000

RULES = VendorRules(
    vendor="slack",
    address_setting="SLACK_WEBHOOK_URL",
    key_setting="SLACK_WEBHOOK_URL",
    key_place="path",
    # The webhook or its channel is gone: only a new URL helps.
    statuses={403: "auth", 404: "auth", 410: "auth"},
)
POST = OperationSpec(
    vendor="slack",
    operation="post",
    answer=AlertReceipt,
    terms=Terms.OWN,
    pace=Pace("slack", (Window(1, 1),), concurrency=1),
    unit="call",
    units=0.0,
    billable=False,
    keep_s=0.0,
    keep_miss_s=0.0,
)


class SlackPost(OneByOne[Alert, AlertReceipt]):
    """`Operation` that posts an alert, and again when it is resolved."""

    def __init__(self, http: VendorClient, path: SecretStr) -> None:
        super().__init__(POST, http)
        self._path = path

    async def one(self, query: Alert, *, key: str) -> Reply[AlertReceipt]:  # noqa: ARG002 - it knows no keys
        heard = await self._http.ask("POST", self._path.get_secret_value(), json={"text": text(query)}, text=True)
        if heard.text.strip() != "ok":
            raise BadAnswer("slack did not say ok: is SLACK_WEBHOOK_URL an incoming webhook?", vendor="slack")
        return found(AlertReceipt(), units=0.0, raw={"text": "ok"})


def make(settings: Settings) -> list[Operation[Any, Any]]:
    """What Slack offers. Raises VendorRefused (`vendor_absent`) without a webhook."""
    origin, path = parted("slack", "SLACK_WEBHOOK_URL", usable_key(settings, "slack", "slack_webhook_url"))
    token = SecretStr(path.get_secret_value().rpartition("/")[2])
    http = VendorClient(RULES, origin, timeout_s=patience(settings, POST), key=path, hidden=[token])
    return [SlackPost(http, path)]


def text(alert: Alert) -> str:
    """The alert as a message. Escaped, so that nothing in it becomes a link or calls everybody."""
    head = "Resolved" if alert.resolved else alert.severity.capitalize()
    where = f" ({_escaped(alert.component)})" if alert.component else ""
    lines = [f"*{head}*{where}: {_escaped(alert.summary)}"]
    lines += [f"• {_escaped(name)}: {_escaped(str(value))}" for name, value in details(alert).items()]
    return "\n".join(lines)[:MAX_TEXT]


def _escaped(text: str) -> str:
    return plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
