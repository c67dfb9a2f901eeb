"""A tenant's CRM over HTTP: connection, policy, links, syncs; the key is never asked for nor shown."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.tenants import Role
from tests.api.server_fixture import ABROAD, HOME, Served

HERE = "/v1/crm/connection"
OWN = "ODOO_API_KEY_WELL_CRAFTED"
BODY = {"url": "https://well-crafted.odoo.example", "database": "wc", "secret_ref": OWN}


def ops(api: Served, tenant: str = HOME) -> dict[str, str]:
    return api.as_(Role.OPS, tenant)


def test_a_connection_is_set_shown_tested_and_removed(api: Served) -> None:
    # S3.16
    missing = api.client.get(HERE, headers=ops(api))
    assert (missing.status_code, missing.json()["code"]) == (404, "no_connection")
    assert api.client.post(f"{HERE}/test", headers=ops(api)).status_code == 404
    made = api.client.put(HERE, json=BODY, headers=ops(api))
    assert made.status_code == 200, made.text
    assert (made.json()["url"], made.json()["secret_ref"], made.json()["enabled"]) == (BODY["url"], OWN, True)
    asked = api.client.post(f"{HERE}/test", headers=ops(api))
    assert (asked.status_code, asked.json()["tested_at"]) == (202, None)
    (event,) = api.rows("SELECT type, tenant_id FROM outbox_events")
    assert (event["type"], event["tenant_id"]) == ("CrmProbeRequested", api.tenants[HOME].id)
    api.rows("UPDATE odoo_connections SET tested_at = now(), test_result = '{\"ok\": true}' RETURNING id")
    same = api.client.put(HERE, json=BODY | {"enabled": False}, headers=ops(api)).json()
    assert (same["enabled"], same["test_result"]["ok"]) == (False, True)
    other = api.client.put(HERE, json=BODY | {"database": "other"}, headers=ops(api)).json()
    assert (other["id"], other["tested_at"], other["test_result"]) == (made.json()["id"], None, None)
    assert api.client.get(HERE, headers=ops(api, ABROAD)).status_code == 404
    assert [api.client.delete(HERE, headers=ops(api)).status_code for _ in range(2)] == [204, 204]
    assert api.client.get(HERE, headers=ops(api)).status_code == 404
    logged = [r["action"] for r in api.rows("SELECT action FROM audit_log WHERE action LIKE 'crm.%' ORDER BY id")]
    assert logged == ["crm.connection_set", "crm.test_requested", *["crm.connection_set"] * 2, "crm.connection_removed"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"secret_ref": "JWT_SECRET"}, "invalid_request"),
        ({"secret_ref": "ODOO_API_KEY_ANOTHER_TENANT"}, "crm_secret_refused"),
        ({"secret_ref": "ODOO_API_KEY"}, "crm_secret_refused"),
        ({"secret_ref": "ODOO_API_KEY\n"}, "invalid_request"),
        ({"url": "https://10.0.0.1"}, "crm_url_refused"),
        ({"url": "http://well-crafted.odoo.example"}, "crm_url_refused"),
        ({"url": "https://x\u0000.example"}, "invalid_request"),
        ({"url": "x" * 501}, "invalid_request"),
        ({"key": "a key"}, "invalid_request"),
        ({"transport": "carrier pigeon"}, "invalid_request"),
    ],
)
def test_what_would_lead_a_key_astray_is_refused(shared_api: Served, change: dict[str, Any], code: str) -> None:
    # S3.16
    refused = shared_api.client.put(HERE, json=BODY | change, headers=ops(shared_api))
    assert (refused.status_code, refused.json()["code"]) == (400, code), refused.text
    assert shared_api.count("odoo_connections") == 0


def test_camel_case_is_understood_and_a_viewer_sees_no_connection(api: Served) -> None:
    # R24
    body = {k: v for k, v in BODY.items() if k != "secret_ref"} | {"secretRef": OWN}
    assert api.client.put(HERE, json=body, headers=ops(api)).status_code == 200
    assert api.client.get(HERE, headers=api.as_(Role.ANALYST)).status_code == 403


def test_a_policy_is_decided_and_kept_apart_by_tenant(api: Served) -> None:
    # S3.17
    here = "/v1/crm/policy"
    assert api.client.get(here, headers=api.as_(Role.VIEWER)).json() == {"min_band": "MEDIUM", "conflicts": "ask"}
    assert api.client.put(here, json={"minBand": "HIGH"}, headers=api.as_(Role.ANALYST)).status_code == 403
    put = api.client.put(here, json={"minBand": "HIGH", "conflicts": "theirs"}, headers=ops(api))
    assert put.json() == {"min_band": "HIGH", "conflicts": "theirs"}
    assert api.client.get(here, headers=api.as_(Role.VIEWER)).json() == put.json()
    assert api.client.get(here, headers=api.as_(Role.VIEWER, ABROAD)).json()["min_band"] == "MEDIUM"
    assert api.client.put(here, json={"min_band": "TOP"}, headers=ops(api)).status_code == 400


def test_a_sync_is_asked_for_by_ops_and_answers_lead_by_lead(api: Served) -> None:
    # S3.17
    here = "/export/odoo/sync"
    lead = api.client.post(
        "/v1/leads", json={"company_name": "Karoo", "domain": "karoo.example"}, headers=api.as_(Role.ANALYST)
    ).json()["id"]
    assert api.client.post(here, json={"lead_ids": [lead]}, headers=api.as_(Role.ANALYST)).status_code == 403
    dry = api.client.post(here, json={"lead_ids": [lead], "dry_run": True}, headers=ops(api))
    assert (dry.status_code, dry.json()["id"]) == (202, None)
    assert dry.json()["leads"][0] | {"records": []} == {
        "lead_id": lead, "company": "Karoo", "band": None, "score": None, "action": "skipped", "reason": "no_connection",
        "records": [],
    }  # fmt: skip
    api.client.put(HERE, json=BODY, headers=ops(api))
    once = ops(api) | {"Idempotency-Key": "k"}
    first = api.client.post(here, json={"leadIds": [lead], "force": True}, headers=once).json()
    assert (first["counts"], first["leads"][0]["action"]) == ({"created": 1, "push": 1}, "push")
    assert api.client.post(here, json={"leadIds": [lead], "force": True}, headers=once).json()["id"] == first["id"]
    asked = api.rows("SELECT payload FROM outbox_events WHERE type = 'CrmSyncRequested'")
    assert len(asked) == 1
    reused = api.client.post(here, json={"lead_ids": [lead]}, headers=once)
    assert (reused.status_code, reused.json()["code"]) == (409, "idempotency_key_reused")
    wrong: tuple[dict[str, Any], ...] = (
        {},
        {"lead_ids": []},
        {"lead_ids": [lead], "run_id": lead},
        {"lead_ids": ["x"]},
        {"run_id": None},
    )
    for body in wrong:
        assert api.client.post(here, json=body, headers=ops(api)).status_code == 400
    foreign = api.client.post(here, json={"lead_ids": [lead]}, headers=ops(api, ABROAD))
    assert (foreign.status_code, foreign.json()["code"]) == (404, "lead_not_found")


def test_links_and_pushes_are_listed_filtered_and_decided(api: Served) -> None:
    # S3.07 S3.17
    home = api.tenants[HOME].id
    lead = api.client.post(
        "/v1/leads", json={"company_name": "Karoo", "domain": "karoo.example"}, headers=api.as_(Role.ANALYST)
    ).json()["id"]
    for state in ("linked", "conflict", "linked"):
        api.rows(
            "INSERT INTO crm_links (tenant_id, system, model, local_id, external_id, state, detail)"
            " VALUES ($1, 'odoo', 'res.partner', gen_random_uuid(), 'headwater.company_x', $2,"
            " jsonb_build_object('problem', 'changed', 'lead_id', $3::text)) RETURNING id", home, state, lead,
        )  # fmt: skip
    api.rows(
        "INSERT INTO crm_pushes (tenant_id, lead_id, cause, outcome) VALUES ($1, $2, 'sync:1', 'done') RETURNING id",
        home,
        lead,
    )
    viewer = api.as_(Role.VIEWER)
    page = api.client.get("/v1/crm/links", params={"limit": 2}, headers=viewer).json()
    rest = api.client.get("/v1/crm/links", params={"cursor": page["next_cursor"]}, headers=viewer).json()
    assert (len(page["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)
    (link,) = api.client.get("/v1/crm/links", params={"state": "conflict"}, headers=viewer).json()["items"]
    assert (link["problem"], link["resolution"]) == ("changed", None)
    decide = f"/v1/crm/links/{link['id']}/resolve"
    assert api.client.post(decide, json={"keep": "theirs"}, headers=viewer).status_code == 403
    analyst = api.as_(Role.ANALYST)
    for _ in range(2):
        decided = api.client.post(decide, json={"keep": "theirs"}, headers=analyst)
        assert (decided.status_code, decided.json()["resolution"]) == (200, "theirs")
    assert len(api.rows("SELECT id FROM outbox_events WHERE type = 'CrmSyncRequested'")) == 1
    settled = f"/v1/crm/links/{page['items'][0]['id']}/resolve"
    assert api.client.post(settled, json={"keep": "ours"}, headers=analyst).json()["code"] == "no_conflict"
    assert api.client.post(decide, json={"keep": "mine"}, headers=analyst).status_code == 400
    assert api.client.post(decide, json={"keep": "ours"}, headers=api.as_(Role.OWNER, ABROAD)).status_code == 404
    pushes = api.client.get("/v1/crm/pushes", params={"cause": "sync:1"}, headers=viewer).json()["items"]
    assert [push["outcome"] for push in pushes] == ["done"]
    assert api.client.get("/v1/crm/pushes", params={"outcome": "error"}, headers=viewer).json()["items"] == []
    assert api.client.get("/v1/crm/links", headers=api.as_(Role.OWNER, ABROAD)).json()["items"] == []
