"""A worker that was only stopped wakes up to find its job done by another: it changes nothing (design law 4)."""

from __future__ import annotations

import asyncio
import signal
from uuid import UUID

import httpx
import pytest

from contracts.runs import RunStatus
from contracts.tenants import Role
from db import access
from db.transaction import transaction
from tests.api.server_fixture import JWT_SECRET
from tests.crash.breaking import Stage, asked, locked, planned, stuck
from tests.flows.installation import Desk, Process, until
from tests.providers.sandbox_fixture import RunningSandbox

pytestmark = pytest.mark.slow

QUERY = "workwear manufacturers Johannesburg"


async def _learnt(zombie: Process, run_id: UUID) -> None:
    """Wait until it has met the fence, or found its transaction gone and tried to put the job off."""

    def met() -> bool:
        lines = [*zombie.log("job_fenced"), *zombie.log("job_put_off")]
        return any(line.get("runId") == str(run_id) for line in lines)

    await until(met, 20, "the zombie never learnt that its job is another's")


async def test_a_worker_stopped_while_asking_cannot_write_afterwards(
    desk: Desk, stage: Stage, sandbox: RunningSandbox
) -> None:
    sandbox.latency(300, "gleif")
    run_id = await planned(desk, "register", QUERY)
    await desk.go_on()
    await asked(sandbox, "gleif")
    zombie = stage.worker
    zombie.signal(signal.SIGSTOP)
    stage.replace_worker()
    run = await desk.ended(run_id)
    assert run.status is RunStatus.COMPLETED
    before = await desk.found(run_id)

    zombie.signal(signal.SIGCONT)
    await _learnt(zombie, run_id)
    zombie.kill()
    assert await desk.found(run_id) == before
    assert (await desk.check(run_id)).ok
    assert (await desk.proof()).ok


async def test_an_answer_that_comes_late_is_kept_though_the_job_is_lost(
    desk: Desk, stage: Stage, sandbox: RunningSandbox
) -> None:
    # Law 5: what was paid for is stored, whoever asked; the next run reads it for nothing.
    sandbox.latency(300, "tavily")
    run_id = await planned(desk, "google", QUERY)
    await desk.go_on()
    await asked(sandbox, "tavily")
    zombie = stage.worker
    zombie.signal(signal.SIGSTOP)
    stage.replace_worker()
    run = await desk.ended(run_id)
    assert (run.status, run.error_code) == (RunStatus.FAILED, "forfeited")

    zombie.signal(signal.SIGCONT)
    await _learnt(zombie, run_id)
    zombie.kill()
    assert await desk.one("SELECT count(*) FROM app.source_records WHERE run_id = $1", run_id) == 0
    calls = await desk.rows("SELECT state, units_spent FROM app.vendor_calls WHERE tenant_id = {me}")
    assert calls == [{"state": "answered", "units_spent": 1.0}]
    later = await desk.run(channels=["google"], queries=[QUERY])
    assert (later.status, later.counts.discovered) == (RunStatus.COMPLETED, 17)
    assert sandbox.totals("tavily")["requests"] == 1
    assert (await desk.check(run_id)).ok
    assert (await desk.check(later.id)).ok


async def test_a_worker_falsely_taken_for_dead_during_a_paid_call_keeps_its_answer(
    desk: Desk, stage: Stage, sandbox: RunningSandbox
) -> None:
    # Law 5: whoever takes the job over waits for the first one's answer while that one shows signs of life.
    sandbox.latency(4000, "tavily")
    run_id = await planned(desk, "google", QUERY)
    await desk.go_on()
    await asked(sandbox, "tavily")
    slow = stage.worker
    slow.signal(signal.SIGSTOP)
    await desk.until("SELECT count(*) = 1 FROM app.job_attempts WHERE tenant_id = {me} AND outcome = 'crashed'")
    slow.signal(signal.SIGCONT)
    stage.replace_worker()
    run = await desk.ended(run_id)
    assert (run.status, run.counts.discovered) == (RunStatus.COMPLETED, 17)
    assert sandbox.totals("tavily")["requests"] == 1
    calls = await desk.rows("SELECT state, units_spent FROM app.vendor_calls WHERE tenant_id = {me}")
    assert calls == [{"state": "answered", "units_spent": 1.0}]
    await desk.until(
        "SELECT fenced_at IS NOT NULL FROM app.job_attempts WHERE tenant_id = {me} AND outcome = 'crashed'"
    )
    slow.kill()
    assert (await desk.check(run_id)).ok
    assert (await desk.proof()).ok


@pytest.mark.parametrize("fresh", [True, False], ids=["parsed", "idle"])
async def test_a_worker_stopped_inside_its_write_holds_nobody_up(
    desk: Desk, stage: Stage, sandbox: RunningSandbox, fresh: bool
) -> None:
    # The server takes its locks after 3 s idle in a transaction; in the middle of a statement, parsed and not yet
    # executed (a worker that sends it for the first time), the sweep does. Then the rescue can take the job.
    if fresh:
        stage.replace_worker().kill()
    run_id = await planned(desk, "google", QUERY)
    zombie = stage.worker
    async with locked(desk, "LOCK TABLE app.source_records IN SHARE MODE"):
        await desk.go_on()
        await stuck(desk, "INSERT INTO app.source_records")
        zombie.signal(signal.SIGSTOP)
    stage.replace_worker()
    run = await desk.ended(run_id)
    assert (run.status, run.counts.discovered) == (RunStatus.COMPLETED, 17)
    before = await desk.found(run_id)

    zombie.signal(signal.SIGCONT)
    await _learnt(zombie, run_id)
    zombie.kill()
    assert await desk.found(run_id) == before
    assert sandbox.totals("tavily")["requests"] == 1
    assert (await desk.check(run_id)).ok
    assert (await desk.proof()).ok


async def test_a_dispatcher_killed_in_the_middle_of_a_handoff_loses_and_doubles_nothing(
    desk: Desk, stage: Stage, sandbox: RunningSandbox
) -> None:
    # C.04, law 1: the event has left the outbox when its job exists, or neither.
    async with locked(desk, "LOCK TABLE app.job_executions IN SHARE MODE"):
        run_id = await desk.start(channels=["register"], queries=["uniform suppliers Botswana"])
        await stuck(desk, "INSERT INTO app.job_executions")
        stage.kill_control()
    await desk.until("SELECT count(*) = 1 FROM app.outbox_events WHERE tenant_id = {me}")
    assert await desk.one("SELECT count(*) FROM app.job_executions WHERE tenant_id = {me}") == 0
    assert await desk.one("SELECT count(*) FROM app.outbox_history WHERE tenant_id = {me}") == 0

    stage.replace_control()
    run = await desk.ended(run_id)
    assert (run.status, run.counts.discovered) == (RunStatus.COMPLETED, 5)
    assert (await desk.check(run_id)).ok
    assert (await desk.proof()).ok


async def test_an_api_process_that_stands_still_before_its_commit_holds_up_no_retry(desk: Desk, stage: Stage) -> None:
    # S2.04: the client gives up on it and asks another process under the same key, which has to wait for its lock.
    secret = {"JWT_SECRET": JWT_SECRET}
    stopped = stage.house.start(
        "api", "--port", "0", HEADWATER_FAULTS="stop:before:api.routes.runs.create/commit", **secret
    )
    other = stage.house.start("api", "--port", "0", **secret)
    async with transaction(desk.pool, desk.tenant) as tx:
        _, key = await access.create_key(tx, desk.tenant, "client", Role.ANALYST, by="tests")
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "one"}
    body = {"channels": ["register"], "queries": [QUERY]}

    async def post(api: Process, timeout_s: float) -> httpx.Response:
        async with httpx.AsyncClient(headers=headers, timeout=timeout_s) as client:
            return await client.post(f"{api.ready.split()[1]}/v1/discovery/runs", json=body)

    first = asyncio.create_task(post(stopped, 60))
    await until(lambda: bool(stopped.log("fault")), 30, "the first request never came to its commit")
    answer = await post(other, 25)
    assert answer.status_code == 202, answer.text

    stopped.signal(signal.SIGCONT)
    assert (await first).status_code == 503
    assert await desk.one("SELECT count(*) FROM app.runs WHERE tenant_id = {me}") == 1
    stopped.kill()
    other.kill()
    assert (await desk.ended(UUID(answer.json()["id"]))).status is RunStatus.COMPLETED
    assert (await desk.proof()).ok
