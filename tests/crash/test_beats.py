"""A worker dies in each beat of a job: another finishes the run as if nothing had happened, and nobody pays twice."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from contracts.runs import RunStatus
from tests.crash.breaking import Stage, asked, locked, planned, stuck
from tests.flows.installation import Desk, desk_at, until
from tests.providers.sandbox_fixture import RunningSandbox

pytestmark = pytest.mark.slow

QUERY = "workwear manufacturers Johannesburg"
VENDOR = {"register": "gleif", "google": "tavily"}


async def _undisturbed(desk: Desk, channel: str, sandbox: RunningSandbox, page_size: int = 20) -> dict[str, Any]:
    """What the same run leaves behind at a tenant where nobody dies."""
    async with desk_at(desk.url) as other:
        run = await other.run(channels=[channel], queries=[QUERY], page_size=page_size)
        assert run.status is RunStatus.COMPLETED
        found = await other.found(run.id)
    sandbox.reset()
    return found


async def _as_if_nothing_had_happened(desk: Desk, run_id: UUID, undisturbed: dict[str, Any], *, crashes: int) -> None:
    run = await desk.ended(run_id)
    assert (run.status, run.counts.errors) == (RunStatus.COMPLETED, 0)
    assert await desk.found(run_id) == undisturbed
    assert (await desk.check(run_id)).findings == []
    outcomes = await desk.rows("SELECT outcome FROM app.job_attempts WHERE tenant_id = {me}")
    # A worker that is only slow may be taken for dead as well: that is allowed, and must change nothing. So may a page wait for
    # the vendor's turn that the dead one held.
    assert {o["outcome"] for o in outcomes} <= {"crashed", "snoozed"}
    assert sum(o["outcome"] == "crashed" for o in outcomes) >= crashes
    await desk.until("SELECT NOT EXISTS (SELECT FROM queue.procrastinate_jobs WHERE tenant_id = {me})")
    assert (await desk.proof()).ok


async def test_killed_while_planning(desk: Desk, stage: Stage, sandbox: RunningSandbox) -> None:
    undisturbed = await _undisturbed(desk, "register", sandbox)
    async with locked(desk, "LOCK TABLE app.run_slices IN SHARE MODE"):
        run_id = await desk.start(channels=["register"], queries=[QUERY])
        await stuck(desk, "INSERT INTO app.run_slices")
        stage.worker.kill()
    assert (await desk.show(run_id)).status is RunStatus.PENDING
    stage.replace_worker()
    await _as_if_nothing_had_happened(desk, run_id, undisturbed, crashes=1)


async def test_killed_while_loading(desk: Desk, stage: Stage, sandbox: RunningSandbox) -> None:
    undisturbed = await _undisturbed(desk, "register", sandbox)
    run_id = await planned(desk, "register", QUERY)
    async with locked(desk, "LOCK TABLE app.run_slices IN ACCESS EXCLUSIVE MODE"):
        await desk.go_on()
        await stuck(desk, "FROM app.run_slices WHERE tenant_id")
        stage.worker.kill()
    assert sandbox.requests() == []
    stage.replace_worker()
    await _as_if_nothing_had_happened(desk, run_id, undisturbed, crashes=1)
    assert sandbox.totals("gleif")["repeated"] == 0


async def test_killed_while_asking_for_what_is_free(desk: Desk, stage: Stage, sandbox: RunningSandbox) -> None:
    undisturbed = await _undisturbed(desk, "register", sandbox)
    sandbox.fault("timeout", vendor="gleif", times=1)
    run_id = await planned(desk, "register", QUERY)
    await desk.go_on()
    await asked(sandbox, "gleif")
    stage.worker.kill()
    stage.replace_worker()
    await _as_if_nothing_had_happened(desk, run_id, undisturbed, crashes=1)
    assert sandbox.totals("gleif")["repeated"] == 1
    states = await desk.rows("SELECT state FROM app.vendor_calls WHERE tenant_id = {me} ORDER BY id")
    assert [s["state"] for s in states] == ["released", "answered", "answered"]


async def test_killed_on_a_later_page_the_run_goes_on_from_the_last_committed_one(
    desk: Desk, stage: Stage, sandbox: RunningSandbox
) -> None:
    # S2.06: the cursor stands on the slice, so pages that are in are not asked for again.
    undisturbed = await _undisturbed(desk, "register", sandbox, page_size=5)
    sandbox.latency(500, "gleif")
    run_id = await desk.start(channels=["register"], queries=[QUERY], page_size=5)
    await until(lambda: sandbox.totals("gleif")["requests"] == 3, 20, "the third page was never asked for")
    stage.worker.kill()
    assert await desk.one("SELECT page FROM app.run_slices WHERE run_id = $1", run_id) == 2
    sandbox.latency(0, "gleif")
    stage.replace_worker()
    await _as_if_nothing_had_happened(desk, run_id, undisturbed, crashes=1)
    assert sandbox.totals("gleif")["repeated"] == 1


async def test_killed_while_asking_for_what_costs_money(desk: Desk, stage: Stage, sandbox: RunningSandbox) -> None:
    # Law 5: the money may be gone, so the page is written off and named; it is not bought a second time.
    sandbox.fault("timeout", vendor="tavily", times=1)
    run_id = await planned(desk, "google", QUERY)
    await desk.go_on()
    await asked(sandbox, "tavily")
    stage.worker.kill()
    stage.replace_worker()
    run = await desk.ended(run_id)

    assert (run.status, run.error_code) == (RunStatus.FAILED, "forfeited")
    assert sandbox.totals("tavily")["requests"] == 1
    calls = await desk.rows("SELECT state, units_spent FROM app.vendor_calls WHERE tenant_id = {me}")
    assert calls == [{"state": "forfeited", "units_spent": 1.0}]
    assert (await desk.check(run_id)).ok


async def _held_after_asking(desk: Desk, sandbox: RunningSandbox, channel: str) -> UUID:
    """A page that is being asked for, for another 700 ms: time to take a lock that its next statement needs."""
    sandbox.latency(700, VENDOR[channel])
    run_id = await planned(desk, channel, QUERY)
    await desk.go_on()
    await asked(sandbox, VENDOR[channel])
    return run_id


async def test_killed_between_thinking_and_writing(desk: Desk, stage: Stage, sandbox: RunningSandbox) -> None:
    undisturbed = await _undisturbed(desk, "google", sandbox)
    run_id = await _held_after_asking(desk, sandbox, "google")
    mine = "SELECT FROM app.job_executions WHERE run_id = $1 AND job = 'discovery.fetch' FOR UPDATE"
    async with locked(desk, mine, run_id):
        await stuck(desk, "CALL app.complete(")
        stage.worker.kill()
    assert await desk.one("SELECT state FROM app.vendor_calls WHERE tenant_id = {me}") == "answered"
    stage.replace_worker()
    await _as_if_nothing_had_happened(desk, run_id, undisturbed, crashes=1)
    assert sandbox.totals("tavily")["requests"] == 1


async def test_killed_in_the_middle_of_writing(desk: Desk, stage: Stage, sandbox: RunningSandbox) -> None:
    undisturbed = await _undisturbed(desk, "google", sandbox)
    run_id = await planned(desk, "google", QUERY)
    async with locked(desk, "LOCK TABLE app.source_records IN SHARE MODE"):
        await desk.go_on()
        await stuck(desk, "INSERT INTO app.source_records")
        stage.worker.kill()
    await desk.until("SELECT count(*) = 0 FROM app.companies WHERE tenant_id = {me}")
    stage.replace_worker()
    await _as_if_nothing_had_happened(desk, run_id, undisturbed, crashes=1)
    assert sandbox.totals("tavily")["requests"] == 1


async def test_killed_after_the_commit_before_the_queue_heard(
    desk: Desk, stage: Stage, sandbox: RunningSandbox
) -> None:
    undisturbed = await _undisturbed(desk, "google", sandbox)
    run_id = await _held_after_asking(desk, sandbox, "google")
    delivery = (
        "SELECT FROM queue.procrastinate_jobs WHERE execution_id ="
        " (SELECT id FROM app.job_executions WHERE run_id = $1 AND job = 'discovery.fetch') FOR UPDATE"
    )
    async with locked(desk, delivery, run_id):
        await desk.ended(run_id)
        await stuck(desk, "DELETE FROM queue.procrastinate_jobs")
        stage.worker.kill()
        # The server ends a session whose client is gone only when it next speaks: do it for it.
        await desk.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND position('DELETE FROM queue.procrastinate_jobs' IN query) > 0 AND pid <> pg_backend_pid()"
        )
    assert (
        len(await desk.rows(delivery.removesuffix(" FOR UPDATE").replace("SELECT FROM", "SELECT id FROM"), run_id)) == 1
    )
    stage.replace_worker()
    await _as_if_nothing_had_happened(desk, run_id, undisturbed, crashes=0)
    assert sandbox.totals("tavily")["requests"] == 1
