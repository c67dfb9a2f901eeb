"""Tenders over HTTP: listed, filtered, shown, fetched."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from contracts.findings import FoundOpportunity
from contracts.tenants import SYSTEM_TENANT, Role
from db import opportunities
from db.pool import open_pool
from db.transaction import DbRole, transaction
from tests.api.server_fixture import ABROAD, HOME, Served, in_a_thread

HERE = "/v1/opportunities"


def notice(n: int, naics: str, number: str) -> FoundOpportunity:
    return FoundOpportunity(
        notice_id=f"n{n}", title=f"Notice {n}", naics=(naics,), posted_on=f"2026-01-0{n}", solicitation_number=number
    )


@pytest.fixture
def profile(api: Served) -> str:
    """A profile at HOME, three notices that fall under it and one that does not, shared and evaluated."""
    body = {"name": "Cleaning", "naics_codes": ["5617"]}
    made = api.client.post("/v1/icp-profiles", json=body, headers=api.as_(Role.ANALYST)).json()["id"]
    notices = [notice(1, "561720", "A"), notice(2, "561730", "B"), notice(3, "561720", "A"), notice(4, "315210", "C")]

    async def share() -> None:
        pool = await open_pool(api.database_url, name="tests", size=1)
        try:
            async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
                home = api.tenants[HOME].id
                await opportunities.save(tx, SYSTEM_TENANT, "sam", notices, slice_id=UUID(int=1), window="w")
                await opportunities.copy(tx, home, 100)
                said = [
                    {
                        "opportunity_id": str(p["opportunity_id"]), "profile_id": made, "profile_version": 1, "fit": 0.5,
                        "hash": p["content_hash"].hex(), "matched": p["naics"] == ["561720"], "reasons": ["because"],
                    }
                    for p in await opportunities.unheld(tx, home, 100)
                ]  # fmt: skip
                assert await opportunities.evaluate(tx, home, said, UUID(int=2)) == 3
        finally:
            await pool.close()

    in_a_thread(share)
    return str(made)


def listed(api: Served, tenant: str = HOME, **filters: Any) -> list[str]:
    answer = api.client.get(HERE, params=filters, headers=api.as_(Role.VIEWER, tenant))
    assert answer.status_code == 200, answer.text
    return sorted(item["notice_id"] for item in answer.json()["items"])


def test_a_tenant_sees_what_falls_under_its_profiles_and_filters_it(api: Served, profile: str) -> None:
    # S1.04 R18
    assert listed(api) == ["n1", "n2", "n3"]
    assert listed(api, ABROAD) == []
    assert listed(api, naics="561720") == listed(api, profile_id=profile) == ["n1", "n3"]
    assert listed(api, since="2026-01-02") == ["n2", "n3"]
    assert listed(api, naics="3152") == []
    for wrong in ({"naics": "x"}, {"since": "yesterday"}, {"profile_id": "7"}, {"nacis": "56"}):
        assert api.client.get(HERE, params=wrong, headers=api.as_(Role.VIEWER)).status_code == 400
    first = api.client.get(HERE, params={"limit": 2}, headers=api.as_(Role.VIEWER)).json()
    rest = api.client.get(HERE, params={"cursor": first["next_cursor"]}, headers=api.as_(Role.VIEWER)).json()
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)


def test_one_is_shown_with_what_belongs_to_it(api: Served, profile: str) -> None:
    items = api.client.get(HERE, headers=api.as_(Role.VIEWER)).json()["items"]
    one = next(item for item in items if item["notice_id"] == "n1")
    shown = api.client.get(f"{HERE}/{one['id']}", headers=api.as_(Role.VIEWER)).json()
    assert [other["notice_id"] for other in shown["same_solicitation"]] == ["n3"]
    (said,) = shown["evaluations"]
    assert (said["profile_id"], said["matched"], said["fit"], said["reasons"]) == (profile, True, 0.5, ["because"])
    foreign = api.client.get(f"{HERE}/{one['id']}", headers=api.as_(Role.OWNER, ABROAD))
    assert (foreign.status_code, foreign.json()["code"]) == (404, "opportunity_not_found")


def test_a_run_is_asked_for_by_ops_and_shared_by_all(api: Served) -> None:
    # S1.03 S1.05
    assert api.client.get(f"{HERE}/last-run", headers=api.as_(Role.VIEWER)).json() == {
        "last_success": None, "latest": None,
    }  # fmt: skip
    assert api.client.post(f"{HERE}/runs", json={}, headers=api.as_(Role.ANALYST)).status_code == 403
    made = api.client.post(f"{HERE}/runs", json={}, headers=api.as_(Role.OPS))
    assert (made.status_code, made.json()["status"]) == (202, "pending")
    joined = api.client.post(f"{HERE}/runs", json={}, headers=api.as_(Role.OPS, ABROAD))
    assert joined.json() == made.json()
    (run,) = api.rows("SELECT tenant_id, kind, params FROM runs")
    assert (run["tenant_id"], run["kind"]) == (SYSTEM_TENANT, "opportunities")
    asked = api.rows("SELECT tenant_id FROM audit_log WHERE action = 'opportunities.requested'")
    assert {row["tenant_id"] for row in asked} == {api.tenants[HOME].id, api.tenants[ABROAD].id}
    api.rows(
        "UPDATE runs SET status = 'completed', started_at = created_at, finished_at = $1 RETURNING id",
        api.rows("SELECT created_at + interval '1 s' AS at FROM runs")[0]["at"],
    )
    last = api.client.get(f"{HERE}/last-run", headers=api.as_(Role.VIEWER)).json()
    assert last["last_success"]["id"] == last["latest"]["id"] == made.json()["id"]
    assert date.fromisoformat(last["last_success"]["completed_at"][:10])
