"""Discovery queries over HTTP, and the runs that take them."""

from __future__ import annotations

from typing import Any

from contracts.runs import DEFAULT_QUERIES
from contracts.tenants import Role
from tests.api.server_fixture import ABROAD, HOME, Served


def add(api: Served, text: str, tenant: str = HOME, **more: Any) -> dict[str, Any]:
    answer = api.client.post(
        "/v1/discovery/queries", json={"text": text, **more}, headers=api.as_(Role.ANALYST, tenant)
    )
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def started(api: Served, **body: Any) -> list[str]:
    answer = api.client.post("/v1/discovery/runs", json=body, headers=api.as_(Role.ANALYST))
    assert answer.status_code == 202, answer.text
    found: list[str] = answer.json()["params"]["queries"]
    return found


def test_a_run_that_names_nothing_takes_the_tenants_queries_in_turn(api: Served) -> None:
    # S0.19 S0.10
    assert started(api) == list(DEFAULT_QUERIES)
    for text in ("first  query", "second query", "third query"):
        add(api, text)
    add(api, "of another tenant", ABROAD)
    assert started(api, max_queries=2) == ["first query", "second query"]
    assert started(api, dry_run=True, max_queries=2) == ["third query", "first query"]
    assert started(api, max_queries=2) == ["third query", "first query"], "a rehearsal uses nothing up"
    assert started(api, queries=["my own"]) == ["my own"]


def test_disabled_and_removed_queries_are_not_used_and_none_left_means_the_defaults(api: Served) -> None:
    # S0.19
    one, two = add(api, "one"), add(api, "two")
    headers = api.as_(Role.ANALYST)
    off = api.client.patch(f"/v1/discovery/queries/{one['id']}", json={"enabled": False}, headers=headers)
    assert off.json()["enabled"] is False
    assert started(api) == ["two"]
    listed = api.client.get("/v1/discovery/queries", params={"enabled": False}, headers=headers).json()
    assert [query["text"] for query in listed["items"]] == ["one"]
    assert api.client.delete(f"/v1/discovery/queries/{two['id']}", headers=headers).status_code == 204
    assert api.client.delete(f"/v1/discovery/queries/{two['id']}", headers=headers).status_code == 404
    assert started(api) == list(DEFAULT_QUERIES)


def test_the_same_query_in_other_letters_is_refused(api: Served) -> None:
    add(api, "Workwear  Johannesburg")
    again = api.client.post(
        "/v1/discovery/queries", json={"text": " WORKWEAR johannesburg"}, headers=api.as_(Role.ANALYST)
    )
    assert (again.status_code, again.json()["code"]) == (409, "query_exists")


def test_queries_of_a_profile_are_made_once_and_its_runs_take_them(api: Served) -> None:
    # S0.19
    headers = api.as_(Role.ANALYST)
    body = {"name": "Cleaners", "target_industries": ["cleaning"], "target_countries": ["SG", "ZA"]}
    profile = api.client.post("/v1/icp-profiles", json=body, headers=headers).json()["id"]
    add(api, "typed in")
    made = api.client.post(f"/v1/icp-profiles/{profile}/queries", json={"limit": 5}, headers=headers)
    assert made.status_code == 200, made.text
    wanted = ["cleaning companies Singapore", "cleaning companies South Africa"]
    assert [query["text"] for query in made.json()["added"]] == wanted
    assert {query["source"] for query in made.json()["added"]} == {"generated"}
    again = api.client.post(f"/v1/icp-profiles/{profile}/queries", json={"limit": 5}, headers=headers).json()
    assert (again["added"], again["known"]) == ([], wanted)
    assert started(api, icp_profile_id=profile) == wanted
    assert started(api) == ["typed in", *wanted]
