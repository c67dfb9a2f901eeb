"""Jobs: found by what they are, retried when they gave up, cancelled while they are not over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.errors import Conflict, NotFound
from contracts.events import Probed
from contracts.executions import ExecutionFilter, ExecutionRow
from db import executions
from db.queue import Delivery
from tests.inspection.scene import Scene


async def found(scene: Scene, tenant: UUID | None = None, **asked: Any) -> list[ExecutionRow]:
    """All pages of a list."""
    which, items, cursor = ExecutionFilter.model_validate(asked), list[ExecutionRow](), None
    while True:
        async with scene.app(tenant) as tx:
            page = await executions.list_executions(tx, [scene.mine, scene.other], which, limit=2, cursor=cursor)
        items += page.items
        cursor = page.next_cursor
        if cursor is None:
            return items


async def probes(scene: Scene, count: int) -> None:
    await scene.emit(*(Probed(probe_id=uuid4()) for _ in range(count)))
    await scene.dispatch()


async def dead(scene: Scene) -> Delivery:
    await probes(scene, 1)
    (delivery,) = await scene.take()
    await scene.give_up(delivery)
    return delivery


async def test_jobs_are_listed_newest_first_by_state_job_and_event(scene: Scene) -> None:
    # S2.05
    await probes(scene, 5)
    await scene.emit(Probed(probe_id=uuid4(), key="k"))
    await scene.dispatch()
    one, two = await scene.take(2)
    await scene.finish(one)
    everything = await found(scene)
    assert [row.id for row in everything] == sorted((row.id for row in everything), reverse=True)
    assert len(everything) == 6
    assert [row.id for row in await found(scene, state="done")] == [one.execution_id]
    assert [row.id for row in await found(scene, status="completed")] == [one.execution_id]
    assert [(row.id, row.status) for row in await found(scene, state=["running"])] == [(two.execution_id, "running")]
    assert len(await found(scene, status="queued")) == 4
    assert [row.job for row in await found(scene, job="probe.touch")] == ["probe.touch"]
    assert [row.id for row in await found(scene, event_id=two.event_id)] == [two.execution_id]
    assert await found(scene, status="completed", state="dead") == []
    assert await found(scene, run_id=uuid4()) == []


async def test_jobs_are_found_by_when_they_were_first_queued(scene: Scene) -> None:
    # B.02: what was asked for in the minutes of an incident, whatever became of it since
    for _ in range(3):
        await probes(scene, 1)
    last, middle, first = [row.id for row in await found(scene)]
    moment = datetime.fromtimestamp((middle.int >> 80) / 1000, UTC)
    assert [row.id for row in await found(scene, since=moment)] == [last, middle]
    assert [row.id for row in await found(scene, until=moment)] == [first]
    assert [row.id for row in await found(scene, since=moment, until=moment + timedelta(milliseconds=1))] == [middle]
    assert await found(scene, until=datetime(2000, 1, 1, tzinfo=UTC)) == []
    assert await found(scene, since=datetime(9998, 12, 31, tzinfo=UTC)) == []


async def test_a_job_that_gave_up_is_found_with_its_story(scene: Scene) -> None:
    # S2.14
    await probes(scene, 4)
    delivery = await dead(scene)
    assert [row.id for row in await found(scene, state=["dead", "quarantined"])] == [delivery.execution_id]
    async with scene.app() as tx:
        letters = await executions.list_dead_letters(tx, [scene.mine])
        job = await executions.show_execution(tx, [scene.mine], delivery.execution_id)
    (letter,) = letters.items
    assert (letter.kind, letter.execution_id, letter.error_class) == ("job", delivery.execution_id, "bad_answer")
    (attempt,) = job.attempts
    assert (job.status, attempt.outcome, attempt.traceback) == ("failed", "dead", "Traceback: here")


async def test_a_retry_runs_the_job_again_and_answers_its_dead_letter(scene: Scene) -> None:
    delivery = await dead(scene)
    async with scene.app() as tx:
        retried = await executions.retry_execution(tx, [scene.mine], delivery.execution_id, "olga")
    assert (retried.state, retried.failures, retried.status) == ("waiting", 0, "queued")
    await scene.dispatch()
    (again,) = await scene.take()
    assert again.execution_id == delivery.execution_id
    await scene.finish(again)
    async with scene.app() as tx:
        job = await executions.show_execution(tx, [scene.mine], delivery.execution_id)
        letters = await executions.list_dead_letters(tx, [scene.mine])
        actor = await tx.fetchval("SELECT actor FROM app.audit_log WHERE action = 'job.retry'")
    assert (job.state, letters.items, actor) == ("done", [], "olga")


async def test_a_retry_in_any_other_state_is_refused_with_the_state(scene: Scene) -> None:
    await probes(scene, 1)
    (row,) = await found(scene)

    async def refused() -> str:
        async with scene.app() as tx:
            with pytest.raises(Conflict) as error:
                await executions.retry_execution(tx, [scene.mine], row.id, "olga")
        return error.value.detail

    assert "is queued: it stands in the queue and will run" in await refused()
    (delivery,) = await scene.take()
    assert "is running: wait for it, or cancel it first" in await refused()
    await scene.put_off(delivery, 0.0)
    assert "is waiting: its next attempt is due by itself" in await refused()
    await scene.dispatch()
    await scene.finish(*await scene.take())
    assert "is done: it succeeded" in await refused()


async def test_cancel_marks_what_is_unfinished_and_refuses_what_is_over(scene: Scene) -> None:
    await probes(scene, 1)
    (row,) = await found(scene)
    for _ in range(2):
        async with scene.app() as tx:
            job = await executions.cancel_execution(tx, [scene.mine], row.id, "olga")
        assert job.cancel_requested_at is not None
    (delivery,) = await scene.take()
    assert delivery.cancelled
    async with scene.app() as tx:
        assert await tx.fetchval("SELECT count(*) FROM app.audit_log WHERE action = 'job.cancel'") == 1
    await scene.give_up(delivery)
    async with scene.app() as tx:
        with pytest.raises(Conflict, match="is dead: there is nothing left to cancel"):
            await executions.cancel_execution(tx, [scene.mine], row.id, "olga")


async def test_another_tenants_jobs_are_unknown(scene: Scene) -> None:
    delivery = await dead(scene)
    assert await found(scene, scene.other) == []
    async with scene.app(scene.other) as tx:
        assert (await executions.list_dead_letters(tx, [scene.mine, scene.other])).items == []
    for touch in (executions.retry_execution, executions.cancel_execution):
        async with scene.app(scene.other) as tx:
            with pytest.raises(NotFound):
                await touch(tx, [scene.mine, scene.other], delivery.execution_id, "mallory")
    async with scene.app(scene.other) as tx:
        with pytest.raises(NotFound):
            await executions.show_execution(tx, [scene.mine, scene.other], delivery.execution_id)
