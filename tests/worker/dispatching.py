"""Events put into the outbox, and a dispatcher that is turned by hand."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from contracts.events import Event, Probed
from contracts.settings import Settings
from db import outbox
from db.transaction import Pool, transaction
from worker.dispatcher import Dispatcher


def dispatcher(pool: Pool, **settings: Any) -> Dispatcher:
    return Dispatcher(pool, Settings.model_construct(**settings))


async def emit(pool: Pool, tenant: UUID, *events: Event, **how: Any) -> None:
    async with transaction(pool, tenant) as tx:
        for event in events:
            await outbox.emit(tx, tenant, event, **how)


def probes(count: int, key: str = "") -> list[Event]:
    return [Probed(probe_id=uuid4(), key=key) for _ in range(count)]
