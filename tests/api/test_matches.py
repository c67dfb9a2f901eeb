"""Companies and pairs over HTTP: found by a name like theirs, merged, undone, and nobody else's."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from contracts.matching import Verdict
from contracts.tenants import Role
from db import matching
from db.pool import open_pool
from db.transaction import transaction
from tests.api.server_fixture import ABROAD, HOME, Served, in_a_thread


@pytest.fixture
def pair(api: Served) -> tuple[str, str, str]:
    """(older, younger, match): two companies at HOME that wait for a person."""
    for name in ("Karoo Workwear", "Karoo Work Wear"):
        body = {
            "company_name": name,
            "country": "ZA",
            "domain": name.lower().replace(" ", "") + str(len(name)) + ".example",
        }
        assert api.client.post("/v1/leads", json=body, headers=api.as_(Role.ANALYST)).status_code == 201
    older, younger = [row["id"] for row in api.rows("SELECT id FROM app.companies ORDER BY id")]
    made: list[Any] = []

    async def propose() -> None:
        pool = await open_pool(api.database_url, name="tests", size=1)
        try:
            async with transaction(pool, api.tenants[HOME].id) as tx:
                said = Verdict(a_id=older, b_id=younger, probability=0.8, features={"name_rare": 0.9})
                made.extend((await matching.propose(tx, api.tenants[HOME].id, [said])).values())
        finally:
            await pool.close()

    in_a_thread(propose)
    return str(older), str(younger), str(made[0])


def get(api: Served, path: str, tenant: str = HOME, **query: Any) -> Any:
    answer = api.client.get(path, params=query, headers=api.as_(Role.VIEWER, tenant))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_companies_are_listed_searched_and_shown(api: Served, pair: tuple[str, str, str]) -> None:
    # B.08
    older, younger, _ = pair
    assert [c["id"] for c in get(api, "/v1/companies")["items"]] == [younger, older]
    page = get(api, "/v1/companies", limit=1)
    assert [c["id"] for c in get(api, "/v1/companies", limit=1, cursor=page["next_cursor"])["items"]] == [older]
    found = get(api, "/v1/companies", name="Karoo Workwear Pty Ltd")["items"]
    assert (found[0]["id"], found[0]["likeness"]) == (older, 1.0)
    assert get(api, "/v1/companies", name="karoo workwear", country="DE")["items"] == []
    assert get(api, "/v1/companies", ABROAD, name="karoo workwear")["items"] == []
    shown = get(api, f"/v1/companies/{older}", as_of="2026-03-03T00:00:00Z")
    assert shown["name"] == "Karoo Workwear"
    assert len(shown["leads"]) == 1
    for path in (f"/v1/companies/{older}", f"/v1/matches/{pair[2]}"):
        assert api.client.get(path, headers=api.as_(Role.VIEWER, ABROAD)).status_code == 404
    for bad in ({"name": "a\x00b"}, {"country": "za"}, {"cursor": "x"}, {"as_of": "x"}):
        assert api.client.get("/v1/companies", params=bad, headers=api.as_(Role.VIEWER)).status_code == 400
    assert (
        api.client.get(f"/v1/companies/{uuid4()}", headers=api.as_(Role.VIEWER)).json()["code"] == "company_not_found"
    )


def test_a_pair_is_merged_undone_and_rejected(api: Served, pair: tuple[str, str, str]) -> None:
    # B.04 R13
    older, younger, match = pair
    (waiting,) = get(api, "/v1/matches", state="pending")["items"]
    assert (waiting["id"], waiting["a"]["id"], waiting["b"]["id"], waiting["probability"]) == (
        match,
        older,
        younger,
        0.8,
    )

    def decide(what: str, status: int = 200, **body: Any) -> Any:
        answer = api.client.post(f"/v1/matches/{match}/{what}", json=body, headers=api.as_(Role.ANALYST))
        assert answer.status_code == status, answer.text
        return answer.json()

    merged = decide("merge", reason="one office")
    assert (merged["decision"], merged["survivor_id"], merged["b"]["merged_into"]) == ("merged", older, older)
    assert merged["reason"] == "one office"
    assert [c["id"] for c in get(api, "/v1/companies")["items"]] == [older]
    assert get(api, f"/v1/companies/{younger}")["asked_for"] == younger
    (lead,) = get(api, "/v1/leads")["items"]
    assert lead["company_id"] == older
    assert decide("merge", 409)["code"] == "match_decided"
    assert decide("reject", 409)["code"] == "match_decided"
    assert decide("undo")["decision"] == "undone"
    assert len(get(api, "/v1/leads")["items"]) == 2
    assert decide("undo", 409)["code"] == "match_decided"
    assert decide("reject")["decision"] == "rejected"
    assert decide("reject")["decided_by"]
    assert decide("merge", 400, reason="x\x00")["code"] == "invalid_request"
    gone = api.client.post(f"/v1/matches/{uuid4()}/merge", json={}, headers=api.as_(Role.ANALYST))
    assert (gone.status_code, gone.json()["code"]) == (404, "match_not_found")


def test_a_scan_is_asked_for_by_operators(api: Served, pair: tuple[str, str, str]) -> None:
    assert api.client.post("/v1/matches/scan", json={}, headers=api.as_(Role.ANALYST)).status_code == 403
    asked = api.client.post("/v1/matches/scan", json={}, headers=api.as_(Role.OPS))
    assert (asked.status_code, asked.json()) == (202, {"waiting": 2})
    sent = api.rows("SELECT type FROM app.outbox_events WHERE type = 'MatchingRequested'")
    assert len(sent) == 1
