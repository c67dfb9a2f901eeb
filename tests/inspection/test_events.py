"""Looking into the outbox: every documented status can be asked for, pages lose nothing, a story is told whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from contracts.errors import Invalid, NotFound
from contracts.events import Probed, Redelivery, RunFinished
from contracts.outbox import EventFilter, EventStatus
from db import inspection, outbox
from tests.inspection.scene import Scene


async def test_every_documented_status_can_be_asked_for(scene: Scene) -> None:
    # S2.05, R8, R9
    (sent,) = await scene.emit()
    dead = await scene.bury()
    failed = await scene.emit_poison()
    await scene.dispatch()
    (later,) = await scene.emit(at=datetime.now(UTC) + timedelta(hours=1))
    async with scene.app() as tx:
        leased = await outbox.emit(tx, scene.mine, Probed(probe_id=uuid4()), sink="webhook")
    async with scene.system() as tx:
        await tx.fetch(outbox.SQL["lease"], "webhook", 10, uuid4(), 60.0)
    expected = {
        EventStatus.SENT: sent,
        EventStatus.DEAD_LETTER: dead,
        EventStatus.FAILED: failed,
        EventStatus.PENDING: later,
        EventStatus.PROCESSING: leased,
    }
    for status, event_id in expected.items():
        rows = await scene.list_(status)
        assert [(row.event_id, row.status) for row in rows] == [(event_id, status)]
    everything = await scene.list_()
    assert {row.event_id for row in everything} == set(expected.values())


async def test_pages_show_each_event_once_newest_first_and_end(scene: Scene) -> None:
    sent = await scene.emit(*(Probed(probe_id=uuid4()) for _ in range(7)))
    await scene.dispatch()
    dead = [await scene.bury() for _ in range(4)]
    waiting = await scene.emit(*(Probed(probe_id=uuid4()) for _ in range(5)))
    rows = await scene.list_()
    assert [row.event_id for row in rows] == [*reversed(waiting), *reversed(dead), *reversed(sent)]


async def test_an_event_sent_while_somebody_pages_is_not_missed(scene: Scene) -> None:
    events = await scene.emit(*(Probed(probe_id=uuid4()) for _ in range(6)))
    async with scene.app() as tx:
        page = await inspection.list_events(tx, [scene.mine], EventFilter(), limit=3)
    await scene.dispatch()
    seen = [row.event_id for row in page.items]
    while page.next_cursor:
        async with scene.app() as tx:
            page = await inspection.list_events(tx, [scene.mine], EventFilter(), limit=3, cursor=page.next_cursor)
        seen += [row.event_id for row in page.items]
    assert set(seen) == set(events)


@pytest.mark.parametrize("stage", ["waiting", "sent"])
async def test_filters_find_what_they_name_and_nothing_else(scene: Scene, stage: str) -> None:
    correlation, probe, run = uuid4(), uuid4(), uuid4()
    (named,) = await scene.emit(Probed(probe_id=probe), correlation_id=correlation)
    (run_ended,) = await scene.emit(RunFinished(run_id=run, status="completed"))
    await scene.emit(Probed(probe_id=uuid4()))
    if stage == "sent":
        await scene.dispatch()

    async def found(**asked: object) -> set[UUID]:
        return {row.event_id for row in await scene.list_(**asked)}  # type: ignore[arg-type]

    assert await found(correlation_id=correlation) == {named}
    assert await found(aggregate_id=probe) == {named}
    assert await found(type="RunFinished") == {run_ended}
    assert await found(aggregate_type="run") == {run_ended}
    assert await found(type="Probed", correlation_id=correlation, aggregate_type="probe") == {named}
    assert await found(type="Probed", aggregate_id=run) == set()
    assert await found(error_class="bad_payload") == set()
    assert len(await found(newer_than_s=60)) == 3
    assert await found(older_than_s=60) == set()
    (row,) = await scene.list_(type="RunFinished")
    assert await found(until=row.created_at) == {named}
    assert await found(since=row.created_at, until=row.created_at + timedelta(microseconds=1)) == {run_ended}
    assert (
        await found(since=row.created_at + timedelta(days=1))
        == await found(until=datetime(2000, 1, 1, tzinfo=UTC))
        == set()
    )


async def test_error_class_finds_what_failed_and_what_was_given_up(scene: Scene) -> None:
    dead = await scene.bury()
    failed = await scene.emit_poison()
    await scene.dispatch()
    await scene.emit()
    rows = await scene.list_(error_class="unknown_event")
    assert {row.event_id for row in rows} == {dead, failed}
    assert all("LeadForgotten" in (row.last_error or "") for row in rows)


async def test_a_needle_in_a_backlog_is_found_over_short_pages(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("db.paging.LOOK", 10)
    (needle,) = await scene.emit(RunFinished(run_id=uuid4(), status="failed"))
    await scene.emit(*(Probed(probe_id=uuid4()) for _ in range(60)))
    assert [row.event_id for row in await scene.list_(type="RunFinished")] == [needle]
    async with scene.app() as tx:
        page = await inspection.list_events(tx, [scene.mine], EventFilter(type="RunFinished"), limit=3)
    assert page.items == []
    assert page.next_cursor


@pytest.mark.parametrize(
    "cursor", ["", "!", "W10", "WyJsaXZlIiwieCJd", "WyJsaXZlIiw5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTld", "ImhlbGxvIg"]
)
async def test_a_made_up_cursor_is_refused(scene: Scene, cursor: str) -> None:
    async with scene.app() as tx:
        with pytest.raises(Invalid, match="start again without it"):
            await inspection.list_events(tx, [scene.mine], EventFilter(), cursor=cursor)


async def test_nobody_sees_another_tenants_events(scene: Scene) -> None:
    # Both tenants' ids are asked for: the walls are Postgres's, not the query's.
    await scene.bury()
    await scene.emit()
    await scene.dispatch()
    (sent,) = [row.event_id for row in await scene.list_(EventStatus.SENT)]
    (pending,) = await scene.emit()
    assert await scene.list_(tenant=scene.other) == []
    for event_id in (sent, pending, uuid4()):
        async with scene.app(scene.other) as tx:
            with pytest.raises(NotFound) as refused:
                await inspection.show_event(tx, [scene.mine, scene.other], event_id)
        assert str(event_id) in refused.value.detail
    async with scene.system() as tx:
        page = await inspection.list_events(tx, await inspection.all_tenants(tx), EventFilter())
    assert len(page.items) == 3


async def test_the_story_of_an_event_is_told_from_its_writing_to_its_end(scene: Scene) -> None:
    # B.02
    correlation = uuid4()
    (event_id,) = await scene.emit(Probed(probe_id=uuid4()), correlation_id=correlation)
    (next_id,) = await scene.emit(RunFinished(run_id=uuid4(), status="completed"), correlation_id=correlation)
    await scene.dispatch()
    (delivery,) = await scene.take()
    await scene.put_off(delivery, 0.0)
    await scene.dispatch()
    (again,) = await scene.take()
    async with scene.app() as tx:
        await tx.execute(
            "WITH c AS (INSERT INTO app.vendor_calls (tenant_id, vendor, operation, billable, state, units_reserved,"
            " units_spent, execution_id, settled_at)"
            " VALUES ($1, 'gleif', 'search', false, 'answered', 1, 1, $2, app.now()) RETURNING id)"
            " INSERT INTO app.vendor_items (tenant_id, call_id, vendor, operation, fingerprint, state, outcome, request, response)"
            " SELECT $1, id, 'gleif', 'search', sha256('x'), 'answered', 'found', '{}', '{}' FROM c",
            scene.mine, again.execution_id,
        )  # fmt: skip
    await scene.finish(again)
    async with scene.app() as tx:
        story = await inspection.show_event(tx, [scene.mine], event_id)
    (execution,) = story.executions
    assert (execution.link, execution.state, execution.status) == ("made", "done", "completed")
    assert [(a.outcome, a.error_class) for a in execution.attempts] == [("failed", "vendor_down")]
    assert [(c.vendor, c.items) for c in execution.vendor_calls] == [("gleif", 1)]
    assert [row.event_id for row in story.related] == [next_id]
    told = [moment.what for moment in story.timeline]
    assert told[:2] == ["emitted", "sent"]
    assert told[-1] == "done"
    assert {"failed", "vendor_call", "started"} <= set(told)
    assert [m.at for m in story.timeline] == sorted(m.at for m in story.timeline)


async def test_an_absorbed_event_names_the_execution_that_absorbed_it(scene: Scene) -> None:
    probe = uuid4()
    first, second = await scene.emit(Probed(probe_id=probe), Probed(probe_id=probe))
    await scene.dispatch()
    async with scene.app() as tx:
        made = await inspection.show_event(tx, [scene.mine], first)
        absorbed = await inspection.show_event(tx, [scene.mine], second)
    assert [e.link for e in made.executions] == ["made"]
    assert [(e.link, e.id) for e in absorbed.executions] == [("absorbed", made.executions[0].id)]


async def test_a_redelivery_leads_to_the_execution_it_delivered_again(scene: Scene) -> None:
    await scene.emit()
    await scene.dispatch()
    (delivery,) = await scene.take()
    await scene.put_off(delivery, 0.0)
    (redelivery,) = await scene.list_(type="Redelivery")
    assert redelivery.aggregate_id == delivery.execution_id
    async with scene.app() as tx:
        story = await inspection.show_event(tx, [scene.mine], redelivery.event_id)
    assert [(e.link, e.id, e.state) for e in story.executions] == [("redelivered", delivery.execution_id, "waiting")]
    assert Redelivery(execution_id=delivery.execution_id).aggregate_id == redelivery.aggregate_id
