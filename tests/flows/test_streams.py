"""A tenant's facts and real workers: in the stream after a run, and once although a worker dies before it has the receipt."""

from __future__ import annotations

import pytest

from db import streams
from db.transaction import transaction
from tests.flows.installation import Desk, Installation, until
from tests.streams.wire import wired

JOBURG = "workwear manufacturers Johannesburg"


@pytest.mark.slow
async def test_a_worker_killed_between_the_message_and_its_receipt_loses_nothing(
    idle: Installation, desk: Desk
) -> None:
    # R8 S2.04: `processing` is left behind, reclaimed, and published again under the same id
    async with transaction(desk.pool, desk.tenant) as tx:
        await streams.subscribe(tx, desk.tenant, ["RunFinished"], by="tests")
    async with wired() as wire:
        wire.usual = "lose_answer"
        nats = {"NATS_URL": wire.url, "NATS_TIMEOUT_S": "30"}
        idle.worker("jobs")
        doomed = idle.worker("dispatch", **nats)
        run = await desk.run(channels=["register"], queries=[JOBURG])
        await until(wire.came.is_set, 40, "nothing is published")
        doomed.kill()
        standing = "SELECT status FROM app.outbox WHERE tenant_id = {me} AND sink = 'nats'"
        assert await desk.one(standing) == "processing"
        await desk.one(
            "UPDATE app.outbox_events SET lease_expires_at = app.now() WHERE tenant_id = {me} AND state = 'processing'"
        )
        wire.usual = "store"
        heir = idle.worker("dispatch", **nats)
        await desk.until(f"SELECT ({standing}) = 'sent'")
        (stored,) = wire.messages
        assert (wire.published, wire.duplicates) == (2, 1)
        assert stored.body["data"] == {"runId": str(run.id), "status": "completed"}
        assert stored.subject == f"headwater.{desk.slug}.RunFinished"
        assert heir.log("nats_connected")
        assert (await desk.proof()).ok
