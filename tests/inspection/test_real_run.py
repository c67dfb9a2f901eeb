"""A real run, looked into and mended: real worker, real vendors' wire formats, one channel that refuses us."""

from __future__ import annotations

import pytest

from contracts.errors import Conflict
from contracts.executions import ExecutionFilter
from contracts.outbox import EventFilter
from contracts.runs import RunStatus
from db import executions, inspection
from db.transaction import transaction
from tests.flows.conftest import desk, house, idle
from tests.flows.installation import Desk
from tests.providers.sandbox_fixture import RunningSandbox, sandbox, sandbox_server

__all__ = ["desk", "house", "idle", "sandbox", "sandbox_server"]
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("house")]
JOBURG = "workwear manufacturers Johannesburg"


async def test_a_page_tells_what_it_asked_and_what_it_wrote(desk: Desk) -> None:
    # B.02
    run = await desk.run(channels=["google"], queries=[JOBURG], max_companies=100)
    async with transaction(desk.pool, desk.tenant) as tx:
        page = await inspection.list_events(tx, [desk.tenant], EventFilter(type="SliceReady", aggregate_id=run.id))
        story = await inspection.show_event(tx, [desk.tenant], page.items[-1].event_id)
        planned = await inspection.list_events(tx, [desk.tenant], EventFilter(type="RunRequested"))
        plan = await inspection.show_event(tx, [desk.tenant], planned.items[0].event_id)
    (fetch,) = story.executions
    assert (fetch.job, fetch.status, fetch.run_id) == ("discovery.fetch", "completed", run.id)
    assert [(call.vendor, call.state, call.items) for call in fetch.vendor_calls] == [("tavily", "answered", 1)]
    produced = {rows.kind: rows for rows in fetch.produced}
    assert produced["source_records"].count == run.counts.discovered > 0
    assert produced["leads"].count == run.counts.leads_created
    assert {"RunFinished", "LeadDiscovered"} & {row.type for row in story.related}
    assert [(rows.kind, rows.by_status) for rows in plan.executions[0].produced] == [("slices", {"done": 1})]


async def test_a_retried_job_takes_its_run_to_the_end(desk: Desk, sandbox: RunningSandbox) -> None:
    # S2.14
    sandbox.fault("401", vendor="tavily", times=None)
    run = await desk.run(channels=["google", "register"], queries=[JOBURG], max_companies=500)
    assert run.status is RunStatus.PARTIAL
    sandbox.reset()
    async with transaction(desk.pool, desk.tenant) as tx:
        (dead,) = (await executions.list_executions(tx, [desk.tenant], ExecutionFilter(status="failed"))).items
        (letter,) = (await executions.list_dead_letters(tx, [desk.tenant])).items
    assert (letter.execution_id, dead.job) == (dead.id, "discovery.fetch")
    async with transaction(desk.pool, desk.tenant) as tx:
        await executions.retry_execution(tx, [desk.tenant], dead.id, "olga")
    await desk.wake()
    mended = await desk.ended(run.id)
    assert (mended.status, mended.counts.errors) == (RunStatus.COMPLETED, 0)
    assert mended.counts.discovered > run.counts.discovered
    assert (await desk.check(run.id)).ok
    assert (await desk.proof()).ok
    async with transaction(desk.pool, desk.tenant) as tx:
        with pytest.raises(Conflict, match="is done"):
            await executions.retry_execution(tx, [desk.tenant], dead.id, "olga")
