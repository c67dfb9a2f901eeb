"""Subjects of the exam that send something out: messages, records for the CRM, alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from contracts.outgoing import Alert, CrmLookup, CrmProbe, CrmRecord, OutgoingMessage, TemplatesQuery
from contracts.settings import Settings
from tests.providers.exam import SECRET, Queries, Subject
from tests.providers.sandbox_fixture import RunningSandbox
from worker.providers import odoo, pagerduty, slack, trengo, webhook, whatsapp
from worker.providers.sandbox.world import SEED, World

SENT = "what is handed over was taken or turned down: there is nothing to be found"


class _Hook(Subject):
    """A look-up whose whole address is its key."""

    def settings(self, sandbox: RunningSandbox, **more: Any) -> Settings:
        return sandbox.settings(**{self.setting: f"{sandbox.url}/slack/services/T0/B0/{SECRET}", **more})


def _messages(template: str) -> Queries:
    phones = ("+6591234567", "+6591234568")
    words = {"template": template, "parameters": ("Mei",), "reference": "lead-17"}
    return lambda: [OutgoingMessage.model_validate({"to": to, **words}) for to in phones]


def _alerts() -> Sequence[BaseModel]:
    return [Alert(key=f"provider:{name}:quota", summary="used up", severity="warning") for name in ("hunter", "pdl")]


def _records() -> Sequence[BaseModel]:
    return [
        CrmRecord(model="res.partner", external_id=f"headwater.company_{n}", values={"name": c.name, "city": c.city})
        for n, c in enumerate(World(SEED).companies("ZA")[:3])
    ]


def _countries(*codes: str) -> Queries:
    """What every Odoo has."""
    return lambda: [
        CrmLookup(model="res.country", external_id=f"base.{code}", fields=("name", "code")) for code in codes
    ]


def _odoo_subject(operation: str, hits: Queries, misses: Queries = tuple, **also: str) -> Subject:
    apart = (
        {} if misses is not tuple else {"empty": SENT if operation == "upsert" else "a connection works or does not"}
    )
    more: dict[str, Any] = {"units": 0.0, "exhausted": None, "also": also, "apart": apart}
    if operation == "read" and also["odoo_transport"] == "json2":
        # Who may not read names reads by number, and these records have none.
        more["statuses"] = {"403": "miss"}
    return Subject(f"odoo.{operation}", odoo.make, "odoo_api_key", "odoo_url", hits, misses, **more)


#: What goes out: messages, records for the CRM, alerts. None of them has misses.
OUTGOING: tuple[Subject, ...] = (
    Subject(
        "trengo.send", trengo.make, "trengo_api_token", "trengo_base_url", _messages("98231"), exhausted=None,
        apart={"empty": SENT},
    ),
    Subject(
        "trengo.templates", trengo.make, "trengo_api_token", "trengo_base_url",
        lambda: [TemplatesQuery(page=page) for page in (1, 2)], lambda: [TemplatesQuery(page=99)], units=0.0,
        exhausted=None, pages=TemplatesQuery,
    ),
    Subject(
        "whatsapp.send", whatsapp.make, "whatsapp_token", "whatsapp_base_url", _messages("intro_facilities"),
        apart={"empty": SENT},
    ),
    _odoo_subject("upsert", _records, odoo_transport="json2"),
    _odoo_subject("upsert", _records, odoo_transport="jsonrpc"),
    _odoo_subject("read", _countries("za", "uk", "sg"), _countries("atlantis"), odoo_transport="json2"),
    _odoo_subject("read", _countries("za", "uk"), _countries("atlantis"), odoo_transport="jsonrpc"),
    _odoo_subject("check", lambda: [CrmProbe(), CrmProbe(models=("res.partner",))], odoo_transport="json2"),
    _Hook("slack.post", slack.make, "slack_webhook_url", "slack_webhook_url", _alerts, units=0.0, exhausted=None,
          apart={"empty": SENT}),
    Subject(
        "pagerduty.event", pagerduty.make, "pagerduty_routing_key", "pagerduty_base_url", _alerts, units=0.0,
        exhausted=None, apart={"empty": SENT},
    ),
    Subject(
        "webhook.post", webhook.make, "alert_webhook_secret", "alert_webhook_url", _alerts, units=0.0, exhausted=None,
        shape_matters=False, json_matters=False,
        apart={"empty": SENT, "garbage": "of its answer only the status is read: whose endpoint it is may say what they like"},
    ),
)  # fmt: skip
