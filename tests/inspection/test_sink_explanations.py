"""Why has it not left the house? NATS away, an endpoint away or disabled: brought about for real, and named with the next step."""

from __future__ import annotations

from uuid import UUID, uuid4

from pydantic import SecretStr

from contracts.events import RunFinished
from contracts.outbox import Finding
from contracts.settings import Settings
from contracts.webhook_endpoints import ChangeEndpoint, CreateEndpoint
from db import streams, webhooks
from tests.inspection.scene import Scene
from tests.inspection.test_explanations import alive, explain
from worker.streams import StreamSink

FACT = "RunFinished"
URL = "https://crm.example/hook"


async def sent_on(scene: Scene, sink: str) -> UUID:
    """A fact is handed off; gives its message for the sink."""
    await alive(scene)
    await scene.emit(RunFinished(run_id=uuid4(), status="completed"))
    await scene.dispatch()
    (row,) = [each for each in await scene.list_() if each.sink == sink]
    return row.event_id


async def why(scene: Scene, event_id: UUID) -> dict[str, Finding]:
    return {found.code: found for found in (await explain(scene, event_id)).findings}


async def test_nats_that_is_away_is_named_and_that_nothing_is_lost(scene: Scene) -> None:
    # B.02
    async with scene.system() as tx:
        await streams.subscribe(tx, scene.mine, [FACT], by="olga")
    event_id = await sent_on(scene, "nats")
    assert list(await why(scene, event_id)) == ["in_line"]
    nowhere = Settings(nats_url=SecretStr("nats://127.0.0.1:1"), nats_timeout_s=0.2)
    sink = StreamSink(scene.pool, nowhere)
    for _ in range(5):  # as many failures in a row as open a breaker
        assert await sink.turn() == 0
    found = (await why(scene, event_id))["nats_away"]
    assert found.blocking
    assert "failed 5 times in a row, and is left alone until" in found.text
    assert "no attempt is spent" in found.next_step
    assert "127.0.0.1" not in found.text, "where the house's NATS stands is not a tenant's to know"


async def test_a_message_that_nobody_publishes_says_what_to_start(scene: Scene) -> None:
    async with scene.system() as tx:
        await streams.subscribe(tx, scene.mine, [FACT], by="olga")
    event_id = await sent_on(scene, "nats")
    async with scene.system() as tx:
        await tx.execute(
            "UPDATE app.outbox_events SET available_at = available_at - interval '5 minutes' WHERE sink = 'nats'"
        )
    found = await why(scene, event_id)
    assert "NATS_URL" in found["nats_unattended"].next_step
    assert found["nats_unattended"].blocking


async def test_an_endpoint_that_is_away_or_disabled_is_named_with_how_to_try_again(scene: Scene) -> None:
    async with scene.app() as tx:
        made, _ = await webhooks.create(tx, scene.mine, CreateEndpoint(url=URL, events=[FACT]), URL, by="olga")
    event_id = await sent_on(scene, "webhook")
    assert list(await why(scene, event_id)) == ["in_line"]
    async with scene.system() as tx:
        (delivery,) = await webhooks.lease(tx, batch=1, for_s=30, busy=[])
        await webhooks.outage(tx, delivery, "it answered 503")
    found = await why(scene, event_id)
    assert set(found) == {"retrying", "endpoint_away"}
    assert "failed 1 times in a row (it answered 503), and is left alone until" in found["endpoint_away"].text
    assert f"headwater webhooks change {made.id} --enable" in found["endpoint_away"].next_step
    assert "becomes a dead letter" not in found["retrying"].next_step
    async with scene.system() as tx:
        await tx.execute("UPDATE app.webhook_endpoints SET open_until = app.now() - interval '1 s'")
    assert "is due to be tried again" in (await why(scene, event_id))["endpoint_away"].text
    async with scene.app() as tx:
        await webhooks.change(tx, scene.mine, made.id, ChangeEndpoint(enabled=False), None, by="olga")
    found = await why(scene, event_id)
    assert "is disabled" in found["endpoint_disabled"].text
    assert found["endpoint_disabled"].blocking
