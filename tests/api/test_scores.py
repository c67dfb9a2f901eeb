"""Rule sets, candidates and scores over HTTP: what is asked, shown, refused."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from contracts.tenants import Role
from db import scores as stored
from db.pool import open_pool
from db.transaction import transaction
from tests.api.server_fixture import HOME, Served, in_a_thread
from tests.scoring.house import House

PROFILES = "/v1/icp-profiles"
RULE = {"fieldKey": "companyEmployee", "operator": "GTE", "value": 100, "weight": 0.3}
NEAR = {"type": "HARD_FILTER", "fieldKey": "company_country", "operator": "EQ", "value": "ZA", "onMissing": "FAIL"}


def profile(api: Served) -> str:
    made = api.client.post(PROFILES, json={"name": f"p {uuid4()}"}, headers=api.as_(Role.ANALYST))
    return f"{PROFILES}/{made.json()['id']}"


def post(api: Served, path: str, body: Any, role: Role = Role.ANALYST) -> Any:
    return api.client.post(path, json=body, headers=api.as_(role))


def get(api: Served, path: str, **params: Any) -> Any:
    answer = api.client.get(path, params=params, headers=api.as_(Role.VIEWER))
    assert answer.status_code == 200, answer.text
    return answer.json()


def work(api: Served) -> None:
    """Everything that is due on the scoring queue, by the real jobs."""

    async def turn() -> None:
        pool = await open_pool(api.database_url, name="tests", size=4)
        try:
            await House(pool, api.tenants[HOME].id).work()
        finally:
            await pool.close()

    in_a_thread(turn)


def test_rules_are_proposed_promoted_and_decide(api: Served) -> None:  # S2.09 B.04 B.05 B.08
    at = profile(api)
    lead = post(
        api, "/v1/leads", {"company_name": "A", "country": "DE", "icp_profile_id": at.rsplit("/", 1)[1]}
    ).json()["id"]
    made = post(api, f"{at}/rule-sets", {"rules": [NEAR, RULE], "mediumFrom": 0.4})
    assert (made.status_code, made.json()["rule_set"]["stage"]) == (201, "SHADOW")
    assert get(api, made.headers["Location"]) == made.json()["rule_set"]
    preview = post(api, f"{at}/rule-sets/preview", {"rules": [NEAR]}, Role.VIEWER).json()
    assert (preview["rejected"], preview["by_reason"][0]["rule"]) == (1, "country: to be ZA")
    moved = post(api, f"{made.headers['Location']}/promote", {"rescore": True}).json()
    assert (moved["rule_set"]["stage"], moved["archived"], moved["rescoring"]) == ("ACTIVE", None, 0)
    asked = post(api, "/v1/leads/scores", {"lead_ids": [lead, str(uuid4())]})
    assert (asked.status_code, asked.json()["asked"], len(asked.json()["left_out"])) == (202, [lead], 1)
    work(api)
    shown = get(api, f"/v1/leads/{lead}")["latest_score"]
    assert (shown["band"], shown["rejected"], shown["reasons"][0]["words"]) == (
        "LOW",
        True,
        "country: DE, wanted to be ZA",
    )
    assert shown["contributions"] == []
    [row] = get(api, "/v1/leads", band="LOW")["items"]
    assert (row["id"], row["latest_score"]["score"], row["latest_score"]["contributions"]) == (lead, 0.5, None)
    assert get(api, "/v1/leads", band="HIGH")["items"] == []
    [snapshot] = get(api, f"/v1/leads/{lead}/scores")["items"]
    assert (snapshot["verdict"], snapshot["vector"]["companyCountry"]) == ("REJECTED", "DE")
    assert [s["decides"] for s in snapshot["scores"]] == [True]
    assert get(api, f"{made.headers['Location']}/comparison")["leads"] == 1
    assert get(api, f"{at}/candidates") == {"items": [], "next_cursor": None}
    archived = api.client.post(f"{made.headers['Location']}/archive", headers=api.as_(Role.ANALYST))
    assert (archived.status_code, archived.json()["stage"]) == (200, "ARCHIVED")
    assert [s["version"] for s in get(api, f"{at}/rule-sets")["items"]] == [1, 0]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({**RULE, "fieldKey": "companySnark"}, "companyEmployees"),
        ({**RULE, "operator": "CONTAINS"}, "does not fit"),
        ({**RULE, "value": "many"}, "takes a number"),
        ({**RULE, "value": 1e300}, "value"),
        ({**RULE, "weight": 0}, "weight"),
        ({**RULE, "fieldKey": "contactTitle", "operator": "MATCHES", "value": "(?=x)"}, "not supported"),
        ({**RULE, "fieldKey": "contactTitle", "operator": "EQ", "value": "a\x00"}, "NUL"),
    ],
)
def test_rules_that_make_no_sense_are_refused_in_words(shared_api: Served, rule: dict[str, Any], said: str) -> None:
    at = profile(shared_api)  # S2.14
    for path in ("rule-sets", "rule-sets/preview"):
        answer = post(shared_api, f"{at}/{path}", {"rules": [RULE, rule]})
        assert (answer.status_code, said in answer.text) == (400, True), answer.text


def test_who_may_only_look_proposes_nothing(shared_api: Served) -> None:
    at = profile(shared_api)
    assert post(shared_api, f"{at}/rule-sets", {"rules": [RULE]}, Role.VIEWER).status_code == 403
    assert post(shared_api, "/v1/leads/scores", {}, Role.VIEWER).status_code == 403
    unknown = post(shared_api, f"{at}/rule-sets/{uuid4()}/promote", {})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "rule_set_not_found")


def test_a_lead_that_is_typed_in_is_enriched_at_once(api: Served) -> None:  # S2.19
    lead = post(api, "/v1/leads", {"company_name": "B", "country": "ZA"}).json()
    assert lead["status"] == "new"
    [event] = api.rows("SELECT type, payload FROM outbox_events WHERE aggregate_id = $1", lead["id"])
    assert (event["type"], '"enrich": true' in str(event["payload"])) == ("LeadDiscovered", True)


def test_the_newest_leads_without_a_score_are_asked_for_when_none_is_named(api: Served) -> None:
    async def ask() -> tuple[int, int]:
        pool = await open_pool(api.database_url, name="tests", size=4)
        try:
            house = House(pool, api.tenants[HOME].id)
            leads = [await house.lead() for _ in range(3)]
            await house.rows("UPDATE app.leads SET status = 'enriched' WHERE id <> $1", leads[0])
            await house.score(leads[1])
            async with transaction(pool, house.tenant) as tx:
                fresh = await stored.ask(tx, house.tenant, [], limit=10, again=False)
                again = await stored.ask(tx, house.tenant, [], limit=10, again=True)
            assert fresh == [leads[2]]
            assert again == [leads[2], leads[1]]
            return len(fresh), len(again)
        finally:
            await pool.close()

    assert in_a_thread(ask) == (1, 2)
