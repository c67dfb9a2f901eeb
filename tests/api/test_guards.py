"""Who may call what: every operation of the OpenAPI document, asked as every role."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from contracts.tenants import Role
from tests.api.server_fixture import ABROAD, HOME, JOB_SECRET, JWT_SECRET, Served, serving, settings_of_tests

#: Open to anybody: ways in, and what machines watch.
OPEN = {
    "POST /v1/auth/login",
    "POST /v1/auth/refresh",
    "POST /v1/auth/logout",
    "POST /v1/staging/acra",  # opens to a secret of its own: test_staging.py
    "POST /v1/webhooks/trengo/{tenant}",  # signed by the vendor: test_webhooks.py
    "POST /v1/webhooks/whatsapp/{tenant}",
    "GET /v1/webhooks/whatsapp/{tenant}",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
}


#: What makes no sense is asked of the doors that start work, whoever calls: their own tests ask for more.
QUERY = {"/api/jobs/process": {"job": "no such job"}}


def operations(api: Served) -> Iterator[tuple[str, str, dict[str, Any]]]:
    document = api.client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def fill(path: str) -> str:
    """The path with an id in it that nobody has."""
    return "/".join(str(uuid4()) if part.startswith("{") else part for part in path.split("/"))


def snapshot(api: Served) -> dict[str, int]:
    tables = api.rows(
        "SELECT c.relname AS name FROM pg_class c WHERE relnamespace = 'app'::regnamespace AND relkind = 'r'"
    )
    # How often somebody knocked at a job door is counted, and changes nothing.
    return {row["name"]: api.count(row["name"]) for row in tables if row["name"] != "login_failures"}


def test_every_operation_under_v1_has_a_guard(shared_api: Served) -> None:
    # S2.16 R14
    unguarded = {f"{method} {path}" for method, path, operation in operations(shared_api) if "x-roles" not in operation}
    assert unguarded <= OPEN, f"give these a Depends(require(...)): {unguarded - OPEN}"


@pytest.mark.slow
def test_roles_that_may_not_are_refused_and_change_nothing(api: Served) -> None:
    # S2.16 R14
    before = snapshot(api)
    for method, path, operation in operations(api):
        if "x-roles" not in operation:
            continue
        query = QUERY.get(path)
        anonymous = api.client.request(method, fill(path), params=query)
        assert anonymous.status_code == 401, f"{method} {path} let nobody in"
        for role in Role:
            answer = api.client.request(method, fill(path), headers=api.as_(role), params=query)
            allowed = role.value in operation["x-roles"]
            may_not = answer.status_code == 403 and answer.json()["code"] != "runner_disabled"
            assert may_not != allowed, f"{method} {path} as {role}: {answer.status_code} {answer.text}"
            assert answer.status_code != 401
    assert snapshot(api) == before


def test_higher_roles_may_what_lower_ones_may(shared_api: Served) -> None:
    ladder = ["viewer", "analyst", "ops", "owner"]
    for method, path, operation in operations(shared_api):
        roles = [role for role in operation.get("x-roles", []) if role != "service"]
        assert roles in ([], *(ladder[n:] for n in range(4))), f"{method} {path} skips a rung"


def test_the_job_secret_opens_job_doors_only(shared_api: Served) -> None:
    # R4 R14 S0.06
    for headers in ({"x-job-secret": JOB_SECRET}, {"Authorization": f"Bearer {JOB_SECRET}"}):
        answer = shared_api.client.get("/v1/keys", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "role_missing")


@pytest.mark.parametrize(
    "headers",
    [
        {"x-job-secret": "wrong"},
        {"x-job-secret": JOB_SECRET + "x"},
        {"x-job-secret": ""},
        {"x-vercel-cron": "1"},
        {"x-vercel-cron": "1", "x-job-secret": JOB_SECRET[:-1]},
        {"Authorization": f"Bearer {JWT_SECRET}"},
    ],
)
def test_a_wrong_secret_opens_nothing(shared_api: Served, headers: dict[str, str]) -> None:
    # R4 S0.07: x-vercel-cron never authenticates, any client can set it
    assert shared_api.client.get("/v1/auth/me", headers=headers).status_code == 401


def test_without_a_secret_the_job_doors_are_closed(db_url: str) -> None:
    # R4
    with serving(db_url, settings_of_tests(cron_secret=None)) as (base_url, _):
        for secret in (JOB_SECRET, "", "None"):
            assert httpx.get(f"{base_url}/v1/auth/me", headers={"x-job-secret": secret}).status_code == 401


def test_a_wrong_job_secret_is_not_mended_by_a_good_token(shared_api: Served) -> None:
    headers = {**shared_api.as_(Role.OWNER), "x-job-secret": "wrong"}
    assert shared_api.client.get("/v1/auth/me", headers=headers).status_code == 401


def test_lists_hold_nothing_of_another_tenant(shared_api: Served) -> None:
    # R18
    home, abroad = str(shared_api.tenants[HOME].id), str(shared_api.tenants[ABROAD].id)
    for method, path, operation in operations(shared_api):
        if method != "GET" or "{" in path or "x-roles" not in operation or path in QUERY:
            continue
        answer = shared_api.client.get(path, headers=shared_api.as_(Role.OWNER, ABROAD))
        assert home not in answer.text, path
        assert abroad not in shared_api.client.get(path, headers=shared_api.as_(Role.OWNER, HOME)).text, path
