"""awa-pg, a runtime in Rust with handlers in Python, 200 workers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from awa import AsyncClient

from front.bench.peers.shape import Handle

WORKERS = 200


@dataclass
class Nothing:
    """Arguments of the no-op job."""

    payload: str


class _Awa:
    def __init__(self, client: Any) -> None:
        self._client = client

    async def fill(self, payloads: Sequence[str]) -> None:
        await self._client.enqueue_many_copy([Nothing(p) for p in payloads], queue="bench")

    async def put(self, payload: str) -> None:
        await self._client.insert(Nothing(payload), queue="bench")

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        await self._client.start([("bench", WORKERS)])
        try:
            yield
        finally:
            await self._client.shutdown()


@asynccontextmanager
async def opened(url: str, handle: Handle) -> AsyncIterator[_Awa]:
    client = AsyncClient(url)
    await client.migrate()
    await client.install_queue_storage()

    async def job(taken: Any) -> None:
        handle(taken.args.payload)

    client.task(Nothing, queue="bench")(job)
    try:
        yield _Awa(client)
    finally:
        await client.close()
