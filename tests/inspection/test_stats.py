"""Counts and rates: exact while small, bounded when large, a tenant's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from contracts.events import Probed, RunFinished
from contracts.limits import SetLimit
from contracts.outbox import Stats
from contracts.vendors import VendorOperation
from db import jobs, limited_fetch, limits, queue, stats, vendors
from db.transaction import DbRole
from tests.inspection.scene import Scene


async def look(scene: Scene, tenant: UUID | None = None) -> Stats:
    who = tenant or scene.mine
    async with scene.system() as tx:
        depth = await stats.queue_depth(tx, [who], alive_within_s=60)
    async with scene.app(who) as tx:
        return await stats.stats(tx, [scene.mine, scene.other], depth)


async def test_an_empty_outbox(scene: Scene) -> None:
    seen = await look(scene)
    assert seen.counts == {"pending": 0, "processing": 0, "failed": 0, "dead_letter": 0}
    assert (seen.depth, seen.truncated, seen.oldest_due_age_s, seen.next_due_at) == ([], False, None, None)
    assert (seen.queue, seen.workers, seen.dispatched_s_ago) == ({"queued": 0, "running": 0}, 0, None)


async def test_what_waits_what_moves_and_how_fast(scene: Scene) -> None:
    await scene.emit(*(Probed(probe_id=uuid4()) for _ in range(6)))
    await scene.dispatch()
    await scene.take(2)
    await scene.bury()
    await scene.emit_poison()
    await scene.dispatch(outbox_max_attempts=5)
    await scene.emit(Probed(probe_id=uuid4()), at=datetime.now(UTC) - timedelta(seconds=90))
    await scene.emit(RunFinished(run_id=uuid4(), status="completed"), at=datetime.now(UTC) + timedelta(hours=1))
    seen = await look(scene)
    assert {(d.state, d.type): d.count for d in seen.depth} == {
        ("failed", "LeadForgotten"): 1,
        ("pending", "Probed"): 1,
        ("pending", "RunFinished"): 1,
    }
    assert seen.counts == {"pending": 2, "processing": 0, "failed": 1, "dead_letter": 1}
    assert seen.oldest_due_age_s == pytest.approx(90, abs=20)
    assert seen.next_due_at is not None
    assert seen.dead_letters_open == {"event": 1, "job": 0}
    assert seen.queue == {"queued": 4, "running": 2}
    assert seen.workers == 1
    async with scene.system() as tx:
        await queue.register(tx, "tests", 1, ["dispatch"])
    assert (await look(scene)).workers == 1, "another part of the same process"
    minute = seen.rates[0]
    assert (minute.window_s, minute.emitted_per_s, minute.sent_per_s) == (60, round(9 / 60, 3), round(6 / 60, 3))


async def test_counting_stops_at_its_bound_and_says_so(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "BOUND", 5)
    await scene.emit(*(Probed(probe_id=uuid4()) for _ in range(9)))
    seen = await look(scene)
    assert (seen.counts["pending"], seen.truncated) == (5, True)


async def test_a_tenant_counts_only_its_own(scene: Scene) -> None:
    await scene.emit(Probed(probe_id=uuid4()), Probed(probe_id=uuid4()))
    await scene.dispatch()
    await scene.emit()
    await scene.bury()
    seen = await look(scene, scene.other)
    assert (seen.depth, seen.queue, seen.dead_letters_open) == ([], {"queued": 0, "running": 0}, {"event": 0, "job": 0})
    assert all(rate.sent_per_s == 0 for rate in seen.rates)


async def test_a_limit_that_is_used_up_and_every_pause_say_what_waits_behind_them(scene: Scene) -> None:
    # B.02
    await scene.emit(*(Probed(probe_id=uuid4()) for _ in range(5)))
    await scene.emit(Probed(probe_id=uuid4()), tenant=scene.other)
    await scene.dispatch()
    async with scene.system() as tx:
        await limits.put(tx, "queue", "probe", SetLimit(max_running=2), by="olga")
        await limits.put(tx, "queue", "discovery", SetLimit(max_running=1), by="olga")
    assert (await look(scene)).held == [], "nothing is used up"
    async with scene.system() as tx:
        worker = await queue.register(tx, "tests", 1, ["jobs"])
    async with scene.pool.acquire() as login:
        taken, _, _ = await limited_fetch.take(login, worker, ["probe"], 2)
    assert [d.tenant_id for d in taken] == [scene.mine] * 2
    (full,) = (await look(scene)).held
    assert (full.scope, full.name, full.held, full.max_running, full.jobs) == ("queue", "probe", "max_running", 2, 3)
    (theirs,) = (await look(scene, scene.other)).held
    assert (theirs.name, theirs.jobs) == ("probe", 1), "of the other tenant's work only its own is told"
    async with scene.system() as tx:
        await vendors.publish(tx, [VendorOperation(vendor="acme", operation="find", unit="credit")])
        await limits.pause(tx, "vendor", "acme", reason="the plan is renewed", by="olga")
        await limits.pause(tx, "tenant", "mine", reason="moving", by="otto")
    async with scene.app() as tx:
        await jobs.put_off(
            tx, scene.mine, taken[0].execution_id, taken[0].token, outcome="snoozed", counts=False, delay_s=15,
            error_class="vendor_paused", error="olga paused acme (the plan is renewed)", traceback=None, correlation_id=None,
        )  # fmt: skip
    await scene.emit(Probed(probe_id=uuid4()), Probed(probe_id=uuid4()))
    told = {(each.scope, each.name): each for each in (await look(scene)).held}
    assert set(told) == {("queue", "probe"), ("tenant", "mine"), ("vendor", "acme")}
    paused, vendor = told["tenant", "mine"], told["vendor", "acme"]
    assert (paused.held, paused.by, paused.reason, paused.jobs, paused.events) == ("paused", "otto", "moving", 3, 2)
    assert (vendor.held, vendor.reason, vendor.jobs) == ("paused", "the plan is renewed", 1)
    assert [(each.scope, each.jobs) for each in (await look(scene, scene.other)).held] == [("queue", 1), ("vendor", 0)]


_SENT = """
INSERT INTO app.outbox_history (tenant_id, id, event_id, aggregate_type, aggregate_id, type, version, payload, headers, sink,
                                priority, attempts, routes, created_at, sent_at)
SELECT $1, 1000000 + n, gen_random_uuid(), 'probe', gen_random_uuid(), 'Probed', 1, '{}', '{}', 'queue', 0, 0, 1,
       app.now() - written * interval '1 second', app.now() - sent * interval '1 second'
  FROM unnest($2::int[], $3::int[]) WITH ORDINALITY AS u(written, sent, n)
"""


async def test_what_had_waited_for_hours_is_counted_once_when_it_was_sent(scene: Scene) -> None:
    # (written, sent), in seconds ago: around one hour and two, where one index hands over to the other, and beyond.
    minute = [(5, 4), (3_000, 20), (4_000, 30), (7_190, 10), (7_210, 10), (90_000, 15), (400_000, 40)]
    hour = [(3_660, 3_540), (7_190, 3_500), (7_210, 3_500), (90_000, 3_000)]
    before = [(3_700, 3_660), (10_800, 3_700), (90_000, 89_000)]
    written, sent = zip(*minute, *hour, *before, strict=True)
    async with scene.system(DbRole.OWNER) as tx:
        await tx.execute(_SENT, scene.mine, written, sent)
    by_window = {rate.window_s: rate for rate in (await look(scene)).rates}
    assert by_window[60].sent_per_s == round(len(minute) / 60, 3)
    assert by_window[300].sent_per_s == round(len(minute) / 300, 3)
    assert by_window[3600].sent_per_s == round(len(minute + hour) / 3600, 3)
    assert by_window[3600].emitted_per_s == round(2 / 3600, 3)
