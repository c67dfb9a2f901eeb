"""Tenants over HTTP: made, granted, suspended, resumed and closed by owners of the reserved tenant, and by nobody else."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from contracts.tenants import SYSTEM_TENANT, Principal, Role
from db import access
from db.pool import open_pool
from db.transaction import transaction
from tests.api.server_fixture import ABROAD, HOME, Served, in_a_thread

RUN = {"channels": ["register"], "queries": ["bakers"], "limit": 1}


@pytest.fixture
def house(api: Served) -> dict[str, str]:
    """Headers of an owner of the reserved tenant."""
    return house_key(api, Role.OWNER)


def house_key(api: Served, role: Role) -> dict[str, str]:
    """Headers of somebody of the reserved tenant."""

    async def make() -> str:
        pool = await open_pool(api.database_url, name="tests", size=1)
        try:
            async with transaction(pool, SYSTEM_TENANT) as tx:
                return (await access.create_key(tx, SYSTEM_TENANT, "house", role, by="tests"))[1]
        finally:
            await pool.close()

    return {"Authorization": f"Bearer {in_a_thread(make)}"}


def told(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    said: dict[str, Any] = answer.json()
    return said


def test_a_tenant_is_made_granted_and_seen(api: Served, house: dict[str, str]) -> None:
    # R16 S4.08
    made = told(api.client.post("/v1/tenants", json={"slug": "acme", "name": "Acme"}, headers=house), 201)
    assert (made["slug"], made["status"], made["quotas"]["max_runs_per_day"]) == ("acme", "active", None)
    assert told(api.client.post("/v1/tenants", json={"slug": "acme"}, headers=house), 409)["code"] == "tenant_exists"
    granted = told(api.client.put("/v1/tenants/acme/quotas", json={"max_runs_per_day": 5}, headers=house))
    assert {name: value for name, value in granted["quotas"].items() if value is not None} == {"max_runs_per_day": 5}
    assert told(api.client.get("/v1/tenants/acme", headers=house)) == granted
    listed = told(api.client.get("/v1/tenants", headers=house))["items"]
    assert {each["slug"] for each in listed} == {"acme", "system", HOME, ABROAD}
    (logged,) = api.rows("SELECT actor, detail FROM audit_log WHERE action = 'quotas.set'")
    assert logged["actor"] == "key:house"
    assert told(api.client.put("/v1/tenants/acme/quotas", json={"queued_buffer": 0}, headers=house), 400)
    assert told(api.client.get("/v1/tenants/nobody", headers=house), 404)


def test_operators_of_the_house_see_tenants_and_grant_and_do_no_more(api: Served) -> None:
    # S3.20 R16
    ops = house_key(api, Role.OPS)
    granted = told(api.client.put(f"/v1/tenants/{ABROAD}/quotas", json={"daily_shortlist_cap": 7}, headers=ops))
    assert granted["quotas"]["daily_shortlist_cap"] == 7
    assert {each["slug"] for each in told(api.client.get("/v1/tenants", headers=ops))["items"]} == {
        "system",
        HOME,
        ABROAD,
    }
    assert told(api.client.get(f"/v1/tenants/{ABROAD}", headers=ops)) == granted
    told(api.client.post(f"/v1/tenants/{ABROAD}/suspend", headers=ops), 403)
    told(api.client.post("/v1/tenants", json={"slug": "acme"}, headers=ops), 403)
    # Neither an analyst of the house nor an operator of another tenant.
    told(api.client.put(f"/v1/tenants/{ABROAD}/quotas", json={}, headers=house_key(api, Role.ANALYST)), 403)
    theirs = api.client.put(f"/v1/tenants/{ABROAD}/quotas", json={}, headers=api.as_(Role.OPS, ABROAD))
    assert told(theirs, 404)["code"] == "house_only"


def test_owners_of_other_tenants_see_their_own_and_no_more(api: Served) -> None:
    # R16 R18
    for method, path in (
        ("GET", ""),
        ("GET", f"/{ABROAD}"),
        ("POST", f"/{ABROAD}/suspend"),
        ("POST", f"/{HOME}/close"),
    ):
        answer = api.client.request(method, f"/v1/tenants{path}", headers=api.as_(Role.OWNER))
        assert told(answer, 404)["code"] == "house_only"
    own = told(api.client.get("/v1/tenant", headers=api.as_(Role.VIEWER)))
    assert (own["slug"], own["status"]) == (HOME, "active")


def test_a_suspended_tenant_is_answered_403_with_what_to_do_until_it_is_resumed(
    api: Served, house: dict[str, str]
) -> None:
    # S4.08
    owner, run = api.as_(Role.OWNER, ABROAD), "/v1/discovery/runs"
    session = {"Authorization": f"Bearer {api.login(Role.OWNER, ABROAD)['accessToken']}"}
    assert told(api.client.post(run, json=RUN, headers=owner), 202)
    assert told(api.client.post(f"/v1/tenants/{ABROAD}/suspend", headers=house))["status"] == "paused"
    for headers in (owner, session):
        for method, path, body in (("POST", run, RUN), ("GET", "/v1/leads", None), ("GET", run, None)):
            refused = told(api.client.request(method, path, json=body, headers=headers), 403)
            assert refused["code"] == "tenant_suspended"
            assert "headwater tenants resume" in refused["detail"]
        assert told(api.client.get("/v1/tenant", headers=headers))["status"] == "paused"
        assert told(api.client.get("/v1/auth/me", headers=headers))
    assert told(api.client.get("/v1/leads", headers=api.as_(Role.OWNER)))  # nobody else is
    kept = told(api.client.get(f"/v1/tenants/{ABROAD}", headers=house))
    assert (kept["runs_today"], kept["waiting_events"]) == (1, 1)
    assert told(api.client.post(f"/v1/tenants/{ABROAD}/resume", headers=house))["status"] == "active"
    assert told(api.client.get(run, headers=owner))["items"]
    assert told(api.client.post(f"/v1/tenants/{ABROAD}/close", headers=house))["status"] == "closed"
    assert told(api.client.get("/v1/tenant", headers=owner), 401)
    assert told(api.client.post("/v1/tenants/system/suspend", headers=house), 409)["code"] == "reserved_tenant"


def test_runs_a_day_are_granted_and_what_is_over_is_refused(api: Served, house: dict[str, str]) -> None:
    # S4.08
    owner, run = api.as_(Role.OWNER, ABROAD), "/v1/discovery/runs"
    told(api.client.put(f"/v1/tenants/{ABROAD}/quotas", json={"max_runs_per_day": 0}, headers=house))
    assert told(api.client.post(run, json=RUN, headers=owner), 429)["detail"].startswith("0 runs were started today")
    told(api.client.put(f"/v1/tenants/{ABROAD}/quotas", json={"max_runs_per_day": 2}, headers=house))
    first = told(api.client.post(run, json=RUN, headers={**owner, "Idempotency-Key": "a"}), 202)
    told(api.client.post(run, json=RUN, headers=owner), 202)
    over = api.client.post(run, json=RUN, headers=owner)
    assert (told(over, 429)["code"], int(over.headers["retry-after"]) > 0) == ("run_quota", True)
    # What was started already is shown again, and others start as they like.
    assert told(api.client.post(run, json=RUN, headers={**owner, "Idempotency-Key": "a"}), 202)["id"] == first["id"]
    told(api.client.post(run, json=RUN, headers=api.as_(Role.OWNER)), 202)
    assert len(api.rows("SELECT id FROM runs WHERE tenant_id = $1", api.tenants[ABROAD].id)) == 2
    told(api.client.put(f"/v1/tenants/{ABROAD}/quotas", json={}, headers=house))
    told(api.client.post(run, json=RUN, headers=owner), 202)


def test_a_principal_is_not_suspended_unless_said_so() -> None:
    assert not Principal(tenant_id=SYSTEM_TENANT, role=Role.OWNER, name="x").suspended
