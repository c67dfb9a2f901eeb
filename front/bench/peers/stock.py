"""Procrastinate as it comes, 50 at once: the yardstick."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from front.bench.peers.shape import Handle
from worker.bench import stock

CONCURRENCY = 50


class _Stock:
    def __init__(self, app: Any, task: Any) -> None:
        self._app, self._task = app, task

    async def fill(self, payloads: Sequence[str]) -> None:
        for start in range(0, len(payloads), 1000):
            await self._task.batch_defer_async(*[{"payload": p} for p in payloads[start : start + 1000]])
        await self._app.connector.execute_query_async("ANALYZE procrastinate_jobs")

    async def put(self, payload: str) -> None:
        await self._task.defer_async(payload=payload)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        running = asyncio.create_task(
            self._app.run_worker_async(queues=["bench"], concurrency=CONCURRENCY, install_signal_handlers=False)
        )
        await asyncio.sleep(0.2)  # it says nowhere that it listens
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def opened(url: str, handle: Handle) -> AsyncIterator[_Stock]:
    async with stock.installed_on(url) as app:

        async def job(payload: str) -> None:
            handle(payload)

        yield _Stock(app, app.task(name="job", queue="bench")(job))
