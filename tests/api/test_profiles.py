"""ICP profiles over HTTP: made once, changed with care, closed, and referred to."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from contracts.tenants import Role
from tests.api.server_fixture import ABROAD, Served

PROFILES = "/v1/icp-profiles"
BODY: dict[str, Any] = {
    "name": "Facilities", "targetIndustries": ["facilities management"], "targetCountries": ["ZA", "US"],
    "minCompanySize": 50, "maxCompanySize": 900, "requiredTechnologies": ["SAP"], "naicsCodes": ["561720", "3152"],
}  # fmt: skip


def post(api: Served, body: dict[str, Any], role: Role = Role.ANALYST, key: str | None = None) -> httpx.Response:
    return api.client.post(PROFILES, json=body, headers={**api.as_(role), **({"Idempotency-Key": key} if key else {})})


def change(api: Served, profile: str, body: dict[str, Any]) -> httpx.Response:
    return api.client.patch(f"{PROFILES}/{profile}", json=body, headers=api.as_(Role.OPS))


def test_a_profile_is_made_once_and_holds_what_the_documents_name(api: Served) -> None:
    # S2.08 R24
    made = post(api, BODY, key="k1")
    assert (made.status_code, made.headers["Location"]) == (201, f"{PROFILES}/{made.json()['id']}")
    assert post(api, BODY, key="k1").json() == made.json()
    assert post(api, {**BODY, "name": "Other"}, key="k1").json()["code"] == "idempotency_key_reused"
    assert post(api, BODY).json()["code"] == "profile_exists"
    shown = api.client.get(f"{PROFILES}/{made.json()['id']}", headers=api.as_(Role.VIEWER)).json()
    wanted = {
        "name": "Facilities", "target_industries": ["facilities management"], "target_countries": ["ZA", "US"],
        "min_company_size": 50, "max_company_size": 900, "required_technologies": ["SAP"],
        "naics_codes": ["561720", "3152"], "version": 1, "closed_at": None,
    }  # fmt: skip
    assert {name: shown[name] for name in wanted} == wanted
    assert api.count("icp_profiles") == 1


def test_who_may_only_look_cannot_write(api: Served) -> None:
    assert post(api, BODY, Role.VIEWER).status_code == 403
    assert api.count("icp_profiles") == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"naicsCodes": ["5"]}, "naicsCodes"),
        ({"naics_codes": ["56172a"]}, "naics_codes"),
        ({"minCompanySize": 9, "maxCompanySize": 3}, "swap them"),
        ({"targetCountries": ["usa"]}, "targetCountries"),
        ({"targetIndustries": [" "]}, "leave it out"),
        ({"name": "  "}, "name"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(api: Served, wrong: dict[str, Any], said: str) -> None:
    answer = post(api, {**BODY, **wrong})
    assert (answer.status_code, said in answer.text) == (400, True), answer.text
    assert api.count("icp_profiles") == 0


def test_two_who_change_the_same_profile_do_not_overwrite_each_other(api: Served) -> None:
    profile = post(api, BODY).json()["id"]
    first = change(api, profile, {"naics_codes": ["3152"], "max_company_size": None, "version": 1}).json()
    assert (first["version"], first["naics_codes"], first["max_company_size"]) == (2, ["3152"], None)
    late = change(api, profile, {"name": "Mine", "version": 1})
    assert (late.status_code, late.json()["code"]) == (409, "profile_changed")
    assert change(api, profile, {"naicsCodes": ["3152"]}).json()["version"] == 2  # nothing changed
    assert "swap them" in change(api, profile, {"max_company_size": 1}).text
    other = post(api, {**BODY, "name": "Other"}).json()["id"]
    assert change(api, other, {"name": "Facilities"}).json()["code"] == "profile_exists"


def test_a_closed_profile_counts_for_nothing_but_is_kept(api: Served) -> None:
    profile = post(api, BODY).json()["id"]
    headers = api.as_(Role.ANALYST)
    for _ in range(2):
        assert api.client.delete(f"{PROFILES}/{profile}", headers=headers).status_code == 204
    assert api.client.get(PROFILES, headers=headers).json()["items"] == []
    assert len(api.client.get(PROFILES, params={"closed": True}, headers=headers).json()["items"]) == 1
    assert change(api, profile, {"name": "Again"}).json()["code"] == "profile_closed"
    run = api.client.post("/v1/discovery/runs", json={"icp_profile_id": profile}, headers=headers)
    assert (run.status_code, run.json()["code"]) == (404, "icp_not_found")
    again = post(api, BODY).json()  # the name is free
    assert again["id"] != profile
    run = api.client.post("/v1/discovery/runs", json={"icp_profile_id": again["id"]}, headers=headers)
    assert (run.status_code, run.json()["params"]["icp_profile_id"]) == (202, again["id"])


def test_a_lead_may_name_a_profile_of_its_own_tenant_only(api: Served) -> None:
    # S2.14
    mine = post(api, BODY).json()["id"]
    lead = {"company_name": "A", "country": "ZA", "icp_profile_id": mine}
    assert api.client.post("/v1/leads", json=lead, headers=api.as_(Role.ANALYST)).status_code == 201
    abroad = api.client.post("/v1/leads", json=lead, headers=api.as_(Role.ANALYST, ABROAD))
    assert (abroad.status_code, abroad.json()["code"]) == (404, "icp_not_found")
    assert api.client.get(f"{PROFILES}/{uuid4()}", headers=api.as_(Role.VIEWER)).json()["code"] == "icp_not_found"


def test_profiles_are_listed_page_by_page(api: Served) -> None:
    names = [post(api, {"name": f"p{n}"}).json()["name"] for n in range(3)]
    first = api.client.get(PROFILES, params={"limit": 2}, headers=api.as_(Role.VIEWER)).json()
    rest = api.client.get(PROFILES, params={"cursor": first["next_cursor"]}, headers=api.as_(Role.VIEWER)).json()
    assert [p["name"] for p in first["items"] + rest["items"]] == names[::-1]
    assert rest["next_cursor"] is None
