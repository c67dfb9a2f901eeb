"""Why not yet, and what became of it? Each reason is brought about for real and must be named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from contracts.errors import NotFound
from contracts.events import LeadDiscovered, Probed
from contracts.limits import SetLimit
from contracts.outbox import Explanation, Finding
from db import explanations, limits, outbox, queue
from tests.inspection.scene import Scene


async def explain(scene: Scene, event_id: UUID, *, cap: int = 200, tenant: UUID | None = None) -> Explanation:
    who = tenant or scene.mine
    async with scene.system() as tx:
        delivery = await explanations.look_at_delivery(tx, who, cap=cap, alive_within_s=60)
    async with scene.app(who) as tx:
        return await explanations.explain(tx, [scene.mine, scene.other], event_id, delivery, max_attempts=5)


def only(explanation: Explanation) -> Finding:
    (finding,) = explanation.findings
    assert finding.next_step
    return finding


async def alive(scene: Scene) -> int:
    """A worker that beats and has just dispatched."""
    async with scene.system() as tx:
        worker_id = await queue.register(tx, "tests", 1, ["dispatch"])
        await queue.dispatched(tx, worker_id)
    return worker_id


async def test_no_worker_alive(scene: Scene) -> None:
    # B.02
    (event_id,) = await scene.emit()
    finding = only(await explain(scene, event_id))
    assert (finding.code, finding.blocking) == ("no_worker", True)
    assert finding.next_step == "start one: headwater worker"


async def test_not_due_yet(scene: Scene) -> None:
    await alive(scene)
    (event_id,) = await scene.emit(at=datetime.now(UTC) + timedelta(seconds=3600))
    finding = only(await explain(scene, event_id))
    assert (finding.code, finding.blocking) == ("not_due", True)
    assert "in 3600 s" in finding.text or "in 3599 s" in finding.text


async def test_waiting_for_a_retry_names_the_error_and_the_try(scene: Scene) -> None:
    await alive(scene)
    event_id = await scene.emit_poison()
    await scene.dispatch()
    finding = (await explain(scene, event_id)).findings[0]
    assert finding.code == "retrying"
    assert finding.text.startswith("try 1 of 5 failed: unknown_event: no event is called 'LeadForgotten'")
    assert "dead letter" in finding.next_step


async def test_a_paused_tenant(scene: Scene) -> None:
    await alive(scene)
    (event_id,) = await scene.emit()
    async with scene.app() as tx:
        await tx.execute(
            "INSERT INTO app.pauses (tenant_id, paused_by, reason) VALUES ($1, 'olga', 'bad data')", scene.mine
        )
    await scene.dispatch()
    finding = only(await explain(scene, event_id))
    assert (finding.code, finding.text) == ("tenant_paused", "olga paused this tenant (bad data)")


async def test_a_full_buffer_is_counted(scene: Scene) -> None:
    await alive(scene)
    events = await scene.emit(*(Probed(probe_id=uuid4()) for _ in range(3)))
    await scene.dispatch(dispatch_tenant_buffer=2)
    finding = only(await explain(scene, events[-1], cap=2))
    assert (finding.code, finding.text) == ("buffer_full", "2 of 2 jobs of this tenant stand in the queue")


async def test_a_dispatcher_that_stopped_dispatching(scene: Scene) -> None:
    (event_id,) = await scene.emit()
    worker_id = await alive(scene)
    async with scene.system() as tx:
        await tx.execute("UPDATE app.workers SET dispatched_at = app.now() - interval '42 s' WHERE id = $1", worker_id)
    finding = only(await explain(scene, event_id))
    assert finding.code == "dispatcher_stalled"
    assert "42 s ago" in finding.text


async def test_nothing_holds_it_back_and_it_knows_its_place(scene: Scene) -> None:
    await alive(scene)
    events = await scene.emit(*(Probed(probe_id=uuid4()) for _ in range(3)))
    finding = only(await explain(scene, events[2]))
    assert (finding.code, finding.blocking) == ("in_line", False)
    assert "2 due events of this tenant stand before it" in finding.text


async def test_a_lease_and_an_earlier_event_of_its_key(scene: Scene) -> None:
    # R8
    await alive(scene)
    async with scene.app() as tx:
        probe = Probed(probe_id=uuid4())
        first, second = [
            await outbox.emit(tx, scene.mine, probe, sink="webhook", ordering_key=f"webhook:{probe.probe_id}")
            for _ in range(2)
        ]
    async with scene.system() as tx:
        await tx.fetch(outbox.SQL["lease"], "webhook", 10, uuid4(), 60.0)
    assert only(await explain(scene, first)).code == "being_delivered"
    blocked = only(await explain(scene, second))
    assert (blocked.code, str(first) in blocked.text) == ("ordering_key", True)
    async with scene.system() as tx:
        await tx.execute(
            "UPDATE app.outbox_events SET lease_expires_at = app.now() - interval '1 s' WHERE state = 'processing'"
        )
    assert only(await explain(scene, first)).code == "lease_expired"


async def test_a_dead_letter_says_how_to_replay_it(scene: Scene) -> None:
    # R9
    event_id = await scene.bury()
    finding = only(await explain(scene, event_id))
    assert (finding.code, finding.blocking) == ("dead_letter", True)
    assert f"headwater outbox replay {event_id}" in finding.next_step


async def test_sent_and_what_became_of_its_jobs(scene: Scene) -> None:
    (event_id,) = await scene.emit()
    (silent,) = await scene.emit(LeadDiscovered(lead_id=uuid4()))
    await scene.dispatch()

    async def codes(of: UUID) -> list[str]:
        return [f.code for f in (await explain(scene, of)).findings]

    assert await codes(silent) == ["sent", "no_routes"]
    assert await codes(event_id) == ["sent", "job_queued"]
    (delivery,) = await scene.take()
    assert await codes(event_id) == ["sent", "job_running"]
    await scene.put_off(delivery, 3600)
    waiting = (await explain(scene, event_id)).findings[1]
    assert "after 1 failures (vendor_down: gleif answered 503)" in waiting.text
    assert waiting.next_step.startswith("it is tried again at 2")
    async with scene.system() as tx:
        await tx.execute("UPDATE app.outbox_events SET available_at = app.now()")
    await scene.dispatch()
    (delivery,) = await scene.take()
    await scene.give_up(delivery)
    dead = (await explain(scene, event_id)).findings[1]
    assert (dead.code, dead.blocking) == ("job_dead", True)
    assert f"headwater jobs retry {delivery.execution_id}" in dead.next_step


async def test_another_tenants_event_is_unknown(scene: Scene) -> None:
    (event_id,) = await scene.emit()
    with pytest.raises(NotFound):
        await explain(scene, event_id, tenant=scene.other)


async def test_a_job_that_stands_in_the_queue_says_what_holds_it(scene: Scene) -> None:
    # B.02
    await alive(scene)
    (event_id,) = await scene.emit()
    assert await scene.dispatch() == 1

    async def codes() -> list[str]:
        found = (await explain(scene, event_id)).findings
        assert all(f.next_step for f in found)
        assert all(f.blocking for f in found[2:])
        return [f.code for f in found[2:]]

    assert await codes() == []
    async with scene.system() as tx:
        slug = await tx.fetchval("SELECT slug FROM app.tenants WHERE id = $1", scene.mine)
        elsewhere = await tx.fetchval("SELECT slug FROM app.tenants WHERE id = $1", scene.other)
        await limits.put(tx, "queue", "probe", SetLimit(per_s=0.001), by="tests")
        await limits.put(tx, "tenant", elsewhere, SetLimit(per_s=0.001), by="tests")
        await limits.pause(tx, "queue", "scoring", reason="not this one's", by="tests")
    assert await codes() == []
    async with scene.system() as tx:
        await tx.execute("UPDATE app.limits SET tokens = 0 WHERE scope <> 'vendor' AND per_s IS NOT NULL")
    assert await codes() == ["queue_rate"]
    async with scene.system() as tx:
        await limits.pause(tx, "queue", "probe", reason="under repair", by="olga")
        await limits.pause(tx, "tenant", slug, reason="moving", by="olga")
    found = (await explain(scene, event_id)).findings
    assert [f.code for f in found[2:]] == ["queue_paused", "tenant_paused"]
    assert "olga paused the queue probe (under repair)" in found[2].text
