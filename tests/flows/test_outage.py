"""A vendor that fails, refuses or throttles, as two workers meet it: what one of them hears, the other goes by without asking."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from contracts.jobs import JOBS
from contracts.runs import RunStatus
from tests.conftest import Databases
from tests.flows.installation import Desk, Installation, installed
from tests.providers.sandbox_fixture import RunningSandbox

QUERIES = [
    f"workwear manufacturers {city}" for city in ("London", "Leeds", "Glasgow", "Cardiff", "Bristol", "Manchester")
]
VENDOR, SEARCH = "companies_house", "companies_house.search"
ATTEMPTS = JOBS["discovery.fetch"].retry.max_attempts


@pytest.fixture
def idle(
    databases: Databases, template: str, sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """An installation for one test: which worker has heard what is what is tested."""
    url = databases.create(template)
    with installed(url, sandbox, tmp_path_factory.mktemp("installation")) as house:
        yield house
    databases.drop(url)


async def start(desk: Desk, *queries: str) -> list[UUID]:
    return [await desk.start(channels=[VENDOR], queries=[query]) for query in queries]


async def again(desk: Desk) -> None:
    """What was put off is due."""
    await desk.one("UPDATE app.outbox_events SET available_at = app.now() WHERE tenant_id = {me}")
    await desk.wake()


async def attempts(desk: Desk, run_id: UUID) -> list[tuple[Any, ...]]:
    """(outcome, why) of each attempt at a run's pages, in their order."""
    found = await desk.rows(
        "SELECT a.outcome, a.error_class FROM app.job_attempts a JOIN app.job_executions e ON e.tenant_id = a.tenant_id"
        " AND e.id = a.execution_id WHERE e.run_id = $1 AND e.job = 'discovery.fetch' ORDER BY a.started_at", run_id,
    )  # fmt: skip
    return [tuple(row.values()) for row in found]


async def breaker(desk: Desk) -> str:
    """No row: it has never learnt anything."""
    return await desk.one("SELECT state FROM app.breakers WHERE operation = $1", SEARCH) or "closed"


@pytest.mark.slow
async def test_an_outage_puts_jobs_off_and_none_of_their_attempts_is_spent(
    idle: Installation, desk: Desk, sandbox: RunningSandbox
) -> None:
    # S3.13 S3.10 S2.14
    sandbox.fault("503", vendor=VENDOR, times=None)
    first = idle.worker()
    started = await start(desk, *QUERIES)
    await desk.until("SELECT state = 'open' FROM app.breakers WHERE operation = $1", SEARCH)
    assert first.stop() == 0
    await desk.one("UPDATE app.breakers SET opened_until = app.now() + interval '1 hour' WHERE operation = $1", SEARCH)
    failed = {run_id: [a for a in await attempts(desk, run_id) if a[0] == "failed"] for run_id in started}
    assert sum(len(each) for each in failed.values()) >= 5
    asked = sandbox.totals(VENDOR)["requests"]

    # Another worker, which has never heard of it, and more turns than a job has attempts.
    idle.worker()
    for turn in range(1, ATTEMPTS + 2):
        await again(desk)
        await desk.until(
            "SELECT count(*) = $2 FROM (SELECT FROM app.job_attempts WHERE tenant_id = {me} AND error_class = 'breaker_open'"
            " GROUP BY execution_id HAVING count(*) >= $1) e",
            turn, len(QUERIES),
        )  # fmt: skip
    assert sandbox.totals(VENDOR)["requests"] == asked
    for run_id in started:
        seen = await attempts(desk, run_id)
        assert [a for a in seen if a[0] == "failed"] == failed[run_id]
        assert {a for a in seen if a[0] != "failed"} == {("snoozed", "breaker_open")}

    sandbox.reset()
    await desk.one("UPDATE app.breakers SET opened_until = app.now() WHERE operation = $1", SEARCH)
    await again(desk)
    ended = [await desk.ended(run_id) for run_id in started]
    assert {run.status for run in ended} == {RunStatus.COMPLETED}
    assert sum(run.counts.discovered for run in ended) > 0
    assert await breaker(desk) == "closed"
    assert await desk.one("SELECT count(*) FROM app.dead_letters WHERE tenant_id = {me}") == 0
    assert (await desk.proof()).ok


@pytest.mark.slow
async def test_a_refused_key_ends_jobs_at_once_and_is_not_tried_by_each(
    idle: Installation, desk: Desk, sandbox: RunningSandbox
) -> None:
    # S3.13: to wait would not mend it (ADR 0009), so nothing is put off; the run says what would
    sandbox.fault("401", vendor=VENDOR, times=None)
    idle.worker()
    refused = [await desk.ended(run_id) for run_id in await start(desk, *QUERIES[:3])]
    assert {(run.status, run.error_code) for run in refused} == {(RunStatus.FAILED, "vendor_auth")}
    assert await breaker(desk) == "open"
    asked = sandbox.totals(VENDOR)["requests"]
    assert asked == 3
    (last,) = await start(desk, QUERIES[3])
    run = await desk.ended(last)
    assert (run.status, run.error_code) == (RunStatus.FAILED, "vendor_auth")
    assert f"vendors reset {SEARCH}" in (run.error or "")
    assert [a[0] for a in await attempts(desk, last)] == ["dead"]
    assert sandbox.totals(VENDOR)["requests"] == asked


@pytest.mark.slow
async def test_a_wait_that_the_vendor_asks_of_one_worker_is_kept_by_the_other(
    idle: Installation, desk: Desk, sandbox: RunningSandbox
) -> None:
    # S2.02: Retry-After of a 429
    sandbox.fault("429", vendor=VENDOR, retry_after_s=50)
    first = idle.worker()
    (heard,) = await start(desk, QUERIES[0])
    await desk.until(
        "SELECT EXISTS (SELECT FROM app.job_attempts WHERE tenant_id = {me} AND error_class = 'vendor_busy')"
    )
    assert first.stop() == 0
    idle.worker()
    (other,) = await start(desk, QUERIES[1])
    await desk.until("SELECT EXISTS (SELECT FROM app.job_attempts WHERE tenant_id = {me} AND error_class = 'paced')")
    assert await attempts(desk, other) == [("snoozed", "paced")]
    assert await attempts(desk, heard) == [("snoozed", "vendor_busy")]
    left = await desk.one(
        "SELECT min(extract(epoch FROM available_at - app.now()))::float8 FROM app.outbox_events WHERE tenant_id = {me}"
    )
    assert 30 < left <= 50
    assert sandbox.totals(VENDOR)["requests"] == 1
    assert await breaker(desk) == "closed", "it is busy, and does not fail"
