"""A pause holds a tenant's events back, loses none of them, and ends only by whoever may end it."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.errors import Conflict
from contracts.outbox import EventStatus
from db import pauses, tenants
from tests.inspection.scene import Scene


async def audited(scene: Scene) -> list[Any]:
    async with scene.app() as tx:
        rows = await tx.fetch("SELECT action FROM app.audit_log WHERE action LIKE 'outbox%' ORDER BY id")
    return [row["action"] for row in rows]


async def test_a_paused_tenants_events_wait_and_go_on_when_it_is_resumed(scene: Scene) -> None:
    # S2.17
    (event_id,) = await scene.emit()
    async with scene.app() as tx:
        assert (await pauses.pause(tx, scene.mine, reason="the CRM is moved", by="olga")).paused
        again = await pauses.pause(tx, scene.mine, reason="me too", by="otto")
    assert (again.by, again.reason, again.suspended) == ("olga", "the CRM is moved", False)
    assert await scene.dispatch() == 0
    assert [row.event_id for row in await scene.list_(EventStatus.PENDING)] == [event_id]
    async with scene.app() as tx:
        assert not (await pauses.resume(tx, scene.mine, by="olga")).paused
        assert not (await pauses.resume(tx, scene.mine, by="olga")).paused
    assert await scene.dispatch() == 1
    assert await audited(scene) == ["outbox.pause", "outbox.resume"]


async def test_another_tenants_events_do_not_wait(scene: Scene) -> None:
    # R18
    async with scene.app(scene.other) as tx:
        await pauses.pause(tx, scene.other, reason="theirs", by="olga")
    await scene.emit()
    assert await scene.dispatch() == 1
    async with scene.app() as tx:
        assert not (await pauses.show(tx, scene.mine)).paused


async def test_a_suspension_is_not_an_operators_to_end(scene: Scene) -> None:
    async with scene.system() as tx:
        slug = await tx.fetchval("SELECT slug FROM app.tenants WHERE id = $1", scene.mine)
        await tenants.set_status(tx, slug, "paused", by="house")
    async with scene.app() as tx:
        assert (await pauses.show(tx, scene.mine)).suspended
        with pytest.raises(Conflict, match="the house resumes it"):
            await pauses.resume(tx, scene.mine, by="olga")
