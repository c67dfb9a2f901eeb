"""The cron door of discovery: who gets in, in which order they are told no, and what is answered (S0.04-S0.07)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
import structlog

from contracts.outcomes import Outcome
from contracts.runs import RunStatus
from contracts.tenants import Role
from db import queue, runs
from db.pool import open_pool
from db.transaction import DbRole, transaction
from tests.api.server_fixture import HOME, JOB_SECRET, Served, in_a_thread, served, settings_of_tests
from tests.conftest import Databases

DOOR = "/api/jobs/discovery/run"
SECRET = {"x-job-secret": JOB_SECRET}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def door(databases: Databases, template: str) -> Iterator[Served]:
    """An API whose runner is enabled, without a worker; it waits for nothing."""
    url = databases.create(template)
    with served(url, settings_of_tests(discovery_runner_enabled=True, job_door_wait_s=0, job_door_calls=1000)) as api:
        yield api
    databases.drop(url)


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The answer as a problem of a job door (R22)."""
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said: dict[str, Any] = answer.json()
    assert said["success"] is False
    assert said["error"] == said["detail"]
    return said


def test_missing_comes_before_wrong_before_disabled_before_the_body(api: Served) -> None:
    # S0.14 S0.03 S0.06 S0.18 R4 R21 R22 R25
    for body in (b"{}", b'{"dryRun": ', b'{"no_such": 1}'):
        problem(api.client.post(DOOR, content=body, headers=JSON), 401, "missing_secret")
        problem(api.client.post(DOOR, content=body, headers={**JSON, "x-job-secret": "wrong"}), 401, "invalid_secret")
        problem(api.client.post(DOOR, content=body, headers={**JSON, **SECRET}), 403, "runner_disabled")
    assert api.count("runs") == 0
    assert api.count("outbox_events") == 0


def test_the_vercel_header_opens_nothing(door: Served) -> None:
    # S0.07 R4
    before = door.count("runs")
    problem(door.client.post(DOOR, headers={"x-vercel-cron": "1"}), 401, "missing_secret")
    problem(door.client.post(DOOR, headers={"x-vercel-cron": "1", "x-job-secret": "wrong"}), 401, "invalid_secret")
    assert door.client.get(DOOR, headers=SECRET).status_code == 405  # GET is for /api/jobs/process only
    assert door.count("runs") == before


@pytest.mark.parametrize(
    ("headers", "trigger"),
    [
        (SECRET, "cron"),
        ({"Authorization": f"Bearer {JOB_SECRET}"}, "cron"),
        (Role.OPS, "manual"),
        (Role.OWNER, "manual"),
    ],
)
def test_either_secret_and_people_of_role_ops_start_a_run(
    door: Served, headers: dict[str, str] | Role, trigger: str
) -> None:
    # S0.01 S0.04 S0.05 R4 R14 R21 R24
    answer = door.client.post(DOOR, json={}, headers=door.as_(headers) if isinstance(headers, Role) else headers)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert set(said) == {"success", "runId", "status", "dryRun", "stats"}
    assert (said["success"], said["status"], said["dryRun"]) == (True, "running", False)
    assert UUID(said["runId"]).version == 7
    assert {"channelResults", "totalDiscovered", "companiesCreated", "errors", "config"} <= said["stats"].keys()
    (run,) = door.rows("SELECT * FROM runs WHERE id = $1", UUID(said["runId"]))
    assert (run["status"], run["mode"], run["dry_run"], run["triggered_by"]) == ("pending", "daily", False, trigger)
    assert json.loads(run["params"])["max_companies"] == 50
    assert door.rows("SELECT type FROM outbox_events WHERE aggregate_id = $1", run["id"]) == [{"type": "RunRequested"}]
    (noted,) = door.rows("SELECT actor FROM audit_log WHERE subject_id = $1", said["runId"])
    assert noted["actor"] == run["requested_by"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ANALYST])
def test_other_roles_do_not(door: Served, role: Role) -> None:
    # R14
    problem(door.client.post(DOOR, json={}, headers=door.as_(role)), 403, "role_missing")


@pytest.mark.parametrize(
    "body",
    [{"dryRun": True, "mode": "test", "maxCompanies": 3}, {"dry_run": True, "mode": "test", "max_companies": 3}],
)
def test_the_body_is_read_in_either_spelling(door: Served, body: dict[str, Any]) -> None:
    # S0.04 R24
    said = door.client.post(DOOR, json=body, headers=SECRET).json()
    (run,) = door.rows("SELECT * FROM runs WHERE id = $1", UUID(said["runId"]))
    assert (said["dryRun"], run["dry_run"], run["mode"]) == (True, True, "test")
    assert json.loads(run["params"])["max_companies"] == 3


def test_no_body_is_a_daily_run(door: Served) -> None:
    # S0.04
    said = door.client.post(DOOR, headers={**SECRET, **JSON}).json()
    assert door.rows("SELECT mode, dry_run FROM runs WHERE id = $1", UUID(said["runId"])) == [
        {"mode": "daily", "dry_run": False}
    ]


@pytest.mark.parametrize(
    "body",
    [b'{"dryRun": ', b"[1, 2]", b'"daily"', b"1e999", b"\xff", b'{"mode": "weekly"}', b'{"dryRun": "yes"}', b'{"dryRun": 1}',
     b'{"maxCompanies": 0}', b'{"maxCompanies": 100001}', b'{"maxCompanies": 1.5}', b'{"no_such": 1}', b"[" * 100_000],
)  # fmt: skip
def test_a_malformed_body_is_400(door: Served, body: bytes) -> None:
    # R21 S0.04
    before = door.count("runs")
    problem(door.client.post(DOOR, content=body, headers={**SECRET, **JSON}), 400, "invalid_request")
    assert door.count("runs") == before


def test_a_body_that_is_not_said_to_be_json_is_400(door: Served) -> None:
    # S0.04
    headers = {**SECRET, "Content-Type": "text/plain"}
    problem(door.client.post(DOOR, content=b'{"dryRun": true}', headers=headers), 400, "invalid_request")


def test_the_same_idempotency_key_is_the_same_run(door: Served) -> None:
    # S0.18
    headers = {**SECRET, "Idempotency-Key": "cron-2026-01-05"}
    first, again = (door.client.post(DOOR, json={"dryRun": True}, headers=headers).json() for _ in range(2))
    assert first["runId"] == again["runId"]
    problem(door.client.post(DOOR, json={"dryRun": False}, headers=headers), 409, "idempotency_key_reused")


@contextmanager
def waiting(api: Served) -> Iterator[tuple[UUID, Any]]:
    """(the run, its answer to come) of a call whose run nobody works on."""
    known = {row["id"] for row in api.rows("SELECT id FROM runs")}
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(lambda: api.client.post(DOOR, json={}, headers=SECRET))
        new: list[UUID] = []
        while not new:
            assert not call.done(), call.result().text
            new = [row["id"] for row in api.rows("SELECT id FROM runs") if row["id"] not in known]
        yield new[0], call


def staff(api: Served) -> None:
    """Somebody who could end runs, and never does."""

    async def work() -> None:
        pool = await open_pool(api.database_url, name="tests", size=1)
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            await queue.register(tx, "tests", 1, ["jobs"])
        await pool.close()

    in_a_thread(work)


def end(api: Served, run_id: UUID, ended: Outcome) -> None:
    async def work() -> None:
        pool = await open_pool(api.database_url, name="tests", size=1)
        tenant = api.tenants[HOME].id
        async with transaction(pool, tenant) as tx:
            await runs.begin(tx, tenant, run_id, 60)
            await runs.end(tx, tenant, run_id, ended)
        await pool.close()

    in_a_thread(work)


def test_what_the_run_comes_to_is_waited_for_and_told(db_url: str) -> None:
    # S0.05 S0.06 R5 R21 R22
    settings = settings_of_tests(discovery_runner_enabled=True, job_door_wait_s=30, worker_dead_after_s=60)
    with served(db_url, settings) as api:
        staff(api)
        for status in (RunStatus.COMPLETED, RunStatus.PARTIAL):
            with waiting(api) as (run_id, call):
                ended = Outcome(
                    status, "timeout" if status is RunStatus.PARTIAL else None, "time ran out", "time_budget"
                )
                end(api, run_id, ended)
            answer = call.result()
            assert (answer.status_code, answer.json()["status"]) == (200, status.value)
            assert answer.json()["runId"] == str(run_id)
            assert [e["type"] for e in answer.json()["stats"]["errors"]] == (
                ["timeout"] if status is RunStatus.PARTIAL else []
            )
        with waiting(api) as (run_id, call):
            end(api, run_id, Outcome(RunStatus.FAILED, "timeout", "the time budget ran out", "time_budget"))
        said = problem(call.result(), 500, "run_failed")
        assert (said["runId"], said["error"]) == (str(run_id), "the time budget ran out")
        assert said["stats"]["errors"] == [{"type": "timeout", "message": "the time budget ran out"}]
        with waiting(api) as (run_id, call):
            assert api.client.post(f"/v1/discovery/runs/{run_id}/cancel", headers=api.as_(Role.OPS)).status_code == 200
        assert problem(call.result(), 500, "run_cancelled")["runId"] == str(run_id)


def test_without_anybody_who_could_end_the_run_nobody_waits(db_url: str) -> None:
    # R21
    with served(db_url, settings_of_tests(discovery_runner_enabled=True, job_door_wait_s=600)) as api:
        answer = api.client.post(DOOR, json={}, headers=SECRET)
        assert (answer.status_code, answer.json()["status"]) == (200, "running")


def test_calls_are_limited_by_caller_and_by_address(db_url: str) -> None:
    # S4.10
    settings = settings_of_tests(job_door_calls=3, api_trusted_proxies="127.0.0.1")
    with served(db_url, settings) as api:

        def knock(address: str, headers: dict[str, str]) -> httpx.Response:
            return api.client.post(DOOR, headers={**headers, "X-Forwarded-For": address})

        assert [knock("203.0.113.1", SECRET).status_code for _ in range(3)] == [403] * 3  # disabled, but counted
        full = knock("203.0.113.2", SECRET)
        problem(full, 429, "throttled")
        assert 1 <= int(full.headers["retry-after"]) <= 60
        assert knock("203.0.113.1", api.as_(Role.OPS)).status_code == 429, "the address is full"
        assert knock("203.0.113.3", api.as_(Role.OPS)).status_code == 403


def test_bad_secrets_are_counted_apart(db_url: str) -> None:
    # S4.10
    settings = settings_of_tests(login_attempts=3, job_door_calls=4, api_trusted_proxies="127.0.0.1")
    with served(db_url, settings) as api:

        def knock(address: str, headers: dict[str, str]) -> int:
            return api.client.post(DOOR, headers={**headers, "X-Forwarded-For": address}).status_code

        bad = ({"x-job-secret": "a guess"}, {"Authorization": "Bearer a guess"}, {"Authorization": "Basic YTpi"})
        assert [knock("203.0.113.1", headers) for headers in bad] == [401] * 3
        assert knock("203.0.113.1", SECRET) == 429, "no further guess is looked at, a right one neither"
        assert knock("203.0.113.1", {}) == 401, "who shows nothing is told what is missing"
        assert [knock("203.0.113.2", SECRET) for _ in range(5)] == [403] * 4 + [429], "guesses used up none of these"
        guess = {"email": "owner@example.com", "password": "correct horse battery staple"}
        answer = api.client.post("/v1/auth/login", json=guess, headers={"X-Forwarded-For": "203.0.113.1"})
        assert answer.status_code == 200, "nor any login"


def test_every_knock_is_logged_without_the_secret(door: Served) -> None:
    # S4.10
    with structlog.testing.capture_logs() as logs:
        door.client.post(DOOR, json={"dryRun": True}, headers=SECRET)
        door.client.post(DOOR)
        door.client.post(DOOR, headers={"x-job-secret": "hunter2"})
    told = [entry for entry in logs if entry["event"].startswith("job_door")]
    assert [(entry["event"], entry.get("code"), entry.get("principal")) for entry in told] == [
        ("job_door_opened", None, "job secret"),
        ("job_door_refused", "missing_secret", None),
        ("job_door_refused", "invalid_secret", None),
    ]
    assert {(entry["door"], entry["network"]) for entry in told} == {("discovery", "127.0.0.1")}
    assert "hunter2" not in str(logs)
    assert JOB_SECRET not in str(logs)
