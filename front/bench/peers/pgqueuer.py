"""PgQueuer, in batches of 500: the fastest there, by the measurements the aims come from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from front.bench.peers.shape import Handle

BATCH = 500


class _PgQueuer:
    def __init__(self, url: str, queries: Any, handle: Handle) -> None:
        self._url, self._queries, self._handle = url, queries, handle

    async def fill(self, payloads: Sequence[str]) -> None:
        await self._queries.enqueue(["job"] * len(payloads), [p.encode() for p in payloads], [0] * len(payloads))

    async def put(self, payload: str) -> None:
        await self._queries.enqueue("job", payload.encode())

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        connection = await asyncpg.connect(self._url)
        worker = PgQueuer(AsyncpgDriver(connection))

        async def job(taken: Any) -> None:
            self._handle(taken.payload.decode())

        worker.entrypoint("job")(job)
        running = asyncio.create_task(worker.run(batch_size=BATCH))
        try:
            yield
        finally:
            worker.shutdown.set()
            await running
            await connection.close()


@asynccontextmanager
async def opened(url: str, handle: Handle) -> AsyncIterator[_PgQueuer]:
    connection = await asyncpg.connect(url)
    try:
        queries = Queries(AsyncpgDriver(connection))
        await queries.install()
        yield _PgQueuer(url, queries, handle)
    finally:
        await connection.close()
