"""A tenant's webhook and real workers: told after a run, and told again under the same id when a worker dies in between."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest

from contracts.webhook_endpoints import CreateEndpoint
from db import webhooks
from db.transaction import transaction
from tests.exchange.receiver import Receiver, receiving
from tests.flows.installation import Desk, Installation, until

SECRETS = {"WEBHOOK_SIGNING_KEY": "a master key of the tests, long enough for it", "WEBHOOK_ALLOW_LOOPBACK": "true"}
JOBURG = "workwear manufacturers Johannesburg"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


async def register(desk: Desk, url: str) -> UUID:
    body = CreateEndpoint(url=url, events=["RunFinished"])
    async with transaction(desk.pool, desk.tenant) as tx:
        made, _ = await webhooks.create(tx, desk.tenant, body, url, by="tests")
    return made.id


@pytest.mark.slow
async def test_a_worker_killed_between_the_post_and_its_receipt_loses_nothing(
    idle: Installation, desk: Desk, receiver: Receiver
) -> None:
    # R8 S2.04: `processing` is left behind, reclaimed, and delivered again
    await register(desk, receiver.url)
    idle.worker("jobs", **SECRETS)
    doomed = idle.worker("dispatch", **SECRETS)
    receiver.go_on.clear()
    run = await desk.run(channels=["register"], queries=[JOBURG])
    await until(receiver.came.is_set, 20, "nothing is delivered")
    doomed.kill()
    standing = "SELECT status FROM app.outbox WHERE tenant_id = {me} AND sink = 'webhook'"
    assert await desk.one(standing) == "processing"
    await desk.one(
        "UPDATE app.outbox_events SET lease_expires_at = app.now() WHERE tenant_id = {me} AND state = 'processing'"
    )
    receiver.go_on.set()
    idle.worker("dispatch", **SECRETS)
    await desk.until(f"SELECT ({standing}) = 'sent'")
    first, *again = receiver.posts
    assert {post.body for post in again} == {first.body}
    assert first.told["data"] == {"runId": str(run.id), "status": "completed"}
    assert (await desk.proof()).ok
