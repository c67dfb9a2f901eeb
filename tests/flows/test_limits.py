"""What bounds a run: caps, budgets, cursors, and whoever cancels it."""

from __future__ import annotations

from uuid import UUID

import pytest

from contracts.errors import Conflict
from contracts.runs import DEFAULT_QUERIES, RunStatus
from db import runs
from db.transaction import transaction
from tests.flows.installation import Desk
from tests.providers.sandbox_fixture import RunningSandbox

pytestmark = pytest.mark.usefixtures("house")
JOBURG = "workwear manufacturers Johannesburg"
SUPPLIERS = "corporate clothing suppliers South Africa"
ALL = ["register", "google", "keyword"]


async def test_the_cap_on_companies_is_exact_however_many_slices_write_at_once(desk: Desk) -> None:
    # S0.11 R23
    run = await desk.run(channels=ALL, queries=[JOBURG, SUPPLIERS, *DEFAULT_QUERIES[2:]], max_companies=31)

    assert (run.status, run.counts.companies_created) == (RunStatus.COMPLETED, 31)
    assert run.stop_reason == "max_companies"
    assert await desk.one("SELECT count(*) FROM app.companies WHERE tenant_id = {me}") == 31
    assert await desk.one("SELECT count(*) FROM app.leads WHERE tenant_id = {me}") == 31
    assert (await desk.check(run.id)).ok


async def test_no_more_queries_than_allowed_are_asked(desk: Desk, sandbox: RunningSandbox) -> None:
    # S0.10 S0.11: the default queries when nobody says, the first of them when fewer are allowed.
    run = await desk.run(channels=["google"], max_queries=2)

    assert [s.query for s in run.slices or ()] == list(DEFAULT_QUERIES[:2])
    assert sandbox.totals("tavily")["requests"] == 2


async def test_time_that_runs_out_before_anything_was_kept_fails_the_run(desk: Desk, sandbox: RunningSandbox) -> None:
    # S0.11 S0.14 R5
    sandbox.fault("503", vendor="gleif", times=None, retry_after_s=1.2)
    run = await desk.run(channels=["register"], queries=[JOBURG], max_runtime_seconds=1)

    assert (run.status, run.error_code, run.stop_reason) == (RunStatus.FAILED, "timeout", "time_budget")
    assert run.stats is not None
    assert "timeout" in [e["type"] for e in run.stats["errors"]]
    assert run.counts.discovered == 0


async def test_time_that_runs_out_half_way_keeps_what_was_found(desk: Desk, sandbox: RunningSandbox) -> None:
    # S0.11 R5
    sandbox.latency(650, "gleif")
    run = await desk.run(channels=["register"], queries=[SUPPLIERS], max_runtime_seconds=1, page_size=5)

    assert (run.status, run.stop_reason) == (RunStatus.PARTIAL, "time_budget")
    assert run.stats is not None
    assert "timeout" in [e["type"] for e in run.stats["errors"]]
    assert 0 < run.counts.discovered < 43
    assert await desk.one("SELECT count(*) FROM app.source_records WHERE tenant_id = {me}") == run.counts.discovered
    assert (await desk.check(run.id)).ok


async def test_a_pending_run_that_is_cancelled_never_starts(desk: Desk, sandbox: RunningSandbox) -> None:
    await desk.pause()
    run_id = await desk.start(channels=ALL, queries=[JOBURG])
    async with transaction(desk.pool, desk.tenant) as tx:
        await runs.cancel(tx, desk.tenant, run_id, by="tests")
    await desk.go_on()

    await desk.until("SELECT count(*) = 0 FROM app.outbox_events WHERE tenant_id = {me}")
    await _settled(desk, run_id)
    run = await desk.show(run_id)
    assert (run.status, run.started_at, run.stop_reason) == (RunStatus.CANCELLED, None, "cancelled")
    assert run.finished_at is not None
    assert sandbox.requests() == []
    assert await desk.one("SELECT count(*) FROM app.run_slices WHERE tenant_id = {me}") == 0
    assert (await desk.proof()).ok


async def test_a_running_run_that_is_cancelled_rolls_its_writers_back(desk: Desk, sandbox: RunningSandbox) -> None:
    sandbox.latency(1500)
    run_id = await desk.start(channels=ALL, queries=[JOBURG])
    await desk.until("SELECT count(*) = 3 FROM app.vendor_calls WHERE run_id = $1", run_id)
    async with transaction(desk.pool, desk.tenant) as tx:
        await runs.cancel(tx, desk.tenant, run_id, by="tests")
    async with transaction(desk.pool, desk.tenant) as tx:  # asking again changes nothing
        assert await runs.cancel(tx, desk.tenant, run_id, by="tests") is RunStatus.CANCELLED

    await _settled(desk, run_id)
    run = await desk.show(run_id)
    assert (run.status, run.open_slices, run.counts.discovered) == (RunStatus.CANCELLED, 0, 0)
    assert {s.state for s in run.slices or ()} == {"cancelled"}
    assert await desk.one("SELECT count(*) FROM app.source_records WHERE tenant_id = {me}") == 0
    assert await desk.one("SELECT count(*) FROM app.leads WHERE tenant_id = {me}") == 0
    assert (await desk.check(run_id)).ok
    # A cancel by its user is no failure: nobody has to look at it.
    assert await desk.one("SELECT count(*) FROM app.dead_letters WHERE tenant_id = {me}") == 0
    states = await desk.rows(
        "SELECT state FROM app.job_executions WHERE run_id = $1 AND job = 'discovery.fetch'", run_id
    )
    assert {s["state"] for s in states} == {"cancelled"}


async def test_an_ended_run_cannot_be_cancelled(desk: Desk) -> None:
    run = await desk.run(channels=["register"], queries=["uniform suppliers Botswana"])
    with pytest.raises(Conflict, match="already completed"):
        async with transaction(desk.pool, desk.tenant) as tx:
            await runs.cancel(tx, desk.tenant, run.id, by="tests")


async def test_provider_limit_and_cursor_say_where_from_and_how_much(desk: Desk, sandbox: RunningSandbox) -> None:
    # S2.03 S2.06 R23
    whole = await desk.run(provider="gleif", queries=[SUPPLIERS], page_size=10)
    assert whole.counts.discovered > 25
    part = await desk.run(provider="company_search", queries=[SUPPLIERS], limit=15, cursor="20", page_size=10)

    assert [s.channel for s in part.slices or ()] == ["register"]
    assert (part.status, part.counts.discovered, part.stop_reason) == (RunStatus.COMPLETED, 15, "limit")
    ids = "SELECT external_id FROM app.source_records WHERE run_id = $1 ORDER BY page, external_id"
    assert {r["external_id"] for r in await desk.rows(ids, part.id)} <= {
        r["external_id"] for r in await desk.rows(ids.replace("ORDER", "AND page >= 2 ORDER"), whole.id)
    }
    assert sandbox.totals("gleif")["repeated"] == 0  # the same pages, read from the ledger


async def _settled(desk: Desk, run_id: UUID) -> None:
    """Wait until no job of a run is under way."""
    await desk.until(
        "SELECT NOT EXISTS (SELECT FROM app.job_executions WHERE run_id = $1 AND state IN ('queued', 'running', 'waiting'))",
        run_id,
    )
