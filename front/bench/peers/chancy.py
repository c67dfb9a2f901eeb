"""Chancy with its asyncio executor, 500 at once, polling eagerly."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from chancy import Chancy, Job, Queue, Worker

from front.bench.peers.shape import Handle

CONCURRENCY = 500
#: Chancy finds a job by the name of its function.
_handlers: list[Handle] = []


async def nothing(payload: str) -> None:
    """The no-op job."""
    _handlers[-1](payload)


def _job(payload: str) -> Any:
    return Job(func=f"{nothing.__module__}.nothing", queue="bench", kwargs={"payload": payload})


class _Chancy:
    def __init__(self, app: Any) -> None:
        self._app = app

    async def fill(self, payloads: Sequence[str]) -> None:
        async for _ in self._app.push_many([_job(p) for p in payloads]):
            pass

    async def put(self, payload: str) -> None:
        await self._app.push(_job(payload))

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        async with Worker(self._app, register_signal_handlers=False):
            yield


@asynccontextmanager
async def opened(url: str, handle: Handle) -> AsyncIterator[_Chancy]:
    _handlers.append(handle)
    async with Chancy(url) as app:
        await app.migrate()
        await app.declare(
            Queue(
                name="bench",
                concurrency=CONCURRENCY,
                executor=Chancy.Executor.Async,
                eager_polling=True,
                polling_interval=1,
            )
        )
        yield _Chancy(app)
