"""The proof: it holds over a life with retries, duplicates and dead letters, and breaks when a row is tampered with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from contracts.events import LeadDiscovered, Probed, parse
from contracts.outbox import Verification
from db import outbox, replays, verification
from db.transaction import DbRole, Tx
from tests.inspection.scene import Scene
from worker.pipeline import jobs_for


async def verify(
    scene: Scene, tenant: UUID | None = None, since: datetime | None = None, until: datetime | None = None
) -> Verification:
    """As the API does for a tenant; as the command line does for everybody when none is given."""
    async with scene.system() as tx:
        deliveries = await verification.check_deliveries(tx, tenant)
        if tenant is None:
            return await verification.verify(tx, tenant, deliveries, since=since, until=until)
    async with scene.app(tenant) as tx:
        return await verification.verify(tx, tenant, deliveries, since=since, until=until)


async def live(scene: Scene) -> None:
    """Probes, duplicates, coalescing ones, one that leads nowhere, a retry under way, a death, a dead letter, a backlog."""
    probe = uuid4()
    await scene.emit(*(Probed(probe_id=uuid4()) for _ in range(5)), Probed(probe_id=probe), Probed(probe_id=probe))
    await scene.emit(*(Probed(probe_id=uuid4(), key="one") for _ in range(3)), LeadDiscovered(lead_id=uuid4()))
    await scene.emit(tenant=scene.other)
    await scene.dispatch()
    first, second, third = await scene.take(3)
    await scene.put_off(first, 0.0)
    await scene.give_up(second)
    await scene.put_off(third, 3600)
    await scene.dispatch()
    await scene.bury()
    await scene.emit()


async def test_a_life_without_accidents_holds(scene: Scene) -> None:
    # B.01, S2.04
    await live(scene)
    proof = await verify(scene)
    assert proof.ok, proof.breaches
    assert (proof.events, proof.jobs, proof.absorbed) == (13, 8, 3)
    assert (proof.lost, proof.doubled, proof.orphaned) == (0, 0, 0)
    assert (proof.waiting, proof.dead_letters) == (2, 1)
    mine = await verify(scene, scene.mine)
    assert (mine.ok, mine.events, mine.jobs) == (True, 12, 7)
    theirs = await verify(scene, scene.other)
    assert (theirs.ok, theirs.events, theirs.jobs, theirs.waiting, theirs.dead_letters) == (True, 1, 1, 0, 0)


TAMPERING = {
    "an execution is gone": (
        "DELETE FROM app.job_executions e WHERE e.tenant_id = (SELECT id FROM app.tenants WHERE slug = 'other')",
        ("lost", 1),
    ),
    "nobody knows who absorbed an event": (
        "DELETE FROM app.absorbed_events WHERE job = 'probe.run'",
        ("lost", 1),
    ),
    "a second execution of one event": (
        "INSERT INTO app.job_executions (tenant_id, job, queue, scope, key, state, payload, event_id, queued_at)"
        " SELECT tenant_id, job, queue, scope, 'another', 'done', payload, event_id, queued_at FROM app.job_executions"
        " WHERE tenant_id = (SELECT id FROM app.tenants WHERE slug = 'other')",
        ("doubled", 1),
    ),
    "an event left twice": (
        "INSERT INTO app.outbox_history SELECT tenant_id, id + 1000, event_id, aggregate_type, aggregate_id, type, version,"
        " payload, headers, correlation_id, sink, priority, attempts, last_error, error_class, routes, created_at, sent_at"
        " FROM app.outbox_history WHERE type = 'LeadDiscovered'",
        ("doubled", 1),
    ),
    "two deliveries of one job": (
        "INSERT INTO queue.procrastinate_jobs (queue_name, task_name, priority, tenant_id, execution_id)"
        " SELECT queue_name, task_name, priority, tenant_id, execution_id FROM queue.procrastinate_jobs"
        " WHERE task_name = 'probe.touch'",
        ("doubled", 1),
    ),
    "a queued job has no delivery": (
        "DELETE FROM queue.procrastinate_jobs WHERE task_name = 'probe.touch'",
        ("orphaned", 1),
    ),
    "a waiting job has no redelivery": (
        "DELETE FROM app.outbox_events WHERE type = 'Redelivery'",
        ("orphaned", 1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERING)
async def test_each_kind_of_accident_is_found_and_named(scene: Scene, what: str) -> None:
    # B.01
    await live(scene)
    statement, (kind, count) = TAMPERING[what]
    role = DbRole.SYSTEM if "queue." in statement else DbRole.OWNER
    async with scene.system(role) as tx:
        await tx.execute(statement)
    proof = await verify(scene)
    assert not proof.ok
    assert {k: getattr(proof, k) for k in ("lost", "doubled", "orphaned") if getattr(proof, k)} == {kind: count}
    (breach,) = proof.breaches
    assert breach.what == kind
    assert "headwater" in breach.next_step


async def test_a_lost_job_is_made_by_the_replay_that_the_proof_names(scene: Scene) -> None:
    await live(scene)
    await scene.dispatch()
    async with scene.system(DbRole.OWNER) as tx:
        await tx.execute(TAMPERING["an execution is gone"][0])
    (breach,) = (await verify(scene, scene.other)).breaches
    assert breach.event_id is not None
    async with scene.app(scene.other) as tx:
        await replays.replay_event(tx, [scene.other], breach.event_id, "olga")
    assert not (await verify(scene, scene.other)).ok  # the replay stands in the outbox: nothing is mended yet
    assert await scene.dispatch() == 1
    proof = await verify(scene, scene.other)
    assert proof.ok, proof.breaches  # what was lost has its job now
    assert (proof.events, proof.jobs, proof.lost, proof.doubled) == (2, 1, 0, 0)


async def test_a_replay_whose_job_is_lost_as_well_mends_nothing(scene: Scene) -> None:
    (event_id,) = await scene.emit(tenant=scene.other)
    await scene.dispatch()
    async with scene.system(DbRole.OWNER) as tx:
        await tx.execute("DELETE FROM app.job_executions")
    async with scene.app(scene.other) as tx:
        await replays.replay_event(tx, [scene.other], event_id, "olga")
    await scene.dispatch()
    async with scene.system(DbRole.OWNER) as tx:
        await tx.execute("DELETE FROM app.job_executions")
    proof = await verify(scene, scene.other)
    assert (proof.ok, proof.lost) == (False, 2)


async def test_the_window_is_stated_and_kept(scene: Scene) -> None:
    await scene.emit()
    await scene.dispatch()
    now = datetime.now(UTC)
    past = await verify(scene, scene.mine, since=now - timedelta(days=2), until=now - timedelta(days=1))
    assert (past.ok, past.events) == (True, 0)
    assert past.window.since == now - timedelta(days=2)
    recent = await verify(scene, scene.mine, since=now - timedelta(days=1))
    assert (recent.ok, recent.events) == (True, 1)
    assert recent.window.until >= now - timedelta(minutes=1)


class Between:
    """The dispatcher's connection; a worker starts jobs just before its `absorb`."""

    def __init__(self, tx: Tx, scene: Scene) -> None:
        self._tx, self._scene = tx, scene

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        if query == outbox.SQL["absorb"]:
            await self._scene.take(10)
        return await self._tx.fetchval(query, *arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)


async def test_a_job_that_starts_while_it_absorbs_an_event_loses_none(scene: Scene) -> None:
    # S2.04: the insert met the queued job, the worker took it, and only then was it asked for by name.
    await scene.emit(Probed(probe_id=uuid4(), key="one"))
    await scene.dispatch()
    await scene.emit(Probed(probe_id=uuid4(), key="one"))
    async with scene.system() as tx:
        claimed = await outbox.claim(tx, batch=10, tenant_buffer=200)
        routed = [(event, jobs_for(parse(event.type, event.version, event.payload))) for event in claimed]
        await outbox.hand_off(cast(Tx, Between(tx, scene)), routed)
    proof = await verify(scene)
    assert proof.ok, proof.breaches
    assert (proof.jobs, proof.absorbed) == (2, 0)
