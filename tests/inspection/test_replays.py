"""Replay: nothing is done twice, dead letters are answered, filters, rates and limits are kept, and somebody signs for it."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from contracts.errors import Conflict, NotFound
from contracts.events import Probed, RunFinished
from contracts.outbox import EventStatus
from contracts.replays import Replayed, ReplayReport, ReplayRequest, TakenBack
from db import inspection, replays
from tests.inspection.scene import Scene


async def replay(scene: Scene, event_id: UUID, tenant: UUID | None = None) -> Replayed:
    async with scene.app(tenant) as tx:
        return await replays.replay_event(tx, [scene.mine, scene.other], event_id, "olga")


async def replay_many(scene: Scene, tenant: UUID | None = None, **asked: Any) -> ReplayReport:
    async with scene.app(tenant) as tx:
        request = ReplayRequest.model_validate(asked)
        return await replays.replay_many(tx, [scene.mine, scene.other], request, "olga")


async def audit(scene: Scene) -> list[dict[str, Any]]:
    async with scene.app() as tx:
        rows = await tx.fetch(
            "SELECT actor, action, subject_id, detail FROM app.audit_log WHERE action LIKE 'outbox%' ORDER BY at"
        )
    return [dict(row) for row in rows]


async def test_a_sent_event_goes_out_under_a_new_id_and_its_job_absorbs_it(scene: Scene) -> None:
    correlation = uuid4()
    (event_id,) = await scene.emit(Probed(probe_id=uuid4()), correlation_id=correlation)
    await scene.dispatch()
    replayed = await replay(scene, event_id)
    assert replayed.replay_of == event_id
    assert replayed.event_id != event_id
    assert await scene.dispatch() == 0
    async with scene.app() as tx:
        story = await inspection.show_event(tx, [scene.mine], replayed.event_id)
    assert (story.status, story.correlation_id) == (EventStatus.SENT, correlation)
    assert story.headers == {"replay_of": str(event_id), "causation_id": str(event_id)}
    assert [e.link for e in story.executions] == ["absorbed"]
    (row,) = await audit(scene)
    assert (row["actor"], row["action"], row["subject_id"]) == ("olga", "outbox.replay", str(event_id))
    assert row["detail"]["replay"] == str(replayed.event_id)


async def test_a_dead_letter_goes_on_under_its_own_id_with_no_attempts_spent(scene: Scene) -> None:
    # R9
    event_id = await scene.bury()
    replayed = await replay(scene, event_id)
    assert replayed.event_id == event_id
    async with scene.app() as tx:
        event = await inspection.find_event(tx, [scene.mine], event_id)
        letter = await tx.fetchrow("SELECT resolution, resolved_by FROM app.dead_letters WHERE event_id = $1", event_id)
    assert (event.status, event.attempts) == (EventStatus.PENDING, 0)
    assert letter is not None
    assert tuple(letter) == ("replayed", "olga")
    with pytest.raises(Conflict, match="is pending and goes out by itself"):
        await replay(scene, event_id)
    # The cause was not mended: it is given up again, and can be answered again.
    await scene.dispatch(outbox_max_attempts=1)
    assert [row.event_id for row in await scene.list_(EventStatus.DEAD_LETTER)] == [event_id]
    await replay(scene, event_id)


async def test_what_cannot_be_replayed_says_why_and_what_to_do(scene: Scene) -> None:
    (pending,) = await scene.emit()
    with pytest.raises(Conflict, match=f"is pending .* headwater outbox explain {pending}"):
        await replay(scene, pending)
    await scene.dispatch()
    (delivery,) = await scene.take()
    await scene.put_off(delivery, 0.0)
    await scene.dispatch()
    (redelivery,) = await scene.list_(type="Redelivery")
    with pytest.raises(Conflict, match=f"headwater jobs retry {delivery.execution_id}"):
        await replay(scene, redelivery.event_id)
    with pytest.raises(NotFound):
        await replay(scene, uuid4())


async def test_nobody_replays_another_tenants_events(scene: Scene) -> None:
    sent, dead = (await scene.emit())[0], await scene.bury()
    for event_id in (sent, dead):
        with pytest.raises(NotFound):
            await replay(scene, event_id, scene.other)
    report = await replay_many(scene, scene.other, filter={"status": ["sent", "dead_letter"], "newer_than_s": 3600})
    assert (report.matched, report.replayed) == (0, 0)
    assert [row.event_id for row in await scene.list_(EventStatus.DEAD_LETTER)] == [dead]


async def test_a_dry_run_counts_and_writes_nothing(scene: Scene) -> None:
    for _ in range(3):
        await scene.bury()
    report = await replay_many(scene, dry_run=True)
    assert (report.matched, report.replayed, report.by_type, report.more) == (3, 0, {"LeadForgotten": 3}, False)
    assert len(await scene.list_(EventStatus.DEAD_LETTER)) == 3
    assert await audit(scene) == []
    done = await replay_many(scene)
    assert (done.matched, done.replayed) == (3, 3)
    assert [row.status for row in await scene.list_()] == [EventStatus.PENDING] * 3
    (row,) = await audit(scene)
    assert row["detail"] == {"events": 3, "filter": {"status": []}, "replay_id": str(done.replay_id)}


async def test_a_rate_spreads_what_is_replayed_oldest_first(scene: Scene) -> None:
    events = await scene.emit(*(Probed(probe_id=uuid4()) for _ in range(4)))
    await scene.dispatch()
    report = await replay_many(scene, filter={"status": "sent", "type": "Probed"}, rate=2)
    waiting = sorted(await scene.list_(EventStatus.PENDING), key=lambda row: row.id)
    due = [row.available_at for row in waiting if row.available_at]
    assert [(later - due[0]).total_seconds() for later in due] == [0.0, 0.5, 1.0, 1.5]
    assert report.last_due_at == due[-1]
    async with scene.app() as tx:
        origins = [
            (await inspection.find_event(tx, [scene.mine], row.event_id)).headers["replay_of"] for row in waiting
        ]
    assert origins == [str(event_id) for event_id in events]


async def test_a_limit_is_kept_and_said(scene: Scene) -> None:
    for _ in range(3):
        await scene.bury()
    first = await replay_many(scene, limit=2)
    assert (first.replayed, first.more) == (2, True)
    second = await replay_many(scene, limit=2)
    assert (second.replayed, second.more) == (1, False)


async def test_a_filter_finds_in_both_and_never_replays_a_replay(scene: Scene) -> None:
    run = uuid4()
    (ended,) = await scene.emit(RunFinished(run_id=run, status="failed"))
    await scene.emit()
    await scene.dispatch()
    await scene.bury()
    asked: dict[str, Any] = {"filter": {"status": ["sent", "dead_letter"], "aggregate_id": str(run)}}
    first = await replay_many(scene, **asked)
    assert first.by_type == {"RunFinished": 1}
    await scene.dispatch()
    again = await replay_many(scene, **asked)
    assert again.matched == 1
    rows = await scene.list_(EventStatus.SENT, aggregate_id=run)
    assert rows[-1].event_id == ended


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"filter": {"status": ["pending"]}}, "still on their way"),
        ({"filter": {"status": ["sent"]}}, "needs a narrower filter"),
        ({"rate": 0}, "greater than 0"),
        ({"limit": 10**9}, "less than or equal"),
        ({"everything": True}, "Extra inputs"),
    ],
)
def test_a_request_that_would_do_harm_is_refused(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        ReplayRequest.model_validate(asked)


def test_both_spellings_are_accepted() -> None:
    # R24
    snake = {"dry_run": True, "filter": {"aggregate_type": "run", "older_than_s": 5}}
    camel = {"dryRun": True, "filter": {"aggregateType": "run", "olderThanS": 5}}
    assert ReplayRequest.model_validate(camel) == ReplayRequest.model_validate(snake)


async def take_back(scene: Scene, replay_id: UUID, tenant: UUID | None = None) -> TakenBack:
    async with scene.system() as tx:
        return await replays.take_back(tx, tenant or scene.mine, replay_id, "olga")


async def test_a_replay_of_many_is_taken_back_as_far_as_nobody_has_tried_it(scene: Scene) -> None:
    # B.02
    dead = {await scene.bury() for _ in range(3)}
    done = await replay_many(scene, limit=2, rate=0.01)
    assert done.replay_id is not None
    # The first is due and is tried, the second is due in a hundred seconds.
    await scene.dispatch(outbox_max_attempts=1)
    async with scene.app() as tx:
        (batch,) = await replays.batches(tx, scene.mine)
    assert (batch.id, batch.by, batch.events, batch.waiting) == (done.replay_id, "olga", 2, 1)
    back = await take_back(scene, done.replay_id)
    assert (back.taken_back, back.gone) == (1, 1)
    assert {row.event_id for row in await scene.list_(EventStatus.DEAD_LETTER)} == dead
    assert await scene.list_(EventStatus.PENDING) == []
    assert [row["action"] for row in await audit(scene)] == ["outbox.replay", "outbox.replay_undone"]
    with pytest.raises(Conflict, match="nothing of this replay waits"):
        await take_back(scene, done.replay_id)
    # What was taken back can be replayed again.
    assert (await replay_many(scene)).replayed == 3


async def test_an_event_that_was_replayed_anew_belongs_to_the_newer_replay(scene: Scene) -> None:
    await scene.bury()
    first = await replay_many(scene)
    await scene.dispatch(outbox_max_attempts=1)
    second = await replay_many(scene)
    assert first.replay_id is not None
    assert second.replay_id is not None
    with pytest.raises(Conflict):
        await take_back(scene, first.replay_id)
    assert (await take_back(scene, second.replay_id)).taken_back == 1


async def test_nobody_takes_back_another_tenants_replay(scene: Scene) -> None:
    # R18
    await scene.bury()
    done = await replay_many(scene)
    assert done.replay_id is not None
    with pytest.raises(NotFound):
        await take_back(scene, done.replay_id, scene.other)
    async with scene.app(scene.other) as tx:
        assert await replays.batches(tx, scene.other) == []
    assert len(await scene.list_(EventStatus.PENDING)) == 1
