"""The door to a tenant's night, and its shortlist over HTTP. Nobody works on nights here."""

from __future__ import annotations

from uuid import uuid4

from contracts.tenants import Role
from tests.api.server_fixture import ABROAD, HOME, Served

DOOR = "/admin/runs/nightly"


def test_ops_start_their_tenants_night_and_a_second_request_is_handed_the_first(api: Served) -> None:
    # S3.11 S3.09
    mine = str(api.tenants[HOME].id)
    first = api.client.post(DOOR, params={"tenant_id": mine, "skip": ["crawl"]}, headers=api.as_(Role.OPS))
    assert first.status_code == 202, first.text
    night = first.json()
    assert (night["status"], night["new"], night["tenant"]) == ("pending", True, api.tenants[HOME].slug)
    second = api.client.post(DOOR, params={"tenant_id": mine}, headers=api.as_(Role.OPS)).json()
    assert (second["id"], second["new"]) == (night["id"], False)
    dry = api.client.post(DOOR, params={"tenant_id": mine, "dry_run": True}, headers=api.as_(Role.OWNER)).json()
    assert (dry["dry_run"], dry["new"]) == (True, True)
    events = api.rows("SELECT payload->>'kind' AS kind FROM outbox_events WHERE type = 'RunRequested'")
    assert [e["kind"] for e in events] == ["nightly", "nightly"]


def test_a_night_is_nobodys_but_its_tenants_and_not_for_every_role(api: Served) -> None:
    # S3.11 S2.16
    mine, theirs = str(api.tenants[HOME].id), str(api.tenants[ABROAD].id)
    assert api.client.post(DOOR, params={"tenant_id": mine}).status_code == 401
    for role in (Role.VIEWER, Role.ANALYST, Role.SERVICE):
        assert api.client.post(DOOR, params={"tenant_id": mine}, headers=api.as_(role)).status_code == 403
    ops = api.as_(Role.OPS)
    foreign = api.client.post(DOOR, params={"tenant_id": theirs}, headers=ops)
    unknown = api.client.post(DOOR, params={"tenant_id": str(uuid4())}, headers=ops)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "tenant_not_found")
    assert unknown.json()["detail"] == foreign.json()["detail"]
    assert api.client.post(DOOR, headers=ops).status_code == 400
    assert api.client.post(DOOR, params={"tenant_id": mine, "skip": "select_targets"}, headers=ops).status_code == 400
    missing = api.client.post(DOOR, params={"tenant_id": mine, "from_manifest": str(uuid4())}, headers=ops)
    assert (missing.status_code, missing.json()["code"]) == (404, "manifest_not_found")
    assert api.count("runs") == 0


def test_a_shortlist_is_read_by_date_as_json_and_as_a_file(api: Served) -> None:
    # S3.15 B.05
    mine = api.tenants[HOME].id
    api.rows(
        "WITH c AS (INSERT INTO companies (tenant_id, name, name_core, domain)"
        " VALUES ($1, '=Karoo', 'karoo', 'karoo.example') RETURNING id),"
        " r AS (INSERT INTO runs (tenant_id, kind, triggered_by, status, started_at, finished_at)"
        " VALUES ($1, 'nightly', 'tests', 'completed', app.now(), app.now()) RETURNING id),"
        " m AS (INSERT INTO night_manifests (tenant_id, run_id, night, company_ids, cap, cap_source)"
        " SELECT $1, r.id, '2026-01-05', ARRAY[c.id], 20, 'default' FROM r, c),"
        " k AS (INSERT INTO contacts (tenant_id, company_id, name, email) SELECT $1, id, 'Thandi', 't@karoo.example' FROM c)"
        " INSERT INTO night_companies (tenant_id, run_id, company_id, place, reason, stage, slice_id)"
        " SELECT $1, r.id, c.id, 1, 'unseen', 'waiting', app.uuidv7() FROM r, c",
        mine,
    )
    found = api.client.get("/v1/shortlists/2026-01-05", headers=api.as_(Role.VIEWER))
    assert found.status_code == 200, found.text
    (row,) = found.json()["items"]
    assert (row["rank"], row["company_name"], row["score"], row["reason"]) == (1, "=Karoo", None, "unseen")
    assert row["contacts"][0]["email"] == "t@karoo.example"
    file = api.client.get("/v1/shortlists/2026-01-05/csv", headers=api.as_(Role.ANALYST))
    assert file.headers["content-type"].startswith("text/csv")
    header, line = file.text.splitlines()
    assert header.startswith("rank,company_name,domain")
    assert line.startswith("1,'=Karoo,karoo.example"), "no spreadsheet runs it"
    assert api.client.get("/v1/shortlists/2026-01-06", headers=api.as_(Role.VIEWER)).status_code == 404
    assert api.client.get("/v1/shortlists/2026-01-05", headers=api.as_(Role.VIEWER, ABROAD)).status_code == 404
    assert api.client.get("/v1/shortlists/yesterday", headers=api.as_(Role.VIEWER)).status_code == 404
