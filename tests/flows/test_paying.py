"""Nothing is paid twice: replays, retries and lost answers (design law 5)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from contracts.budgets import BudgetRule
from contracts.runs import RunStatus
from db import budgets, executions, replays, runs
from db.transaction import transaction
from tests.flows.installation import Desk
from tests.providers.sandbox_fixture import RunningSandbox

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("house")]
JOBURG = "workwear manufacturers Johannesburg"


@pytest.mark.parametrize(("type_", "job"), [("RunRequested", "discovery.run"), ("SliceReady", "discovery.fetch")])
async def test_a_replayed_event_makes_no_second_job_and_no_second_call(
    desk: Desk, sandbox: RunningSandbox, type_: str, job: str
) -> None:
    # S2.15 B.01
    run = await desk.run(channels=["google"], queries=[JOBURG])
    before = await desk.found(run.id)
    event: UUID = await desk.one(
        "SELECT event_id FROM app.outbox_history WHERE correlation_id = $1 AND type = $2", run.id, type_
    )
    async with transaction(desk.pool, desk.tenant) as tx:
        again = await replays.replay_event(tx, [desk.tenant], event, by="tests")
    await desk.wake()
    await desk.until("SELECT count(*) = 1 FROM app.outbox_history WHERE event_id = $1", again.event_id)

    made = await desk.rows("SELECT id, state FROM app.job_executions WHERE run_id = $1 AND job = $2", run.id, job)
    assert [m["state"] for m in made] == ["done"]
    absorbed = await desk.one("SELECT execution_id FROM app.absorbed_events WHERE event_id = $1", again.event_id)
    assert absorbed == made[0]["id"]
    assert sandbox.totals("tavily")["requests"] == 1
    assert await desk.found(run.id) == before
    assert (await desk.check(run.id)).ok
    assert (await desk.proof()).ok


async def test_a_free_page_that_failed_once_is_asked_again(desk: Desk, sandbox: RunningSandbox) -> None:
    # S2.14 S3.10
    sandbox.fault("500", vendor="gleif", times=1)
    run = await desk.run(channels=["register"], queries=[JOBURG])

    assert (run.status, run.counts.errors) == (RunStatus.COMPLETED, 0)
    attempts = await _attempts(desk, run.id)
    assert [(a["outcome"], a["error_class"]) for a in attempts] == [("failed", "vendor_down")]
    assert attempts[0]["traceback"]
    assert "500" in attempts[0]["error"]
    assert sandbox.totals("gleif")["repeated"] == 1
    calls = await desk.rows("SELECT state, units_spent FROM app.vendor_calls WHERE run_id = $1 ORDER BY id", run.id)
    assert [c["state"] for c in calls] == ["released", "answered", "answered"]
    assert (await desk.check(run.id)).ok


async def test_a_throttled_call_waits_as_told_and_spends_no_attempt(desk: Desk, sandbox: RunningSandbox) -> None:
    # S2.14: more refusals than the job has attempts.
    sandbox.fault("429", vendor="tavily", times=6, retry_after_s=0)
    run = await desk.run(channels=["google"], queries=[JOBURG])

    assert run.status is RunStatus.COMPLETED
    assert [a["outcome"] for a in await _attempts(desk, run.id)] == ["snoozed"] * 6
    assert (
        await desk.one("SELECT failures FROM app.job_executions WHERE run_id = $1 AND job = 'discovery.fetch'", run.id)
        == 0
    )
    assert sandbox.totals("tavily")["credits"] == 1
    assert (await desk.check(run.id)).ok


@pytest.mark.parametrize("fault", ["truncate", "reset", "html"])
async def test_an_answer_lost_after_it_was_billed_is_forfeited_and_never_bought_again(
    desk: Desk, sandbox: RunningSandbox, fault: str
) -> None:
    sandbox.fault(fault, vendor="tavily", times=1)
    run = await desk.run(channels=["google"], queries=[JOBURG])
    later = await desk.run(channels=["google"], queries=[JOBURG])

    assert (run.status, later.status) == (RunStatus.FAILED, RunStatus.FAILED)
    assert later.error_code == "forfeited"
    assert sandbox.totals("tavily") == {"requests": 1, "credits": 1, "repeated": 0}
    calls = await desk.rows("SELECT state, units_spent, error FROM app.vendor_calls WHERE tenant_id = {me}")
    assert [(c["state"], c["units_spent"]) for c in calls] == [("forfeited", 1)]
    assert calls[0]["error"]


async def test_a_job_that_gave_up_goes_on_when_an_operator_retries_it(desk: Desk, sandbox: RunningSandbox) -> None:
    # S2.20: the dead letter is answered and the run comes back to life.
    sandbox.fault("401", vendor="tavily", channel="google", times=1)
    run = await desk.run(channels=["google", "keyword"], queries=[JOBURG])
    assert run.status is RunStatus.PARTIAL

    dead: UUID = await desk.one("SELECT execution_id FROM app.dead_letters WHERE tenant_id = {me}")
    async with transaction(desk.pool, desk.tenant) as tx:
        await executions.retry_execution(tx, [desk.tenant], dead, by="tests")
    await desk.wake()
    await desk.until("SELECT state = 'done' FROM app.job_executions WHERE id = $1", dead)

    mended = await desk.ended(run.id)
    assert (mended.status, mended.counts.errors, mended.error) == (RunStatus.COMPLETED, 0, None)
    assert {s.state for s in mended.slices or ()} == {"done"}
    assert mended.stats is not None
    assert mended.stats["errors"] == []
    assert await desk.one("SELECT resolution FROM app.dead_letters WHERE tenant_id = {me}") == "replayed"
    assert sandbox.totals("tavily")["credits"] == 2
    assert (await desk.check(run.id)).ok


async def test_a_budget_stops_a_slice_before_it_costs_and_a_larger_one_lets_it_go_on(
    desk: Desk, sandbox: RunningSandbox
) -> None:
    # R11, B.06: enforced by the reservation; the run names the budget, and its detail says what it spent.
    budget = BudgetRule(scope="tenant", vendor="tavily", unit="credit", period="day", limit=1)
    async with transaction(desk.pool, desk.tenant) as tx:
        await budgets.put(tx, desk.tenant, budget, by="tests")
    run = await desk.run(channels=["google"], queries=[JOBURG, "workwear Durban"])

    assert run.status is RunStatus.PARTIAL
    (refused,) = [s for s in run.slices or () if s.state == "error"]
    assert refused.error_code == "budget_spent"
    assert "1 credits a day" in str(refused.error)
    assert sandbox.totals("tavily")["credits"] == 1

    async with transaction(desk.pool, desk.tenant) as tx:
        await budgets.put(tx, desk.tenant, budget.model_copy(update={"limit": 2}), by="tests")
        dead: UUID = await tx.fetchval("SELECT execution_id FROM app.dead_letters")
        await executions.retry_execution(tx, [desk.tenant], dead, by="tests")
    await desk.wake()
    await desk.until("SELECT state = 'done' FROM app.job_executions WHERE id = $1", dead)
    async with transaction(desk.pool, desk.tenant) as tx:
        mended = await runs.show(tx, desk.tenant, run.id, costs=True)
    assert mended is not None
    assert [(s.operation, s.spent, s.calls) for s in mended.spent or ()] == [("search.google", 2, 2)]
    assert await desk.rows("SELECT reserved, spent FROM app.budget_counters WHERE tenant_id = {me}") == [
        {"reserved": 0, "spent": 2}
    ]


async def test_two_runs_that_want_the_same_page_at_once_pay_for_it_once(desk: Desk, sandbox: RunningSandbox) -> None:
    sandbox.latency(400, "tavily")
    asked: dict[str, Any] = {"channels": ["google"], "queries": [JOBURG]}
    ids = [await desk.start(**asked) for _ in range(3)]
    ended = [await desk.ended(i) for i in ids]

    assert [r.status for r in ended] == [RunStatus.COMPLETED] * 3
    assert sandbox.totals("tavily")["requests"] == 1
    assert {r.counts.discovered for r in ended} == {17}
    assert sum(r.counts.companies_created for r in ended) == await desk.one(
        "SELECT count(*) FROM app.companies WHERE tenant_id = {me}"
    )
    assert all([(await desk.check(i)).ok for i in ids])


async def _attempts(desk: Desk, run_id: UUID) -> list[dict[str, Any]]:
    return await desk.rows(
        "SELECT a.* FROM app.job_attempts a JOIN app.job_executions e ON e.tenant_id = a.tenant_id AND e.id = a.execution_id"
        " WHERE e.run_id = $1 ORDER BY a.ended_at",
        run_id,
    )
