"""The same over HTTP: roles, walls, refusals, and answers a script can rely on."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.events import Probed
from contracts.tenants import Role
from db.pool import open_pool
from tests.api.server_fixture import ABROAD, HOME, Served
from tests.inspection.scene import Scene

JSON = dict[str, Any]


@pytest.fixture
async def stage(api: Served) -> Any:
    """The scene on the API's database; HOME is `mine`."""
    pool = await open_pool(api.database_url, name="tests", size=4)
    yield Scene(pool, api.database_url, api.tenants[HOME].id, api.tenants[ABROAD].id)
    await pool.close()


def get(api: Served, path: str, role: Role = Role.VIEWER, tenant: str = HOME, expect: int = 200, **query: Any) -> JSON:
    answer = api.client.get(path, params=query, headers=api.as_(role, tenant))
    assert answer.status_code == expect, answer.text
    found: JSON = answer.json()
    return found


def post(
    api: Served, path: str, body: JSON | None = None, role: Role = Role.OPS, tenant: str = HOME, expect: int = 202
) -> JSON:
    answer = api.client.post(path, json=body, headers=api.as_(role, tenant))
    assert answer.status_code == expect, answer.text
    found: JSON = answer.json()
    return found


async def test_events_are_listed_shown_explained_and_replayed(api: Served, stage: Scene) -> None:
    # B.02
    (event_id,) = await stage.emit()
    await stage.dispatch()
    dead = await stage.bury()
    page = get(api, "/v1/outbox/events", limit=1)
    assert [item["event_id"] for item in page["items"]] == [str(dead)]
    rest = get(api, "/v1/outbox/events", limit=1, cursor=page["next_cursor"])
    assert [item["event_id"] for item in rest["items"]] == [str(event_id)]
    both = get(api, "/v1/outbox/events", status=["sent", "dead_letter"])
    assert len(both["items"]) == 2
    assert get(api, "/v1/outbox/events", status="pending")["items"] == []
    assert get(api, f"/v1/outbox/{event_id}") == get(api, f"/v1/outbox/events/{event_id}")
    assert get(api, f"/v1/outbox/{dead}/explain") == get(api, f"/v1/outbox/events/{dead}/explain")
    story = get(api, f"/v1/outbox/events/{event_id}")
    assert [e["status"] for e in story["executions"]] == ["queued"]
    why = get(api, f"/v1/outbox/events/{dead}/explain")
    assert (why["delivered"], why["findings"][0]["code"]) == (False, "dead_letter")
    assert post(api, f"/v1/outbox/events/{dead}/replay") == {
        "event_id": str(dead), "replay_of": str(dead), "status": "pending",
    }  # fmt: skip
    refused = post(api, f"/v1/outbox/events/{dead}/replay", expect=409)
    assert (refused["code"], refused["state"]) == ("conflict", "pending")


async def test_a_replay_by_filter_dry_first(api: Served, stage: Scene) -> None:
    for _ in range(2):
        await stage.bury()
    asked = {"filter": {"status": ["dead_letter"]}, "dryRun": True, "rate": 10}
    assert post(api, "/v1/outbox/replay", asked)["matched"] == 2
    done = post(api, "/v1/outbox/replay", {**asked, "dryRun": False})
    assert (done["replayed"], done["by_type"]) == (2, {"LeadForgotten": 2})
    actors = api.rows("SELECT actor, detail->>'events' AS n FROM app.audit_log WHERE action = 'outbox.replay'")
    assert [row["n"] for row in actors] == ["2"]


async def test_stats_and_the_proof(api: Served, stage: Scene) -> None:
    # B.01
    await stage.emit(*(Probed(probe_id=uuid4()) for _ in range(3)))
    await stage.dispatch()
    seen = get(api, "/v1/outbox/stats")
    assert (seen["queue"]["queued"], seen["counts"]["pending"]) == (3, 0)
    proof = get(api, "/v1/outbox/verify")
    assert (proof["ok"], proof["events"], proof["jobs"], proof["lost"], proof["doubled"]) == (True, 3, 3, 0, 0)
    abroad = get(api, "/v1/outbox/verify", tenant=ABROAD)
    assert (abroad["ok"], abroad["events"]) == (True, 0)
    old = get(api, "/v1/outbox/verify", since="2020-01-01T00:00:00Z", until="2021-01-01T00:00:00Z")
    assert (old["ok"], old["events"], old["window"]["since"]) == (True, 0, "2020-01-01T00:00:00Z")


async def test_jobs_are_listed_retried_and_cancelled(api: Served, stage: Scene) -> None:
    await stage.emit(Probed(probe_id=uuid4()), Probed(probe_id=uuid4()))
    await stage.dispatch()
    (delivery,) = await stage.take()
    await stage.give_up(delivery)
    job = str(delivery.execution_id)
    assert [item["id"] for item in get(api, "/v1/jobs", status="failed")["items"]] == [job]
    (letter,) = get(api, "/v1/jobs/dead-letters")["items"]
    assert letter["execution_id"] == job
    shown = get(api, f"/v1/jobs/{job}")
    assert (shown["state"], shown["status"], len(shown["attempts"])) == ("dead", "failed", 1)
    assert post(api, f"/v1/jobs/{job}/retry")["state"] == "waiting"
    assert post(api, f"/v1/jobs/{job}/retry", expect=409)["state"] == "waiting"
    assert get(api, "/v1/jobs/dead-letters")["items"] == []
    (other,) = get(api, "/v1/jobs", state="queued")["items"]
    assert post(api, f"/v1/jobs/{other['id']}/cancel")["cancel_requested_at"]


async def test_viewers_look_and_only_ops_change(api: Served, stage: Scene) -> None:
    # R14
    dead = await stage.bury()
    doors: list[tuple[str, JSON | None]] = [
        (f"/v1/outbox/events/{dead}/replay", None),
        ("/v1/outbox/replay", {}),
        (f"/v1/jobs/{uuid4()}/retry", None),
        (f"/v1/jobs/{uuid4()}/cancel", None),
    ]
    for path, body in doors:
        for role in (Role.VIEWER, Role.ANALYST):
            assert post(api, path, body, role=role, expect=403)["code"] == "role_missing"
        assert api.client.post(path, json=body).status_code == 401
    assert len(get(api, "/v1/outbox/events", status="dead_letter")["items"]) == 1


async def test_another_tenants_ids_and_unknown_ids_get_the_same_answer(api: Served, stage: Scene) -> None:
    # S2.14
    dead = await stage.bury()
    await stage.emit()
    await stage.dispatch()
    (delivery,) = await stage.take()
    event_id, job = delivery.event_id, delivery.execution_id
    assert event_id is not None

    def answers(event: UUID, letter: UUID, job: UUID) -> list[JSON]:
        found = [
            get(api, f"/v1/outbox/events/{event}", tenant=ABROAD, expect=404),
            get(api, f"/v1/outbox/events/{event}/explain", tenant=ABROAD, expect=404),
            post(api, f"/v1/outbox/events/{letter}/replay", tenant=ABROAD, expect=404),
            get(api, f"/v1/jobs/{job}", tenant=ABROAD, expect=404),
            post(api, f"/v1/jobs/{job}/retry", tenant=ABROAD, expect=404),
            post(api, f"/v1/jobs/{job}/cancel", tenant=ABROAD, expect=404),
        ]
        for answer in found:
            answer.pop("request_id")
            for each in (event, letter, job):
                answer["detail"] = answer["detail"].replace(str(each), "ID")
        return found

    assert answers(event_id, dead, job) == answers(uuid4(), uuid4(), uuid4())
    for path in ("/v1/outbox/events", "/v1/jobs", "/v1/jobs/dead-letters"):
        assert get(api, path, tenant=ABROAD)["items"] == []


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/outbox/events", {"status": "lost"}),
        ("/v1/outbox/events", {"limit": 10**12}),
        ("/v1/outbox/events", {"cursor": "made-up"}),
        ("/v1/outbox/events", {"older_than_s": "nan"}),
        ("/v1/outbox/events", {"sorted": "by name"}),
        ("/v1/outbox/events/not-a-uuid", {}),
        ("/v1/outbox/verify", {"since": "yesterday"}),
        ("/v1/outbox/verify", {"until": "0001-01-01T00:00:00Z"}),
        ("/v1/outbox/verify", {"since": "2026-01-01T00:00:00"}),
        ("/v1/outbox/events", {"since": "0001-01-01T00:00:00+14:00"}),
        ("/v1/outbox/events", {"until": "1700000000000"}),
        ("/v1/jobs", {"until": "9999-12-31T23:59:59-23:59"}),
        ("/v1/vendors/calls", {"since": "0001-01-01T00:00:00+14:00"}),
        ("/v1/jobs", {"state": "asleep"}),
        ("/v1/jobs", {"cursor": "made-up"}),
        ("/v1/jobs/dead-letters", {"kind": "letter"}),
    ],
)
def test_what_makes_no_sense_gets_400(api: Served, path: str, query: JSON) -> None:
    # S2.14
    assert get(api, path, expect=400, **query)["code"] in ("invalid_request", "invalid_cursor")


def test_a_replay_that_would_do_harm_gets_400(api: Served) -> None:
    for body in ({"filter": {"status": ["sent"]}}, {"filter": {"status": ["pending"]}}, {"rate": -1}, {"limit": 10**9}):
        assert post(api, "/v1/outbox/replay", body, expect=400)["code"] == "invalid_request"
