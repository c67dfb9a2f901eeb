"""The stand-ins of messaging, CRM and alert vendors answer in the documented format: member by member, type by type.

The samples are those of providers.md, sections 15, 16, 18 and 19. Asked without our adapters.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.providers.sandbox_fixture import KEY, RunningSandbox

#: One for all: opening a client reads certificates.
HTTP = httpx.Client(trust_env=False, verify=False)  # only ever asks this machine
BEARER = {"Authorization": f"Bearer {KEY}"}
WHATSAPP = {
    "messaging_product": "whatsapp", "recipient_type": "individual", "to": "6591234567", "type": "template",
    "biz_opaque_callback_data": "lead-17:camp-3",
    "template": {
        "name": "intro_facilities", "language": {"code": "en"},
        "components": [{"type": "body", "parameters": [{"type": "text", "text": "Mei"}]}],
    },
}  # fmt: skip
TRENGO = {
    "recipient_phone_number": "+6591234567", "hsm_id": 98231, "channel_id": 55123,
    "params": [{"type": "body", "key": "{{1}}", "value": "Mei"}],
}  # fmt: skip
EVENT = {
    "routing_key": KEY, "event_action": "trigger", "dedup_key": "provider:hunter:quota",
    "payload": {
        "summary": "Hunter credits used up", "source": "lead-worker", "severity": "warning",
        "timestamp": "2026-11-21T03:00:00Z", "component": "enrich", "custom_details": {"provider": "hunter"},
    },
}  # fmt: skip
LOAD = {
    "fields": ["id", "name", "email_from"], "data": [["leads.lead_17", "Facilities lead", "mei.tan@example.sg"]],
}  # fmt: skip
#: (path, body, status, the documented answer)
SAMPLES: list[tuple[str, dict[str, Any], int, Any]] = [
    (
        "/whatsapp/v26.0/106540352242922/messages", WHATSAPP, 200,
        {
            "messaging_product": "whatsapp", "contacts": [{"input": "6591234567", "wa_id": "6591234567"}],
            "messages": [{"id": "wamid.HBg...", "message_status": "accepted"}],
        },
    ),
    (
        "/whatsapp/v26.0/106540352242922/messages", {**WHATSAPP, "to": "6591234526"}, 400,
        {"error": {"message": "", "type": "", "code": 1, "error_data": {"details": ""}, "fbtrace_id": ""}},
    ),
    (
        "/trengo/api/v2/wa_sessions", TRENGO, 200,
        {"message": {"id": 700123, "ticket_id": 412345, "contact_id": 90011, "error": None}},
    ),
    (
        "/trengo/api/v2/wa_sessions", {**TRENGO, "hsm_id": 404404}, 422,
        {"message": "...", "errors": {"hsm_id": ["..."]}},
    ),
    ("/odoo/json/2/crm.lead/load", LOAD, 200, {"ids": [305], "messages": [], "nextrow": 0}),
    (
        "/odoo/json/2/crm.lead/load", {**LOAD, "data": [["leads.lead_18", "", "x@example.sg"]]}, 200,
        {
            "ids": False, "nextrow": 0,
            "messages": [{"type": "", "message": "", "rows": {"from": 0, "to": 0}, "field": "", "record": 0}],
        },
    ),
    ("/odoo/json/2/crm.lead/create", {"vals_list": [{"name": "Facilities lead", "type": "lead"}]}, 200, [305]),
    (
        "/odoo/json/2/res.partner/search_read",
        {"domain": [["email", "=", "mei.tan@example.sg"]], "fields": ["id", "name"], "limit": 1}, 200, [],
    ),
    (
        "/odoo/json/2/sale.order/load", LOAD, 404,
        {"name": "", "message": "", "arguments": [""], "context": {}, "debug": ""},
    ),
    ("/pagerduty/v2/enqueue", EVENT, 202, {"status": "success", "message": "Event processed", "dedup_key": "..."}),
]  # fmt: skip


def differences(sample: Any, given: Any, where: str = "answer") -> list[str]:
    """Members of the sample that are missing or of another type. An empty text in the sample stands for any text."""
    if isinstance(sample, dict):
        if not isinstance(given, dict):
            return [f"{where}: no object"]
        missing = [f"{where}.{name}: missing" for name in sample if name not in given]
        known = [name for name in sample if name in given]
        return missing + [d for name in known for d in differences(sample[name], given[name], f"{where}.{name}")]
    if isinstance(sample, list):
        if not isinstance(given, list) or bool(sample) != bool(given):
            return [f"{where}: another list"]
        return [d for item in given for d in differences(sample[0], item, f"{where}[]")]
    return [] if type(sample) is type(given) else [f"{where}: {type(given).__name__}, not {type(sample).__name__}"]


@pytest.mark.parametrize(("path", "body", "status", "sample"), SAMPLES)
def test_the_answer_has_the_documented_members(
    sandbox: RunningSandbox, path: str, body: dict[str, Any], status: int, sample: Any
) -> None:  # S2.02
    answer = HTTP.post(sandbox.url + path, json=body, headers=BEARER)
    assert answer.status_code == status
    assert differences(sample, answer.json()) == []


@pytest.mark.parametrize("path", ["/odoo/jsonrpc", "/odoo16/jsonrpc"])
def test_the_older_odoo_says_everything_with_a_200(sandbox: RunningSandbox, path: str) -> None:  # S3.07
    def say(service: str, method: str, *args: Any) -> Any:
        body = {
            "jsonrpc": "2.0",
            "method": "call",
            "id": 7,
            "params": {"service": service, "method": method, "args": args},
        }
        answer = HTTP.post(sandbox.url + path, json=body)
        assert answer.status_code == 200
        said = answer.json()
        assert (said["jsonrpc"], said["id"]) == ("2.0", 7)
        return said

    who = ("sandbox", 2, KEY)
    assert say("common", "authenticate", "sandbox", "sandbox@example.com", KEY, {})["result"] == 2
    assert say("common", "authenticate", "sandbox", "sandbox@example.com", "wrong", {})["result"] is False
    context = {"context": {"lang": "en_US"}}
    created = say("object", "execute_kw", *who, "crm.lead", "create", [[{"name": "Facilities lead"}]], context)
    assert [type(number) for number in created["result"]] == [int]
    written = say("object", "execute_kw", *who, "crm.lead", "write", [created["result"], {"priority": "2"}])
    assert written["result"] is True
    refused = say("object", "execute_kw", *who, "crm.lead", "create", [[{"priority": "2"}]])["error"]
    sample = {"code": 200, "message": "", "data": {"name": "", "message": "", "debug": "", "arguments": [""]}}
    assert differences(sample, refused) == []


def test_odoo_tells_its_version_and_what_its_version_lacks(sandbox: RunningSandbox) -> None:  # S3.07
    said = HTTP.get(f"{sandbox.url}/odoo/web/version").json()
    assert (
        differences({"version_info": [19], "version": "19.0"}, {**said, "version_info": said["version_info"][:1]}) == []
    )
    assert HTTP.get(f"{sandbox.url}/odoo16/web/version").status_code == 404
    asked = {"attributes": ["string", "type", "required"]}
    answer = HTTP.post(f"{sandbox.url}/odoo/json/2/res.partner/fields_get", json=asked, headers=BEARER)
    fields = answer.json()
    assert "mobile" not in fields, "removed in 19"
    assert fields["name"] == {"string": "Name", "type": "char", "required": True}


def test_trengos_templates_and_slacks_answers_are_as_documented(sandbox: RunningSandbox) -> None:  # S2.02, S0.19
    listed = HTTP.get(f"{sandbox.url}/trengo/api/v2/wa_templates?page=1", headers=BEARER).json()
    sample = {
        "data": [{"id": 1, "title": "", "slug": "", "message": "", "status": "", "language": ""}],
        "links": {"next": ""},
    }
    assert differences(sample, listed) == []
    slack = f"{sandbox.url}/slack/services/T0/B0/"
    assert HTTP.post(f"{slack}hook", json={"text": "x"}).text == "ok"
    assert HTTP.post(f"{slack}hook", content=b"{").status_code == 400
    assert HTTP.post(f"{slack}gone", json={"text": "x"}).status_code == 404
    invalid = HTTP.post(f"{sandbox.url}/pagerduty/v2/enqueue", content=json.dumps({"event_action": "trigger"}))
    assert invalid.status_code == 400
