"""The cron door of the business jobs, over HTTP, with a worker at work beside it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
import structlog

from contracts.tenants import Role
from db.transaction import Pool
from tests.accounts.shop import Shop, work
from tests.api.server_fixture import ABROAD, HOME, JOB_SECRET, Served, served, settings_of_tests

DOOR = "/api/jobs/process"
BEARER = {"Authorization": f"Bearer {JOB_SECRET}"}


async def call(api: Served, pool: Pool, query: str = "", method: str = "POST", **headers: str) -> httpx.Response:
    """Call the door while a worker does what it finds."""
    await work(pool)
    async with httpx.AsyncClient(base_url=api.base_url, timeout=60) as client:
        asked = asyncio.create_task(client.request(method, f"{DOOR}{query}", headers=headers or BEARER))
        while not (await asyncio.wait({asked}, timeout=0.1))[0]:
            await work(pool)
        return asked.result()


def names(answer: httpx.Response) -> list[tuple[str, str]]:
    return [(job["job"], job["status"]) for job in answer.json()["jobs"]]


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_the_daily_three_run_and_each_says_what_came_of_it(api: Served, home: Shop, method: str) -> None:
    # S4.03 S4.12 R21 R4
    answer = await call(api, home.pool, method=method)
    assert answer.status_code == 200, answer.text
    assert names(answer) == [
        ("update-account-types", "completed"), ("sample-metrics", "completed"), ("calculate-burn-rates", "completed"),
    ]  # fmt: skip
    body = answer.json()
    assert (body["success"], body["dryRun"], body["tenant"]) == (True, False, HOME)
    for job in body["jobs"]:
        run = api.client.get(f"/v1/discovery/runs/{job['runId']}", headers=api.as_(Role.VIEWER)).json()
        assert (run["kind"], run["triggered_by"], run["status"]) == ("job", "cron", "completed")
        assert (job["stats"]["processed"], job["stats"]["errorCount"], job["stats"]["errors"]) == (0, 0, [])
        assert "leadsCreated" not in job["stats"]


@pytest.mark.parametrize("name", ["triggers", "process-triggers", "accounts.triggers"])
async def test_one_job_by_any_of_its_names(api: Served, home: Shop, name: str) -> None:
    # S4.03 S4.12
    answer = await call(api, home.pool, f"?job={name}")
    assert (answer.status_code, names(answer)) == (200, [("process-triggers", "completed")])


async def test_one_failing_job_stops_no_other(api: Served, home: Shop) -> None:
    # S4.12 R21 R22
    bad = await home.customer("bad")
    tea = await home.sku("tea", 5)
    for _ in range(2):
        await home.order(bad, 5, value=1.7e308, lines=[(tea, 10)])
    answer = await call(api, home.pool)
    body = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert names(answer) == [
        ("update-account-types", "failed"), ("sample-metrics", "completed"), ("calculate-burn-rates", "completed"),
    ]  # fmt: skip
    assert (body["success"], body["code"], body["runId"]) == (False, "job_failed", body["jobs"][0]["runId"])
    assert "overflow" in body["error"] == body["detail"]
    assert body["jobs"][2]["stats"]["processed"] == 1


async def test_a_dry_run_changes_nothing_and_says_so(api: Served, home: Shop) -> None:
    # S4.02 R3
    await home.order(await home.customer("c"), 5)
    before = await home.rows()
    answer = await call(api, home.pool, "?job=update-account-types&dryRun=true")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["dryRun"], answer.json()["jobs"][0]["stats"]["changes"]) == (True, {"PROSPECT -> NEW": 1})
    assert await home.rows() == before


async def test_without_a_worker_it_answers_in_time_that_the_jobs_go_on(api: Served, home: Shop) -> None:
    # R21
    await home.conn.execute("DELETE FROM app.workers")
    for query in ("?waitSeconds=0", ""):
        answer = api.client.post(DOOR + query, headers=BEARER)
        assert (answer.status_code, {status for _, status in names(answer)}) == (200, {"pending"})
    assert api.rows("SELECT count(*)::int AS n FROM runs WHERE kind = 'job'") == [{"n": 6}]


async def test_the_secret_may_name_a_tenant_and_people_only_their_own(api: Served, home: Shop) -> None:
    # S4.02 R14 R18
    abroad = api.tenants[ABROAD]
    for query in (f"tenantSlug={abroad.slug}", f"tenantId={abroad.id}"):
        answer = await call(api, home.pool, f"?job=triggers&{query}")
        assert (answer.status_code, answer.json()["tenant"]) == (200, ABROAD)
    started = api.count("runs")
    refused: list[Any] = []
    for query in (f"tenantSlug={abroad.slug}", f"tenantId={abroad.id}", "tenantSlug=nobody-at-all"):
        answer = api.client.post(f"{DOOR}?{query}", headers=api.as_(Role.OPS))
        refused.append((answer.status_code, answer.json()["code"], answer.json()["detail"]))
    assert refused == [refused[0]] * 3
    assert refused[0][:2] == (404, "tenant_not_found")
    assert api.count("runs") == started
    answer = await call(api, home.pool, f"?job=triggers&tenantSlug={HOME}", **api.as_(Role.OPS))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "query",
    [f"dryRun=true&tenantSlug={ABROAD}&waitSeconds=0", f"dry_run=true&tenant_slug={ABROAD}&wait_seconds=0"],
)
def test_the_parameters_are_read_in_either_spelling(api: Served, query: str) -> None:
    # R24
    answer = api.client.post(f"{DOOR}?job=triggers&{query}", headers=BEARER)
    body = answer.json()
    assert (answer.status_code, body["dryRun"], body["tenant"], names(answer)) == (
        200, True, ABROAD, [("process-triggers", "pending")],
    )  # fmt: skip
    by_id = f"tenant_id={api.tenants[ABROAD].id}&waitSeconds=0"
    assert api.client.post(f"{DOOR}?job=triggers&{by_id}", headers=BEARER).json()["tenant"] == ABROAD


def test_the_document_names_the_documents_spelling(api: Served) -> None:
    # R24
    paths = api.client.get("/openapi.json").json()["paths"]
    for operation in paths[DOOR].values():
        named = {each["name"] for each in operation["parameters"]}
        assert named == {"job", "tenantId", "tenantSlug", "dryRun", "waitSeconds"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("dryRun=true&dry_run=false", "invalid_request"),
        ("job=make-coffee", "unknown_job"),
        ("tenantSlug=Not%20A%20Slug", "invalid_request"),
        ("tenantId=7", "invalid_request"),
        ("dryRun=perhaps", "invalid_request"),
        ("waitSeconds=3600", "invalid_request"),
        ("jobs=triggers", "invalid_request"),
        ("tenantSlug=a&tenantId=01936f3e-7c1a-7b52-9d3e-0a6f5c2b1e01", "invalid_request"),
    ],
)
def test_parameters_are_validated(api: Served, query: str, code: str) -> None:
    # S4.03 R22
    before = api.count("runs")
    answer = api.client.post(f"{DOOR}?{query}", headers=BEARER)
    body = answer.json()
    assert (answer.status_code, body["code"], body["success"]) == (400, code, False)
    assert body["error"] == body["detail"]
    assert api.count("runs") == before


def test_nobody_gets_in_without_a_secret_and_the_secret_comes_before_the_parameters(api: Served) -> None:
    # R4 S0.07 S0.06
    for headers in ({}, {"x-vercel-cron": "1"}, {"x-job-secret": "wrong"}, {"Authorization": "Bearer wrong"}):
        answer = api.client.get(f"{DOOR}?job=make-coffee", headers=headers)
        assert (answer.status_code, answer.json()["success"]) == (401, False)
    assert api.client.get(DOOR, headers=api.as_(Role.VIEWER)).status_code == 403
    assert (
        api.client.post(f"{DOOR}?waitSeconds=0&job=triggers", headers={"x-job-secret": JOB_SECRET}).status_code == 200
    )


def test_calls_are_limited_by_caller_and_by_address(db_url: str) -> None:
    # S4.10
    with served(db_url, settings_of_tests(job_door_calls=3, api_trusted_proxies="127.0.0.1")) as api:

        def knock(address: str, headers: dict[str, str], method: str = "POST") -> httpx.Response:
            headers = {**headers, "X-Forwarded-For": address}
            return api.client.request(method, f"{DOOR}?job=triggers&dryRun=true&waitSeconds=0", headers=headers)

        assert [knock("203.0.113.1", BEARER, how).status_code for how in ("POST", "GET", "POST")] == [200] * 3
        full = knock("203.0.113.2", BEARER)
        assert (full.status_code, full.json()["code"], full.json()["success"]) == (429, "throttled", False)
        assert 1 <= int(full.headers["retry-after"]) <= 60
        assert knock("203.0.113.1", api.as_(Role.OPS)).status_code == 429, "the address is full"
        assert knock("203.0.113.3", api.as_(Role.OPS)).status_code == 200
        assert api.count("runs") == 4, "who was turned away started nothing"


def test_bad_secrets_are_counted_apart(db_url: str) -> None:
    # S4.10
    settings = settings_of_tests(login_attempts=3, job_door_calls=4, api_trusted_proxies="127.0.0.1")
    with served(db_url, settings) as api:

        def knock(address: str, headers: dict[str, str]) -> int:
            headers = {**headers, "X-Forwarded-For": address}
            return api.client.get(f"{DOOR}?job=make-coffee", headers=headers).status_code

        assert [knock("203.0.113.1", {"x-job-secret": f"guess {n}"}) for n in range(3)] == [401] * 3
        assert knock("203.0.113.1", BEARER) == 429, "no further guess is looked at, a right one neither"
        assert [knock("203.0.113.2", BEARER) for _ in range(5)] == [400] * 4 + [429], "guesses used up none of these"


def test_every_knock_is_logged_without_the_secret(api: Served) -> None:
    # S4.10
    with structlog.testing.capture_logs() as logs:
        api.client.get(f"{DOOR}?job=triggers&waitSeconds=0", headers=BEARER)
        api.client.post(DOOR, headers={"x-job-secret": "hunter2"})
        api.client.post(DOOR)
    told = [entry for entry in logs if entry["event"].startswith("job_door")]
    assert [(entry["event"], entry["method"], entry.get("code"), entry.get("principal")) for entry in told] == [
        ("job_door_opened", "GET", None, "job secret"),
        ("job_door_refused", "POST", "invalid_secret", None),
        ("job_door_refused", "POST", "missing_secret", None),
    ]
    assert {(entry["door"], entry["network"]) for entry in told} == {("process", "127.0.0.1")}
    assert "hunter2" not in str(logs)
    assert JOB_SECRET not in str(logs)
