"""SAQ on Postgres, 50 at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from saq import Worker
from saq.queue.postgres import PostgresQueue

from front.bench.peers.shape import Handle

CONCURRENCY = 50


class _Saq:
    def __init__(self, queue: Any, handle: Handle) -> None:
        self._queue, self._handle = queue, handle

    async def fill(self, payloads: Sequence[str]) -> None:
        for start in range(0, len(payloads), 50):  # it has no way to put in many
            await asyncio.gather(*[self.put(p) for p in payloads[start : start + 50]])

    async def put(self, payload: str) -> None:
        await self._queue.enqueue("nothing", payload=payload)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        async def nothing(_ctx: Any, *, payload: str) -> None:
            self._handle(payload)

        worker = Worker(self._queue, functions=[("nothing", nothing)], concurrency=CONCURRENCY)
        running = asyncio.create_task(worker.start())
        try:
            yield
        finally:
            await worker.stop()
            await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def opened(url: str, handle: Handle) -> AsyncIterator[_Saq]:
    queue = PostgresQueue.from_url(url)
    await queue.connect()
    try:
        yield _Saq(queue, handle)
    finally:
        await queue.disconnect()
