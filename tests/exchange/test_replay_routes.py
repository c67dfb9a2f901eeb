"""Replays over HTTP: asked for by ops, once under a key, for ended real runs only."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from contracts.tenants import Role
from tests.api.server_fixture import ABROAD, Served, in_a_thread


@pytest.fixture
def make_run(api: Served) -> Any:
    """Asks for a run, and ends it where told."""

    def make(*, ended: bool = True, **body: Any) -> str:
        asked = {"channels": ["file"], "queries": ["workwear"], **body}
        run: str = api.client.post("/v1/discovery/runs", json=asked, headers=api.as_(Role.ANALYST)).json()["id"]
        if ended:

            async def end() -> None:
                conn = await asyncpg.connect(api.database_url)
                await conn.execute(
                    "UPDATE app.runs SET status = 'cancelled', finished_at = app.now() WHERE id = $1", UUID(run)
                )
                await conn.close()

            in_a_thread(end)
        return run

    return make


def test_a_replay_is_asked_for_once_and_found_with_its_run(api: Served, make_run: Any) -> None:
    # B.03
    run = make_run()
    address = f"/v1/discovery/runs/{run}/replays"
    key = {**api.as_(Role.OPS), "Idempotency-Key": "k"}
    made = api.client.post(address, json={}, headers=key)
    assert (made.status_code, made.json()["kind"], made.json()["dry_run"]) == (202, "replay", True)
    assert made.headers["location"] == f"{address}/{made.json()['id']}"
    assert api.client.post(address, json={}, headers=key).json()["id"] == made.json()["id"]
    assert api.client.post(address, json={"apply": True}, headers=key).json()["code"] == "idempotency_key_reused"
    shown = api.client.get(made.headers["location"], headers=api.as_(Role.VIEWER)).json()
    assert (shown["replay_of"], shown["apply"], shown["summary"], shown["entities"]) == (run, False, [], [])
    listed = api.client.get(address, headers=api.as_(Role.VIEWER)).json()["items"]
    assert [r["id"] for r in listed] == [made.json()["id"]]
    assert api.rows("SELECT type, payload FROM outbox_events WHERE type = 'ReplayRequested'") != []


def test_what_cannot_be_replayed_says_why(api: Served, make_run: Any) -> None:
    def code(run: str, role: Role = Role.OPS, tenant: str = "well-crafted") -> tuple[int, str]:
        answer = api.client.post(f"/v1/discovery/runs/{run}/replays", json={}, headers=api.as_(role, tenant))
        return answer.status_code, answer.json()["code"]

    assert code(make_run(ended=False)) == (409, "run_not_ended")
    assert code(make_run(dry_run=True)) == (409, "nothing_to_replay")
    assert code(str(uuid4())) == (404, "run_not_found")
    run = make_run()
    assert code(run, tenant=ABROAD) == (404, "run_not_found")
    assert code(run, Role.ANALYST)[0] == 403
    other = f"/v1/discovery/runs/{run}/replays/{make_run()}"
    assert api.client.get(other, headers=api.as_(Role.VIEWER)).status_code == 404


def test_a_replay_of_enrichments_is_asked_for_once_and_found_by_its_id(api: Served) -> None:
    # B.03
    body = {"company_name": "Karoo Workwear", "domain": "karoo.example"}
    lead = api.client.post("/v1/leads", json=body, headers=api.as_(Role.ANALYST)).json()["id"]
    key = {**api.as_(Role.OPS), "Idempotency-Key": "k"}
    made = api.client.post("/v1/leads/replays", json={"leadIds": [lead]}, headers=key)
    assert (made.status_code, made.json()["kind"], made.json()["dry_run"]) == (202, "replay", True)
    assert made.headers["location"] == f"/v1/leads/replays/{made.json()['id']}"
    again = {"lead_ids": [lead]}
    assert api.client.post("/v1/leads/replays", json=again, headers=key).json()["id"] == made.json()["id"]
    other = api.client.post("/v1/leads/replays", json={**again, "apply": True}, headers=key)
    assert other.json()["code"] == "idempotency_key_reused"
    shown = api.client.get(made.headers["location"], headers=api.as_(Role.VIEWER)).json()
    assert (shown["replay_of"], shown["apply"], shown["leads_not_replayable"]) == (None, False, [])
    assert api.client.get(made.headers["location"], headers=api.as_(Role.VIEWER, ABROAD)).status_code == 404
    assert len(api.rows("SELECT 1 FROM outbox_events WHERE type = 'ReplayRequested'")) == 1


def test_whose_enrichments_must_be_said_and_known(api: Served, make_run: Any) -> None:
    # B.03
    def code(role: Role = Role.OPS, **body: Any) -> tuple[int, str]:
        answer = api.client.post("/v1/leads/replays", json=body, headers=api.as_(role))
        return answer.status_code, answer.json()["code"]

    assert code() == (400, "invalid_request")
    assert code(lead_ids=[str(uuid4())]) == (404, "lead_not_found")
    assert code(run_id=str(uuid4())) == (404, "run_not_found")
    assert code(run_id=make_run()) == (409, "nothing_to_replay")
    assert code(Role.ANALYST, run_id=make_run())[0] == 403
