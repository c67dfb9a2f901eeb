"""Limits over HTTP: set by the house's operators and nobody else; and 429 for who asks for more than gets done."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from contracts.settings import Settings
from contracts.tenants import SYSTEM_TENANT, Role
from db import access
from db.pool import open_pool
from db.transaction import Pool, transaction
from tests.api.server_fixture import ABROAD, HOME, JOB_SECRET, Served, in_a_thread, served, settings_of_tests
from tests.ui.visitors import Visitor
from worker.dispatcher import Dispatcher
from worker.scheduler import tick

RUN = {"channels": ["register"], "queries": ["bakers"], "limit": 1}
PAUSE = {"reason": "the site is moved"}


def on_a_pool(api: Served, work: Callable[[Pool], Any]) -> Any:
    async def opened() -> Any:
        pool = await open_pool(api.database_url, name="tests", size=2)
        try:
            return await work(pool)
        finally:
            await pool.close()

    return in_a_thread(opened)


def key_of_house(api: Served, role: Role) -> dict[str, str]:
    async def make(pool: Pool) -> str:
        async with transaction(pool, SYSTEM_TENANT) as tx:
            return (await access.create_key(tx, SYSTEM_TENANT, f"house {role}", role, by="tests"))[1]

    return {"Authorization": f"Bearer {on_a_pool(api, make)}"}


def told(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    said: dict[str, Any] = answer.json()
    return said


def test_the_houses_operators_set_pause_and_lift_limits(api: Served) -> None:
    ops = key_of_house(api, Role.OPS)
    client = api.client
    (set_,) = told(client.put("/v1/limits/queue/probe", json={"max_running": 3, "per_s": 2.5}, headers=ops))["items"]
    assert (set_["max_running"], set_["per_s"], set_["burst"], set_["held"], set_["running"]) == (3, 2.5, 3, None, 0)
    (paused,) = told(client.post("/v1/limits/queue/probe/pause", json=PAUSE, headers=ops))["items"]
    assert (paused["paused"], paused["held"], paused["by"], paused["reason"]) == (
        True,
        "paused",
        "key:house ops",
        PAUSE["reason"],
    )
    assert paused["max_running"] == 3
    told(client.put(f"/v1/limits/tenant/{HOME}", json={"max_running": 1}, headers=ops))
    told(client.post(f"/v1/limits/tenant/{ABROAD}/pause", json=PAUSE, headers=ops))
    listed = told(client.get("/v1/limits", headers=ops))["items"]
    assert [(each["scope"], each["name"], each["paused"]) for each in listed] == [
        ("queue", "probe", True),
        *sorted([("tenant", HOME, False), ("tenant", ABROAD, True)]),
    ]
    assert told(client.get("/v1/outbox/pause", headers=api.as_(Role.VIEWER, ABROAD)))["reason"] == PAUSE["reason"]
    for _ in range(2):  # again is no error
        told(client.post("/v1/limits/queue/probe/resume", headers=ops))
        told(client.post(f"/v1/limits/tenant/{ABROAD}/resume", headers=ops))
        assert told(client.put("/v1/limits/queue/probe", json={}, headers=ops))["items"] == []
        told(client.put(f"/v1/limits/tenant/{HOME}", json={}, headers=ops))
    assert told(client.get("/v1/limits", headers=ops))["items"] == []
    logged = api.rows("SELECT action, subject_id FROM audit_log WHERE action ~ '^(limits|outbox)' ORDER BY id")
    assert [tuple(row.values()) for row in logged if row["subject_id"] == "probe"] == [
        ("limits.set", "probe"), ("limits.pause", "probe"), ("limits.resume", "probe"), ("limits.set", "probe"),
    ]  # fmt: skip
    assert len(logged) == 8


def test_tenants_see_their_own_limit_and_set_none(api: Served) -> None:
    # R18
    ops = key_of_house(api, Role.OPS)
    for path, body in (("queue/probe", {"max_running": 3}), (f"tenant/{HOME}", {"per_s": 1})):
        told(api.client.put(f"/v1/limits/{path}", json=body, headers=ops))
    before = api.rows("SELECT * FROM limits ORDER BY scope")
    (own,) = told(api.client.get("/v1/limits", headers=api.as_(Role.VIEWER)))["items"]
    assert (own["scope"], own["name"], own["per_s"]) == ("tenant", HOME, 1)
    assert told(api.client.get("/v1/limits", headers=api.as_(Role.OWNER, ABROAD)))["items"] == []
    for path in (f"tenant/{HOME}", f"tenant/{ABROAD}", "queue/probe", "queue/nothing", "vendor/apollo"):
        for answer in (
            api.client.put(f"/v1/limits/{path}", json={"max_running": 100}, headers=api.as_(Role.OWNER)),
            api.client.post(f"/v1/limits/{path}/pause", json=PAUSE, headers=api.as_(Role.OWNER)),
            api.client.post(f"/v1/limits/{path}/resume", headers=api.as_(Role.OWNER)),
        ):
            assert told(answer, 404)["code"] == "house_only"
        assert api.client.put(f"/v1/limits/{path}", json={}, headers=api.as_(Role.ANALYST)).status_code == 403
    house = key_of_house(api, Role.VIEWER)
    assert len(told(api.client.get("/v1/limits", headers=house))["items"]) == 2
    assert told(api.client.put("/v1/limits/queue/probe", json={}, headers=house), 403)["code"] == "role_missing"
    assert api.rows("SELECT * FROM limits ORDER BY scope") == before


@pytest.mark.parametrize(
    "body",
    [
        {"max_running": 0}, {"max_running": 100_001}, {"max_running": "3"}, {"max_running": True}, {"per_s": 0}, {"per_s": -1},
        {"per_s": 1e9}, {"burst": 2}, {"per_s": 1, "burst": 0}, {"per_s": 1, "burst": 1.5}, {"more": 1}, [], "3",
    ],
)  # fmt: skip
def test_what_makes_no_limit_is_refused(api: Served, body: Any) -> None:
    ops = key_of_house(api, Role.OPS)
    assert told(api.client.put("/v1/limits/queue/probe", json=body, headers=ops), 400)["code"] == "invalid_request"
    assert api.count("limits") == 0


def test_what_is_not_there_cannot_be_limited(api: Served) -> None:
    ops = key_of_house(api, Role.OPS)
    for path, status, code in (
        ("queue/nothing", 404, "unknown_queue"), ("queue/alone", 404, "unknown_queue"), ("tenant/nobody", 404, "not_found"),
        ("vendor/nobody", 404, "unknown_vendor"), ("thing/probe", 400, "invalid_request"), ("queue/PROBE", 400, "invalid_request"),
        (f"queue/{'x' * 101}", 400, "invalid_request"),
    ):  # fmt: skip
        assert (
            told(api.client.put(f"/v1/limits/{path}", json={"max_running": 1}, headers=ops), status)["code"] == code
        ), path
    refused = api.client.post("/v1/limits/vendor/nobody/pause", json=PAUSE, headers=ops)
    assert told(refused, 404)["code"] == "unknown_vendor"
    assert api.client.post("/v1/limits/queue/probe/pause", json={"reason": ""}, headers=ops).status_code == 400
    assert api.count("limits") == 0


def ask(api: Served, tenant: str = HOME) -> httpx.Response:
    return api.client.post("/v1/discovery/runs", json=RUN, headers=api.as_(Role.ANALYST, tenant))


def until(api: Served, status: int) -> httpx.Response:
    """Ask until the answer is that; it is known a second later at most."""
    by = time.monotonic() + 5
    while (answer := ask(api)).status_code != status:
        assert time.monotonic() < by, answer.text
    return answer


def test_who_asks_for_more_than_gets_done_is_asked_to_wait(db_url: str) -> None:
    with served(db_url, settings_of_tests(outbox_max_waiting=20)) as api:
        full = until(api, 429)
        said = told(full, 429)
        assert full.headers["content-type"] == "application/problem+json"
        assert 1 <= int(full.headers["retry-after"]) <= 60
        assert (said["code"], said["type"], said["limit"]) == ("backlog_full", "urn:headwater:problem:backlog_full", 20)
        assert "Retry-After" in said["detail"]
        started = api.count("runs")
        assert started >= 20
        # Others go on, and so does what starts no work.
        assert ask(api, ABROAD).status_code == 202
        (run, *_) = told(api.client.get("/v1/discovery/runs", headers=api.as_(Role.VIEWER)))["items"]
        assert (
            api.client.post(f"/v1/discovery/runs/{run['id']}/cancel", headers=api.as_(Role.ANALYST)).status_code == 200
        )
        for path, body in (
            ("/v1/leads/scores", {"limit": 1}), ("/v1/leads/enrichments", {"limit": 1}), ("/v1/matches/scan", {}),
            ("/v1/analytics/rollups", {}), ("/v1/models", {}),
        ):  # fmt: skip
            assert told(api.client.post(path, json=body, headers=api.as_(Role.OWNER)), 429)["code"] == "backlog_full", (
                path
            )

        async def drain(pool: Pool) -> None:
            while (await Dispatcher(pool, Settings.model_construct(dispatch_tenant_buffer=0)).dispatch_batch())[1]:
                pass

        on_a_pool(api, drain)
        assert until(api, 202).json()["status"] == "pending"


FILE = b"name,website,country\nKaroo Workwear,https://karoo.example,South Africa\n"


def test_what_can_be_asked_for_again_waits_whichever_door_it_comes_by(db_url: str) -> None:
    with served(db_url, settings_of_tests(outbox_max_waiting=1)) as api, Visitor.at(api) as visitor:
        until(api, 429)
        headers = {**api.as_(Role.OPS), "Content-Type": "text/csv"}

        def bring(kind: str, **more: str) -> httpx.Response:
            return api.client.post("/v1/imports", params={"kind": kind, **more}, content=FILE, headers=headers)

        told(bring("companies"))
        told(bring("leads", dry_run="true"))
        leads, runs = api.count("leads"), api.count("runs")
        assert told(bring("leads"), 429)["code"] == "backlog_full"
        visitor.log_in(Role.ANALYST)
        form = {"channels": "register", "queries": "bakers", "once": "11111111-1111-4111-8111-111111111111"}
        asked = visitor.send("/ui/runs", form)
        assert (asked.status_code, "Retry-After" in asked.text) == (429, True), asked.text
        assert (api.count("leads"), api.count("runs")) == (leads, runs)


def test_what_nobody_would_ask_for_again_passes(db_url: str) -> None:
    # C.03: an occurrence of a schedule, a night, a cron door's call, a lead that somebody has found
    settings = settings_of_tests(outbox_max_waiting=1, discovery_runner_enabled=True, job_door_wait_s=0)
    with served(db_url, settings) as api:
        ops = api.as_(Role.OPS)
        each_minute = {"name": "each", "kind": "discovery", "cron": "* * * * *"}
        told(api.client.post("/v1/schedules", json=each_minute, headers=ops), 201)
        until(api, 429)
        night = {"tenant_id": str(api.tenants[HOME].id)}
        assert told(api.client.post("/admin/runs/nightly", params=night, headers=ops), 202)["new"]
        secret = {"x-job-secret": JOB_SECRET, "Content-Type": "application/json"}
        assert api.client.post("/api/jobs/discovery/run", headers=secret).status_code in (200, 202)
        typed = {"company_name": "Veld Tools", "domain": "veld.example"}
        told(api.client.post("/v1/leads", json=typed, headers=api.as_(Role.ANALYST)), 201)
        now = "(SELECT date_trunc('minute', app.now()) AS at)"
        api.rows(f"UPDATE schedules SET next_due_at = s.at, fire_at = s.at FROM {now} s RETURNING id")
        assert sum(fired.started for fired in on_a_pool(api, lambda pool: tick(pool, settings))) >= 1
        assert until(api, 429), "it is as full as before"


def test_a_tenant_may_be_granted_another_depth(db_url: str) -> None:
    with served(db_url, settings_of_tests(outbox_max_waiting=1)) as api:
        owner = key_of_house(api, Role.OWNER)
        granted = api.client.put(f"/v1/tenants/{HOME}/quotas", json={"max_waiting_events": 1_000_000}, headers=owner)
        assert told(granted)["quotas"]["max_waiting_events"] == 1_000_000
        for _ in range(3):
            assert ask(api).status_code == 202
        told(api.client.put(f"/v1/tenants/{HOME}/quotas", json={"max_waiting_events": 2}, headers=owner))
        assert told(until(api, 429), 429)["limit"] == 2
