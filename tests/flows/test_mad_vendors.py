"""Vendors that answer every way but the right one: each run ends, says why, and nothing is stuck, lost or paid twice."""

from __future__ import annotations

import asyncio

import pytest

from contracts.runs import RunStatus
from db import pace
from db.transaction import DbRole, transaction
from tests.flows.installation import Desk
from tests.providers.sandbox_fixture import RunningSandbox
from worker.providers.sandbox.faults import KINDS

pytestmark = pytest.mark.usefixtures("house")
QUERIES = ["workwear manufacturers Johannesburg", "corporate clothing suppliers South Africa"]
CHANNELS = ["register", "google", "keyword"]
#: A vendor that says nothing is left at its deadline, which is too long to wait for here.
MAD = [kind for kind in KINDS if kind != "timeout"] + ["400", "401", "404", "418", "429", "500", "503", "599"]


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_runs_end_and_say_why_whatever_vendors_answer(desk: Desk, sandbox: RunningSandbox) -> None:
    # S2.14 S0.09 B.01
    for kind in MAD:
        for vendor in ("gleif", "tavily"):
            sandbox.fault(kind, vendor=vendor, times=2, retry_after_s=0.1, latency_ms=200)
    # A vendor that fails over and over is left alone, each time for twice as long: a run's time is over before that.
    started = [
        await desk.start(channels=CHANNELS, queries=QUERIES, page_size=5, max_runtime_seconds=60) for _ in range(6)
    ]
    ended = await asyncio.gather(*[desk.ended(run_id, 400) for run_id in started])

    for run in ended:
        assert run.status in (RunStatus.COMPLETED, RunStatus.PARTIAL, RunStatus.FAILED)
        if run.status is not RunStatus.COMPLETED:
            assert (run.stats or {})["errors"], "a run that is not completed says why"
            assert all(each["type"] and each["message"] for each in (run.stats or {})["errors"])
        assert (await desk.check(run.id)).findings == []
    assert any(run.status is not RunStatus.COMPLETED for run in ended)
    await desk.until("SELECT NOT EXISTS (SELECT FROM queue.procrastinate_jobs WHERE tenant_id = {me})")
    await desk.until("SELECT NOT EXISTS (SELECT FROM app.outbox_events WHERE tenant_id = {me})", timeout_s=120)
    assert (await desk.proof()).ok
    paid_twice = await desk.rows(
        "SELECT i.fingerprint FROM app.vendor_items i JOIN app.vendor_calls c ON c.tenant_id = i.tenant_id AND c.id = i.call_id"
        " WHERE i.tenant_id = {me} AND c.billable AND c.state IN ('answered', 'forfeited') GROUP BY 1 HAVING count(*) > 1"
    )
    assert paid_twice == []

    sandbox.reset()
    async with transaction(desk.pool, None, role=DbRole.SYSTEM) as tx:
        await pace.reset(tx, "gleif")  # an operator who knows better than to wait: headwater vendors reset
    after = await desk.run(channels=["register"], queries=QUERIES[:1])
    assert after.status is RunStatus.COMPLETED, "vendors that come to their senses are believed"
