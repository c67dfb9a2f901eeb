"""The frame around every job: each kind reaches its own limit, each way out is written down (S2.20)."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.errors import BadAnswer, NotFound, VendorBusy, VendorDown
from contracts.events import (
    AlertOpened,
    AlertTestRequested,
    CrmErasureRequested,
    CrmProbeRequested,
    CrmSyncRequested,
    EnrichmentRequested,
    Event,
    FeaturesComputed,
    FeaturesRequested,
    FeedbackGiven,
    LeadScored,
    MatchingRequested,
    MessageApproved,
    ModelTrained,
    OpportunitiesShared,
    Probed,
    ReplayRequested,
    RunFinished,
    RunRequested,
    SliceReady,
)
from contracts.jobs import JOBS, QUEUES, Payload
from contracts.settings import Settings
from db import jobs, queue
from db.queue import Delivery
from db.transaction import DbRole, Pool, Tx, transaction
from tests.conftest import Connection
from tests.worker.dispatching import dispatcher, emit
from worker import perform
from worker.context import Context, Stopped
from worker.leases import PATIENCE_S
from worker.patience import SHARE_OF_TIME
from worker.perform import Activity, Performer
from worker.providers.registry import build

EVENTS: dict[str, Callable[[], Event]] = {
    "discovery.run": lambda: RunRequested(run_id=uuid4()),
    "discovery.dry_run": lambda: RunRequested(run_id=uuid4(), dry_run=True),
    "discovery.fetch": lambda: SliceReady(run_id=uuid4(), slice_id=uuid4(), page=0),
    "staging.pull": lambda: RunRequested(run_id=uuid4(), kind="maintenance"),
    "staging.fetch": lambda: SliceReady(run_id=uuid4(), slice_id=uuid4(), page=0, kind="maintenance"),
    "nightly.plan": lambda: RunRequested(run_id=uuid4(), kind="nightly"),
    "enrichment.run": lambda: EnrichmentRequested(lead_id=uuid4(), cause="1"),
    "opportunities.run": lambda: RunRequested(run_id=uuid4(), kind="opportunities"),
    "opportunities.fetch": lambda: SliceReady(run_id=uuid4(), slice_id=uuid4(), page=0, kind="opportunities"),
    "opportunities.share": lambda: RunFinished(run_id=uuid4(), status="completed", kind="opportunities"),
    "opportunities.evaluate": lambda: OpportunitiesShared(run_id=uuid4(), for_tenant=uuid4(), round=1),
    "features.compute": lambda: FeaturesRequested(lead_id=uuid4(), cause="1"),
    "scoring.compute": lambda: FeaturesComputed(lead_id=uuid4(), snapshot_id=uuid4(), cause="1"),
    "labels.generate": lambda: FeedbackGiven(lead_id=uuid4(), feedback_id=uuid4()),
    "model.train": lambda: RunRequested(run_id=uuid4(), kind="training"),
    "model.evaluate": lambda: ModelTrained(model_version_id=uuid4()),
    "message.generate": lambda: LeadScored(lead_id=uuid4(), prediction_id=uuid4(), band="HIGH", score=0.8),
    "message.send": lambda: MessageApproved(message_id=uuid4()),
    "matching.scan": lambda: MatchingRequested(for_tenant=uuid4()),
    "replay.run": lambda: ReplayRequested(run_id=uuid4()),
    "opportunities.replay": lambda: ReplayRequested(run_id=uuid4(), of="opportunities"),
    "enrichment.replay": lambda: ReplayRequested(run_id=uuid4(), of="enrichments"),
    "crm.push": lambda: CrmSyncRequested(lead_id=uuid4(), cause="1"),
    "crm.erase": lambda: CrmErasureRequested(link_id=uuid4(), cause="c"),
    "crm.check": lambda: CrmProbeRequested(for_tenant=uuid4(), probe_id=uuid4()),
    "analytics.rollup": lambda: RunRequested(run_id=uuid4(), kind="rollup"),
    "accounts.update_types": lambda: RunRequested(run_id=uuid4(), kind="job", job="accounts.update_types"),
    "accounts.sample_metrics": lambda: RunRequested(run_id=uuid4(), kind="job", job="accounts.sample_metrics"),
    "accounts.burn_rates": lambda: RunRequested(run_id=uuid4(), kind="job", job="accounts.burn_rates"),
    "accounts.triggers": lambda: RunRequested(run_id=uuid4(), kind="job", job="accounts.triggers"),
    "alerts.evaluate": lambda: RunFinished(run_id=uuid4(), status="completed"),
    "alert.deliver": lambda: AlertOpened(alert_id=uuid4(), rule="run.slow", severity="warning", channels=(uuid4(),)),
    "alert.test": lambda: AlertTestRequested(channel_id=uuid4(), probe_id=uuid4()),
    "probe.run": lambda: Probed(probe_id=uuid4()),
    "probe.touch": lambda: Probed(probe_id=uuid4(), key="k"),
    "probe.single": lambda: Probed(probe_id=uuid4(), key="k", scope="exclusive"),
    "probe.hourly": lambda: Probed(probe_id=uuid4(), key="k", scope="period"),
}
Body = Callable[[Context, Any], Awaitable[None]]


@dataclasses.dataclass
class Frame:
    """One job, run attempt by attempt. `told` is what its run was told when it was given up."""

    pool: Pool
    tenant: UUID
    told: list[Stopped] = dataclasses.field(default_factory=list)

    async def run(self, name: str, body: Body) -> int:
        """Deliver the job until nothing of it is left to deliver; gives the number of attempts."""
        await emit(self.pool, self.tenant, EVENTS[name]())
        attempts = 0
        while True:
            # What else follows from the same fact is not this job's.
            delivery = await self.next([JOBS[name].queue])
            if delivery is None:
                return attempts
            attempts += 1
            await self.perform(delivery, name, body)

    async def next(self, queues: Sequence[str] = QUEUES) -> Delivery | None:
        """The next delivery; backoff is over at once."""
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            await tx.execute("UPDATE app.outbox_events SET available_at = app.now()")
        await dispatcher(self.pool).dispatch_batch()
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            worker = await queue.register(tx, "here", 1, ["jobs"])
            found = await queue.fetch(tx, worker, list(queues), 1)
        return found[0] if found else None

    async def perform(self, delivery: Delivery, name: str, body: Body) -> None:
        settings = Settings.model_construct()
        performer = Performer(self.pool, settings, build(settings), {name: Activity(body, self.hook)}, lambda: None)
        await performer(delivery)
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            await queue.finish(tx, [delivery])

    async def hook(self, tx: Tx, tenant: UUID, args: Payload, why: Stopped) -> None:
        """What the job's run does when it is told."""
        self.told.append(why)


@pytest.fixture
def frame(pool: Pool, tenant: UUID) -> Frame:
    return Frame(pool, tenant)


def raising(error: Exception) -> Body:
    async def body(_ctx: Context, _args: Any) -> None:
        raise error

    return body


async def _outcomes(conn: Connection) -> list[str]:
    return [r["outcome"] for r in await conn.fetch("SELECT outcome FROM app.job_attempts ORDER BY token")]


def test_every_job_is_in_the_table() -> None:
    assert set(EVENTS) == set(JOBS)


@pytest.mark.parametrize("name", JOBS)
async def test_each_job_gives_up_at_its_own_limit(conn: Connection, frame: Frame, name: str) -> None:
    # S2.20 S2.14
    limit = JOBS[name].retry.max_attempts
    assert await frame.run(name, raising(VendorDown("the vendor is away"))) == limit

    assert await _outcomes(conn) == ["failed"] * (limit - 1) + ["dead"]
    letter = await conn.fetchrow("SELECT name, attempts, error_class, error, traceback FROM app.dead_letters")
    assert letter is not None
    assert tuple(letter)[:4] == (name, limit, "vendor_down", "the vendor is away")
    assert "VendorDown: the vendor is away" in letter["traceback"]
    assert [(t.state, t.error_class) for t in frame.told] == [("dead", "vendor_down")]
    left = "SELECT count(*) FROM queue.procrastinate_jobs WHERE queue_name = $1"
    assert await conn.fetchval(left, JOBS[name].queue) == 0


@pytest.mark.parametrize("name", JOBS)
async def test_each_job_has_its_own_timeout(
    conn: Connection, frame: Frame, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # S2.20
    short = {name: dataclasses.replace(JOBS[name], timeout_s=0.05)}
    monkeypatch.setattr(perform, "JOBS", {**JOBS, **short})

    async def endless(_ctx: Context, _args: Any) -> None:
        await asyncio.Event().wait()

    limit = JOBS[name].retry.max_attempts
    assert await frame.run(name, endless) == limit
    assert await _outcomes(conn) == ["timeout"] * (limit - 1) + ["dead"]
    assert await conn.fetchval("SELECT error_class FROM app.dead_letters") == "timeout"


@pytest.mark.parametrize(
    ("error", "error_class"),
    [(NotFound("gone"), "not_found"), (BadAnswer("html"), "bad_answer"), (ValueError("ours"), "ValueError")],
)
async def test_what_time_does_not_mend_is_given_up_at_once(
    conn: Connection, frame: Frame, error: Exception, error_class: str
) -> None:
    # S2.14
    assert await frame.run("discovery.fetch", raising(error)) == 1
    assert await conn.fetchval("SELECT error_class FROM app.dead_letters") == error_class


async def test_a_throttled_job_comes_back_as_often_as_it_takes(conn: Connection, frame: Frame) -> None:
    # S2.14
    left = 9

    async def busy(_ctx: Context, _args: Any) -> None:
        nonlocal left
        left -= 1
        if left:
            raise VendorBusy("slow down", after_s=30)

    assert await frame.run("discovery.fetch", busy) == 9
    assert await _outcomes(conn) == ["snoozed"] * 8
    row = await conn.fetchrow("SELECT state, failures FROM app.job_executions")
    assert row is not None
    assert tuple(row) == ("done", 0)


async def test_a_wait_that_the_vendor_asked_for_is_kept(conn: Connection, frame: Frame) -> None:
    await emit(frame.pool, frame.tenant, EVENTS["discovery.fetch"]())
    delivery = await frame.next()
    assert delivery is not None
    await frame.perform(delivery, "discovery.fetch", raising(VendorDown("503", after_s=45)))
    wait = await conn.fetchval("SELECT extract(epoch FROM available_at - app.now())::float8 FROM app.outbox_events")
    assert 40 < wait <= 45


async def test_what_a_job_wrote_commits_with_its_done_mark_or_not_at_all(conn: Connection, frame: Frame) -> None:
    # C.05, law 1
    note = "INSERT INTO app.audit_log (tenant_id, actor, action, subject_type, subject_id) VALUES ($1, 'job', $2, 't', '1')"

    async def fails_late(ctx: Context, _args: Any) -> None:
        async with ctx.write() as tx:
            await tx.execute(note, ctx.tenant, "rolled back")
            raise VendorDown("after writing")

    async def writes(ctx: Context, _args: Any) -> None:
        async with ctx.write() as tx:
            await tx.execute(note, ctx.tenant, "committed")

    await emit(frame.pool, frame.tenant, EVENTS["probe.run"]())
    for body in (fails_late, writes):
        delivery = await frame.next()
        assert delivery is not None
        await frame.perform(delivery, "probe.run", body)
    actions = await conn.fetch("SELECT action FROM app.audit_log WHERE actor = 'job'")
    assert [a["action"] for a in actions] == ["committed"]
    assert await conn.fetchval("SELECT state FROM app.job_executions") == "done"


async def test_a_fenced_attempt_leaves_no_trace(conn: Connection, frame: Frame) -> None:
    # Law 4
    async def overtaken(ctx: Context, _args: Any) -> None:
        await conn.execute("UPDATE app.job_executions SET token = token + 1")  # what a rescue does
        async with ctx.write() as tx:
            await tx.execute("DELETE FROM app.leads")

    await emit(frame.pool, frame.tenant, EVENTS["probe.run"]())
    delivery = await frame.next()
    assert delivery is not None
    await frame.perform(delivery, "probe.run", overtaken)
    assert await conn.fetchval("SELECT state FROM app.job_executions") == "running"
    assert await _outcomes(conn) == []
    assert frame.told == []


async def test_the_done_mark_is_in_before_a_write_begins(frame: Frame) -> None:
    # Law 4: first statement of the write, so that nothing of it is done by an attempt that owns nothing.
    seen: list[object] = []

    async def looks(ctx: Context, _args: Any) -> None:
        async with ctx.write() as tx:
            seen.append(await jobs.where_it_stands(tx, ctx.tenant, ctx.delivery.execution_id))

    assert await frame.run("probe.run", looks) == 1
    assert seen == [("done", 1, False)]


async def test_what_a_job_loads_in_it_cannot_write(conn: Connection, frame: Frame) -> None:
    async def writes(ctx: Context, _args: Any) -> None:
        async with ctx.read() as tx:
            await tx.execute("UPDATE app.job_executions SET priority = 7")

    assert await frame.run("discovery.fetch", writes) == 1
    assert await conn.fetchval("SELECT error_class FROM app.dead_letters") == "ReadOnlySQLTransactionError"
    assert await conn.fetchval("SELECT priority FROM app.job_executions") == 0


async def test_what_is_unfenced_stands_though_the_job_is_lost(conn: Connection, frame: Frame) -> None:
    note = "INSERT INTO app.audit_log (tenant_id, actor, action, subject_type, subject_id) VALUES ($1, 'job', 'paid', 't', '1')"

    async def overtaken(ctx: Context, _args: Any) -> None:
        await conn.execute("UPDATE app.job_executions SET token = token + 1")
        async with ctx.unfenced() as tx:
            await tx.execute(note, ctx.tenant)
        async with ctx.write() as tx:
            await tx.execute(note, ctx.tenant)

    await emit(frame.pool, frame.tenant, EVENTS["probe.run"]())
    delivery = await frame.next()
    assert delivery is not None
    await frame.perform(delivery, "probe.run", overtaken)
    assert await conn.fetchval("SELECT count(*) FROM app.audit_log WHERE actor = 'job'") == 1


async def test_a_job_cancelled_while_it_runs_tells_its_run(conn: Connection, frame: Frame) -> None:
    async def cancelled(ctx: Context, _args: Any) -> None:
        async with transaction(ctx.pool, ctx.tenant) as tx:
            await jobs.request_cancel(tx, ctx.tenant, ctx.delivery.execution_id)
        async with ctx.write():
            pass

    assert await frame.run("probe.run", cancelled) == 1
    assert await conn.fetchval("SELECT state FROM app.job_executions") == "cancelled"
    assert [t.state for t in frame.told] == ["cancelled"]
    assert await conn.fetchval("SELECT count(*) FROM app.dead_letters") == 0


async def test_a_job_cancelled_in_the_queue_does_not_begin(conn: Connection, frame: Frame) -> None:
    await emit(frame.pool, frame.tenant, EVENTS["probe.run"]())
    await dispatcher(frame.pool).dispatch_batch()
    await conn.execute("UPDATE app.job_executions SET cancel_requested_at = app.now()")
    delivery = await frame.next()
    assert delivery is not None
    await frame.perform(delivery, "probe.run", raising(AssertionError("it ran")))
    assert await conn.fetchval("SELECT state FROM app.job_executions") == "cancelled"


@pytest.mark.parametrize("payload", [{}, {"probeId": "x"}, {"probeId": str(UUID(int=1)), "more": 1}])
async def test_arguments_of_another_version_are_given_up_and_named(
    conn: Connection, frame: Frame, payload: dict[str, object]
) -> None:
    # S2.06
    await emit(frame.pool, frame.tenant, EVENTS["probe.run"]())
    await dispatcher(frame.pool).dispatch_batch()
    async with transaction(frame.pool, None, role=DbRole.SYSTEM) as tx:
        await tx.execute("UPDATE app.job_executions SET payload = $1", payload)
    delivery = await frame.next()
    assert delivery is not None
    await frame.perform(delivery, "probe.run", raising(AssertionError("it ran")))
    letter = await conn.fetchrow("SELECT error_class, error FROM app.dead_letters")
    assert letter is not None
    assert letter["error_class"] == "bad_payload"
    assert "probe.run" in letter["error"]


async def test_an_attempt_has_its_own_patience_and_leaves_its_seat(frame: Frame) -> None:
    # S2.20: none of it outlasts the job's time
    told: list[tuple[float, float]] = []

    async def body(ctx: Context, _args: Any) -> None:
        before = ctx.patience.wait_s()
        ctx.patience.begun()
        told.append((before, ctx.patience.wait_s()))
        raise VendorDown("the vendor is away")

    settings = Settings.model_construct(worker_concurrency=1)
    performer = Performer(
        frame.pool, settings, build(settings), {"probe.run": Activity(body, frame.hook)}, lambda: None
    )
    await emit(frame.pool, frame.tenant, EVENTS["probe.run"]())
    for _ in range(2):
        delivery = await frame.next()
        assert delivery is not None
        await performer(delivery)
    longest = SHARE_OF_TIME * JOBS["probe.run"].timeout_s
    assert [(short, longest - 1 < long <= longest) for short, long in told] == [(PATIENCE_S, True)] * 2
    assert performer.seats.free == 1
