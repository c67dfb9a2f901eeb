"""How fast things went: every event and job stands in the minute it belongs to, and nobody counts another tenant's."""

from __future__ import annotations

from uuid import UUID, uuid4

from contracts.events import Probed
from contracts.throughput import Throughput
from db import throughput
from tests.inspection.scene import Scene


async def look(scene: Scene, tenant: UUID | None = None, minutes: int = 60, bound: int = 1000) -> Throughput:
    async with scene.app(tenant) as tx:
        return await throughput.series(tx, tenant or scene.mine, minutes=minutes, look=bound)


async def test_what_was_written_sent_done_and_given_up_is_counted(scene: Scene) -> None:
    # S2.17
    await scene.emit(*(Probed(probe_id=uuid4()) for _ in range(5)))
    await scene.dispatch()
    done, given_up, *_ = await scene.take(2)
    await scene.finish(done)
    await scene.give_up(given_up)
    await scene.emit()
    seen = await look(scene)
    assert (seen.step_s, len(seen.times)) == (60, 60)
    assert (sum(seen.written), sum(seen.sent), sum(seen.ended), sum(seen.failed)) == (6, 5, 1, 1)
    told = [n for n, sent in enumerate(seen.sent) if sent]
    assert all((seen.handoff_p95_s[n] or 0) >= (seen.handoff_p50_s[n] or 0) > 0 for n in told)
    assert [n for n, took in enumerate(seen.handoff_p50_s) if took is None] == [n for n in range(60) if n not in told]
    assert seen.whole_from is None
    none = await look(scene, scene.other)
    assert sum((*none.written, *none.sent, *none.ended, *none.failed)) == 0


async def test_a_day_has_longer_steps_and_a_bound_is_said(scene: Scene) -> None:
    await scene.emit(*(Probed(probe_id=uuid4()) for _ in range(5)))
    await scene.dispatch()
    seen = await look(scene, minutes=1440, bound=2)
    assert (seen.step_s, len(seen.times)) == (480, 180)
    assert seen.whole_from is not None
    assert sum(seen.sent) == 2
