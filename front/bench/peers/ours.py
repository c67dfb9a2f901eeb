"""Ours, measured from outside as the peers are: 100 at once, each job's event committed and dispatched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

from api.wake import Wake
from contracts.events import Event, Probed
from db import outbox
from db.commands import prepare
from db.queue import Delivery
from db.transaction import transaction
from front.bench.peers.shape import Handle
from worker.bench.figures import hand_off_all, installation
from worker.bench.ground import Ground, ground, settle

CONCURRENCY = 100


class _Ours:
    def __init__(self, on: Ground, wake: Wake, handle: Handle) -> None:
        self._on, self._wake, self._handle = on, wake, handle
        self._payloads: dict[str, str] = {}

    def _event(self, payload: str) -> Event:
        # Payloads of ours fit a contract: the others' text stays here. With its history a job's row is longer than theirs.
        probe: UUID = uuid4()
        self._payloads[str(probe)] = payload
        return Probed(probe_id=probe)

    async def fill(self, payloads: Sequence[str]) -> None:
        for start in range(0, len(payloads), 1000):
            async with transaction(self._on.pool, self._on.tenants[0]) as tx:
                await outbox.emit_many(
                    tx, self._on.tenants[0], [self._event(p) for p in payloads[start : start + 1000]]
                )
        await hand_off_all(self._on)
        await settle(self._on)

    async def put(self, payload: str) -> None:
        async with transaction(self._on.pool, self._on.tenants[0]) as tx:
            await outbox.emit(tx, self._on.tenants[0], self._event(payload))
        self._wake.soon()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        async def perform(delivery: Delivery) -> None:
            self._handle(self._payloads.pop(str(delivery.payload["probeId"])))

        async with installation(self._on, perform, concurrency=CONCURRENCY):
            yield


@asynccontextmanager
async def opened(url: str, handle: Handle) -> AsyncIterator[_Ours]:
    await prepare(url)
    async with ground(url) as on:
        wake = Wake(url)
        wake.start()
        while not wake.connected:  # noqa: ASYNC110 - once, before measuring
            await asyncio.sleep(0.01)
        try:
            yield _Ours(on, wake, handle)
        finally:
            await wake.stop()
