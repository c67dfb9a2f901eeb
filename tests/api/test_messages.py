"""Drafts, consents, suppressions and privacy over real HTTP: who may do what, what is answered, what is refused."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from contracts.tenants import Role
from tests.api.server_fixture import HOME, Served

PHONE = "+27821234567"


@pytest.fixture
def draft(shared_api: Served) -> dict[str, Any]:
    """A draft of its own for each test, to somebody with a number and without a consent."""
    name = f"c{uuid4().hex[:8]}"
    body = {"company_name": name, "country": "ZA", "domain": f"{name}.co.za"}
    body |= {"contact": {"name": "Thandi Nkosi", "email": f"thandi@{name}.co.za"}}  # type: ignore[dict-item]
    made = shared_api.client.post("/v1/leads", json=body, headers=shared_api.as_(Role.ANALYST))
    assert made.status_code == 201
    lead = made.json()["id"]
    [contact] = shared_api.rows(
        "UPDATE contacts SET phone = $2 WHERE id = (SELECT contact_id FROM leads WHERE id = $1) RETURNING id",
        lead,
        PHONE,
    )
    [row] = shared_api.rows(
        "INSERT INTO messages (tenant_id, lead_id, contact_id, channel, template, parameters, body, written_by)"
        " VALUES ($1, $2, $3, 'whatsapp', 'whatsapp/1/en', $4::text::jsonb, $5, 'template') RETURNING id",
        shared_api.tenants[HOME].id,
        lead,
        contact["id"],
        json.dumps(["Thandi", "Us", "We work with you."]),
        "Hello Thandi, this is Us. We work with you. Reply STOP.",
    )
    return {"id": str(row["id"]), "lead": lead, "contact": str(contact["id"]), "email": f"thandi@{name}.co.za"}


def put_template(api: Served) -> None:
    body = {
        "language": "en",
        "body": "Hello {{1}}, this is {{2}}. {{3}} Reply STOP.",
        "parameters": ["first_name", "sender", "opener"],
        "vendorTemplates": {"trengo": "98231"},
    }
    assert api.client.put("/v1/message-templates", json=body, headers=api.as_(Role.OPS)).status_code == 200


def test_a_draft_is_changed_consented_approved_and_stays_approved(
    shared_api: Served, draft: dict[str, Any]
) -> None:  # R20
    ask, analyst = shared_api.client, shared_api.as_(Role.ANALYST)
    put_template(shared_api)
    address = f"/v1/messages/{draft['id']}"
    changed = ask.patch(address, json={"parameters": ["Thandi", "Us", "We know  you."]}, headers=analyst)
    assert changed.json()["body"] == "Hello Thandi, this is Us. We know you. Reply STOP."
    assert changed.json()["written_by"] == "person"
    wrong = ask.patch(address, json={"parameters": ["Thandi"]}, headers=analyst)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "wrong_parameters")
    refused = ask.post(f"{address}/approve", headers=analyst)
    assert (refused.status_code, refused.json()["code"]) == (409, "no_consent")
    consent = {"contact_id": draft["contact"], "basis": "existing_customer", "source": "invoice 17"}
    given = ask.post("/v1/consents", json=consent, headers=analyst)
    assert given.status_code == 201
    assert ask.post("/v1/consents", json=consent, headers=analyst).json()["id"] == given.json()["id"]
    assert ask.post(f"{address}/approve", headers=shared_api.as_(Role.VIEWER)).status_code == 403
    approved = ask.post(f"{address}/approve", headers=analyst)
    assert (approved.status_code, approved.json()["state"], approved.json()["vendor"]) == (200, "approved", "trengo")
    assert ask.post(f"{address}/approve", headers=analyst).json()["code"] == "message_not_draft"
    listed = ask.get("/v1/messages", params={"lead_id": draft["lead"]}, headers=analyst).json()["items"]
    assert [m["id"] for m in listed] == [draft["id"]]
    [event] = shared_api.rows("SELECT type FROM outbox WHERE aggregate_id = $1::text::uuid", draft["id"])
    assert event["type"] == "MessageApproved"
    audited = shared_api.rows("SELECT action FROM audit_log WHERE subject_id = $1 ORDER BY id", draft["id"])
    assert [a["action"] for a in audited] == ["message.changed", "message.approved"]


def test_a_rejected_draft_stays_rejected(shared_api: Served, draft: dict[str, Any]) -> None:  # R20
    ask, analyst = shared_api.client, shared_api.as_(Role.ANALYST)
    address = f"/v1/messages/{draft['id']}"
    rejected = ask.post(f"{address}/reject", json={"reason": "we know them"}, headers=analyst)
    assert (rejected.json()["state"], rejected.json()["reason"]) == ("rejected", "we know them")
    assert ask.post(f"{address}/approve", headers=analyst).json()["code"] == "message_not_draft"


def test_settings_hold_together(shared_api: Served) -> None:  # R20
    ask, ops = shared_api.client, shared_api.as_(Role.OPS)
    assert ask.get("/v1/message-settings", headers=ops).json()["auto_send"] is False
    wanted = {"auto_send": True, "languages": ["en"], "regions": {"ZA": "deny"}, "vendor": "whatsapp"}
    assert ask.put("/v1/message-settings", json=wanted, headers=shared_api.as_(Role.ANALYST)).status_code == 403
    shown = ask.put("/v1/message-settings", json=wanted, headers=ops).json()
    assert (shown["auto_send"], shown["regions"], shown["default_language"]) == (True, {"ZA": "deny"}, "en")
    for wrong in ({"default_language": "de", "languages": ["en"]}, {"regions": {"za": "deny"}}, {"auto_send": "yes"}):
        assert ask.put("/v1/message-settings", json=wrong, headers=ops).status_code == 400
    assert ask.put("/v1/message-settings", json={}, headers=ops).json()["regions"] == {}


def test_templates_of_ours_stand_where_the_tenant_has_none(shared_api: Served) -> None:
    ask, ops = shared_api.client, shared_api.as_(Role.OPS)
    put_template(shared_api)
    items = ask.get("/v1/message-templates", headers=ops).json()["items"]
    own = [t for t in items if t["id"]]
    assert [t["language"] for t in own] == ["en"]
    assert {t["language"] for t in items} >= {"en", "de", "fr"}
    assert ask.delete(f"/v1/message-templates/{own[0]['id']}", headers=ops).status_code == 204
    assert ask.delete(f"/v1/message-templates/{own[0]['id']}", headers=ops).status_code == 404


def test_the_suppression_list_is_written_by_analysts_and_shortened_by_ops(shared_api: Served) -> None:  # B.09
    ask, analyst = shared_api.client, shared_api.as_(Role.ANALYST)
    body = {"key_type": "email", "value": "Jane@Acme.example", "reason": "asked"}
    made = ask.post("/v1/suppressions", json=body, headers=analyst)
    assert made.status_code == 201
    assert "jane" not in made.text.lower()
    assert ask.post("/v1/suppressions", json={**body, "value": "jane@acme.example"}, headers=analyst).status_code == 200
    bad = ask.post("/v1/suppressions", json={**body, "value": "nonsense"}, headers=analyst)
    assert (bad.status_code, bad.json()["code"]) == (400, "bad_suppression_key")
    hit = ask.post(
        "/v1/suppressions/check", json={"emails": ["jane@acme.example"]}, headers=shared_api.as_(Role.VIEWER)
    )
    assert hit.json()["entry"]["id"] == made.json()["id"]
    address = f"/v1/suppressions/{made.json()['id']}"
    assert ask.delete(address, headers=analyst).status_code == 403
    assert ask.delete(address, headers=shared_api.as_(Role.OPS)).status_code == 204
    assert ask.delete(address, headers=shared_api.as_(Role.OPS)).status_code == 404


def test_a_person_is_exported_and_erased_by_ops_and_stays_away(
    shared_api: Served, draft: dict[str, Any]
) -> None:  # B.09
    ask, ops = shared_api.client, shared_api.as_(Role.OPS)
    who = {"email": draft["email"]}
    assert ask.post("/v1/privacy/export", json=who, headers=shared_api.as_(Role.ANALYST)).status_code == 403
    shown = ask.post("/v1/privacy/export", json=who, headers=ops).json()
    assert shown["person"]["names"] == ["Thandi Nkosi"]
    assert shown["counts"]["contacts"] == 1
    counted = ask.post("/v1/privacy/erasures", json={**who, "dry_run": True}, headers=ops).json()
    made = ask.post("/v1/privacy/erasures", json=who, headers=ops).json()
    assert (made["rows"], made["left"], made["dry_run"]) == (counted["rows"], {}, False)
    message = ask.get(f"/v1/messages/{draft['id']}", headers=ops).json()
    assert (message["state"], message["body"], message["contact_id"]) == ("rejected", "", None)
    entries = ask.get("/v1/suppressions", headers=ops).json()["items"]
    erased = next(e for e in entries if e["erased"] and e["key_type"] == "email")
    refused = ask.delete(f"/v1/suppressions/{erased['id']}", headers=ops)
    assert (refused.status_code, refused.json()["code"]) == (409, "person_erased")
    audited = shared_api.rows("SELECT detail::text FROM audit_log WHERE action LIKE 'person.%'")
    assert audited
    assert not any(draft["email"] in row["detail"] for row in audited)
    for wrong in ({}, {"email": "a\x00@b.example"}, {"contact_id": str(uuid4())}):
        answer = ask.post("/v1/privacy/erasures", json=wrong, headers=ops)
        assert answer.status_code == (404 if "contact_id" in wrong else 400)
