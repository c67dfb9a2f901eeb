"""Errors as problem documents: ours, the framework's, bugs, and a database that is away."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
import structlog
from fastapi import FastAPI, Request

from api.errors import STATUSES
from contracts import errors
from contracts.tenants import Role
from tests.api.server_fixture import Served, in_a_thread
from tests.front.programs import until


def add_route(app: FastAPI, path: str, error: BaseException, run_id: str | None = None) -> None:
    async def fail(request: Request) -> None:
        request.state.run_id = run_id
        raise error

    app.add_api_route(path, fail, methods=["GET"], include_in_schema=False)


def test_every_error_of_the_tree_has_a_status() -> None:
    # S2.14
    tree: list[type[errors.HeadwaterError]] = [errors.Rejected, errors.TryLater, errors.Hopeless]
    for kind in tree:
        tree.extend(kind.__subclasses__())
        assert any(parent in STATUSES for parent in kind.__mro__), f"{kind.__name__} would be a 500"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.Conflict("the lead is there already", lead_id=uuid4()), 409, "conflict"),
        (errors.NotFound("no such run"), 404, "not_found"),
        (errors.Throttled("slow down", after_s=2.2), 429, "throttled"),
        (errors.VendorDown("no answer", after_s=7), 503, "vendor_down"),
        (errors.VendorRefused("the key is wrong"), 502, "vendor_refused"),
        (RuntimeError("the password is hunter2"), 500, "internal"),
        (ExceptionGroup("two", [RuntimeError("a")]), 500, "internal"),
    ],
)
def test_errors_become_problems(shared_api: Served, error: Exception, status: int, code: str) -> None:
    # S2.14 S2.03
    add_route(shared_api.app, f"/fails/{code}/{type(error).__name__}", error)
    answer = shared_api.client.get(f"/fails/{code}/{type(error).__name__}")
    problem = answer.json()
    assert answer.status_code == problem["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["code"] == code
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert {"type", "title", "detail"} <= problem.keys()
    assert "hunter2" not in answer.text
    if isinstance(error, errors.Throttled):
        assert answer.headers["retry-after"] == "3"
    if status == 409:
        assert problem["lead_id"] == str(error.members["lead_id"])  # type: ignore[attr-defined]


def test_a_bug_is_logged_once_with_its_traceback_and_the_request_id(shared_api: Served) -> None:
    # S2.17
    add_route(shared_api.app, "/fails/loudly", ZeroDivisionError("the cause"))
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as logs:
        answer = shared_api.client.get("/fails/loudly")
        # The line is written once the answer is on its way.
        until(lambda: any(entry["event"] == "request_served" for entry in logs), "the request is logged as served")
    failures = [entry for entry in logs if entry["log_level"] == "error"]
    assert [entry["event"] for entry in failures] == ["request_failed"]
    assert isinstance(failures[0]["exc_info"], ZeroDivisionError)
    assert failures[0]["requestId"] == answer.json()["request_id"]
    served_line = next(entry for entry in logs if entry["event"] == "request_served")
    assert (served_line["status"], served_line["route"]) == (500, "/fails/loudly")


@pytest.mark.parametrize("path", ["/api/jobs/fails", "/admin/fails"])
def test_job_doors_add_their_members(shared_api: Served, path: str) -> None:
    # R22 S0.05
    run_id = str(uuid4())
    add_route(shared_api.app, path, errors.Conflict("the runner is busy"), run_id)
    problem = shared_api.client.get(path).json()
    assert (problem["success"], problem["error"], problem["runId"]) == (False, "the runner is busy", run_id)
    assert shared_api.client.get("/api/jobs/nothing-here").json()["success"] is False


def test_unknown_paths_and_methods(shared_api: Served) -> None:
    # S2.03
    unknown = shared_api.client.get("/v1/nothing/%C3%A4%22<b>")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    wrong = shared_api.client.put("/v1/keys")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert "allow" in wrong.headers


def test_the_request_id_given_is_kept_if_it_is_harmless(shared_api: Served) -> None:
    # S2.17
    assert shared_api.client.get("/healthz", headers={"x-request-id": "abc-1"}).headers["x-request-id"] == "abc-1"
    for bad in ("a" * 65, "a b", "x\tforged"):
        assert shared_api.client.get("/healthz", headers={"x-request-id": bad}).headers["x-request-id"] != bad


def test_a_database_that_is_away_is_503_and_comes_back(api: Served) -> None:
    parts = urlsplit(api.database_url)
    name = parts.path[1:]
    elsewhere = urlunsplit(parts._replace(path="/postgres"))

    def switch(on: bool) -> None:
        async def work() -> None:
            connection = await asyncpg.connect(elsewhere)
            await connection.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {on}")
            if not on:
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
                )
            await connection.close()

        in_a_thread(work)

    switch(on=False)
    try:
        for path in ("/v1/auth/me", "/metrics", "/v1/keys"):
            answer = api.client.get(path, headers=api.as_(Role.OWNER))
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), path
            assert "retry-after" in answer.headers
        assert api.client.get("/readyz").status_code == 503
        assert api.client.get("/healthz").status_code == 200
    finally:
        switch(on=True)
    assert api.client.get("/v1/auth/me", headers=api.as_(Role.OWNER)).status_code == 200
