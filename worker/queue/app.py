"""The Procrastinate app: one task per contracted job, and worker rows in our own table."""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, Sequence

import procrastinate
from procrastinate import job_context, manager

from contracts.jobs import JOBS
from db import queue
from db.queue import Delivery
from db.transaction import Pool
from worker.queue.connector import AsyncpgConnector
from worker.queue.pool import acquire

Perform = Callable[[Delivery], Awaitable[None]]
#: Where a task finds its delivery in the context Procrastinate hands it.
DELIVERY = "delivery"


class Registry(manager.JobManager):
    """Procrastinate's manager with worker rows in `app.workers`, without foreign keys to it (H7)."""

    def __init__(self, connector: AsyncpgConnector, pool: Pool, roles: Sequence[str], patience_s: float) -> None:
        super().__init__(connector)
        self._pool, self._roles, self._patience_s = pool, roles, patience_s

    async def register_worker(self) -> int:
        connection = await acquire(self._pool, self._patience_s)
        try:
            return await queue.register(connection, socket.gethostname()[:255], os.getpid(), self._roles)
        finally:
            await self._pool.release(connection)  # type: ignore[arg-type]

    async def unregister_worker(self, worker_id: int) -> None:
        connection = await acquire(self._pool, min(1.0, self._patience_s))
        try:
            await queue.unregister(connection, worker_id)
        finally:
            await self._pool.release(connection)  # type: ignore[arg-type]

    async def prune_stalled_workers(self, seconds_since_heartbeat: float) -> list[int]:  # noqa: ARG002
        """Nothing: the rescue puts a dead worker's jobs back, at any time and not only when one starts."""
        return []


def build_app(connector: AsyncpgConnector, perform: Perform) -> procrastinate.App:
    """An app whose tasks are the jobs of the contract, each handing its delivery to `perform`."""
    app = procrastinate.App(connector=connector)

    async def deliver(context: job_context.JobContext) -> None:
        await perform(context.additional_context[DELIVERY])

    for spec in JOBS.values():
        app.task(name=spec.name, queue=spec.queue, pass_context=True)(deliver)
    return app
