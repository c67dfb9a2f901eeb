"""What machines watch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from db import queue
from db.pool import open_pool
from db.transaction import DbRole, transaction
from tests.api.server_fixture import Served, in_a_thread, serving, settings_of_tests


def checks(client: httpx.Client) -> tuple[int, dict[str, str]]:
    answer = client.get("/readyz")
    body = answer.json()
    assert body["ready"] == (answer.status_code == 200)
    return answer.status_code, {name: check["status"] for name, check in body["checks"].items()}


def with_worker(url: str, *, dispatches: bool) -> None:
    async def work() -> None:
        pool = await open_pool(url, name="tests", size=1)
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            worker = await queue.register(tx, "host", 1, ["dispatch"])
            if dispatches:
                await queue.dispatched(tx, worker)
        await pool.close()

    in_a_thread(work)


def test_ready_without_a_worker_says_so(api: Served) -> None:
    # S2.17
    assert checks(api.client) == (
        200,
        {"database": "ok", "migrations": "ok", "dispatcher": "none", "listener": "ok"},
    )
    with_worker(api.database_url, dispatches=True)
    assert checks(api.client)[1]["dispatcher"] == "ok"


def test_a_worker_may_be_required(db_url: str) -> None:
    with (
        serving(db_url, settings_of_tests(readyz_requires_worker=True)) as (base_url, _),
        httpx.Client(base_url=base_url) as client,
    ):
        assert checks(client)[0] == 503
        with_worker(db_url, dispatches=False)
        assert checks(client)[0] == 503
        with_worker(db_url, dispatches=True)
        assert checks(client)[0] == 200


def test_an_unmigrated_database_is_not_ready(empty_db_url: str) -> None:
    with serving(empty_db_url) as (base_url, _), httpx.Client(base_url=base_url) as client:
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert "headwater db migrate" in answer.json()["checks"]["migrations"]["detail"]
        assert client.get("/healthz").status_code == 200


def test_metrics_count_requests_by_template_and_show_the_outbox(api: Served) -> None:
    before = api.count("outbox_events")
    for path in ("/v1/keys/a", "/v1/keys/b", "/nothing"):
        api.client.delete(path)
    api.client.request("BREW", "/healthz")
    text = api.client.get("/metrics").text
    assert 'headwater_http_requests_total{method="DELETE",route="/v1/keys/{key_id}",status="401"} 2.0' in text
    assert 'method="DELETE",route="unmatched",status="404"' in text
    assert "BREW" not in text
    assert f'headwater_outbox_events{{state="pending"}} {float(before)}' in text
    for name in (
        "headwater_workers_alive",
        "headwater_outbox_oldest_due_seconds",
        "headwater_runs",
        "headwater_dead_letters",
    ):
        assert f"\n{name}" in text
    for tenant in api.tenants.values():
        assert str(tenant.id) not in text
        assert tenant.slug not in text


def test_metrics_follow_the_database(api: Served, emit_probes: Callable[[str, Any, int], None]) -> None:
    # C.06
    emit_probes(api.database_url, api.tenants["well-crafted"].id, 7)
    text = api.client.get("/metrics").text
    assert 'headwater_outbox_events{state="pending"} 7.0' in text
