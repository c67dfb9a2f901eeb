"""Taking deliveries, and giving back those a failed fetch may have left in our name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog
from procrastinate import utils

from contracts.jobs import ALONE_QUEUE
from db import limited_fetch, queue
from db.queue import Delivery
from db.transaction import Tx
from worker.queue.pool import Line, jittered

#: How often to look for deliveries held without being run, even if no fetch has failed, in seconds.
RECONCILE_S = 10.0
log = structlog.get_logger("worker.queue")


class Fetcher:
    """Fetches over one kept connection. No error gets out: the worker goes on, after a pause (H5).

    `held` gives the delivery ids the worker runs right now; all others in its name are put back.
    """

    def __init__(
        self, line: Line, queues: Sequence[str], held: Callable[[], list[int]], stopping: asyncio.Event
    ) -> None:
        self._line, self._queues, self._held, self._stopping = line, tuple(queues), held, stopping
        self._pause = 0.0
        self._unsure = True
        self._reconcile_at = 0.0
        self._last: Tx | None = None
        #: Limits stand: fetches count what runs, and each ends in less than was asked for although more may start.
        self.limited = False
        #: In how many seconds a rate lets the next job start that waits for it; None: none does.
        self.again_in_s: float | None = None
        #: Deliveries taken so far.
        self.fetched = 0

    async def take(self, worker_id: int, limit: int, *, alone: bool = False) -> list[Delivery] | None:
        """Up to `limit` deliveries (`alone`: one that must run by itself); None after an error."""
        self.again_in_s = None
        try:
            line = await self._line.take()
            # The server may have gone back behind a connection that broke (ADR 0049).
            if self._unsure or line is not self._last or time.monotonic() >= self._reconcile_at:
                await self._reconcile(line, worker_id)
            queues = [ALONE_QUEUE] if alone else self._queues
            batch = [] if alone or self.limited else await queue.fetch(line, worker_id, queues, limit)
            # A job that runs alone comes from another queue, whose limits hold for it.
            if not batch and (alone or self.limited or await limited_fetch.stands(line)):
                batch, self.again_in_s, self.limited = await limited_fetch.take(line, worker_id, queues, limit)
        except Exception as error:
            await self._failed("fetch_failed", error)
            return None
        self._pause = 0.0
        if batch and self._stopping.is_set():
            await self.put_back(worker_id)
            return []
        self.fetched += len(batch)
        return batch

    @property
    def look_in_s(self) -> float:
        """In how many seconds `look` has something to do."""
        return max(0.0, self._reconcile_at - time.monotonic())

    async def look(self, worker_id: int) -> None:
        """Put back what is in our name and not held, if it is time to: while no slot is free, nothing is taken."""
        if self.look_in_s > 0:
            return
        try:
            await self._reconcile(await self._line.take(), worker_id)
        except Exception as error:
            await self._failed("look_failed", error)
        else:
            self._pause = 0.0

    async def waiting_alone(self) -> bool:
        """Is a job waiting that must run by itself?"""
        try:
            return await queue.waiting_alone(await self._line.take())
        except Exception as error:
            await self._failed("alone_check_failed", error)
            return False

    async def put_back(self, worker_id: int) -> None:
        """Put back what is in our name and not held, if the database lets us; else the rescue will."""
        try:
            await self._reconcile(await self._line.take(), worker_id)
        except Exception as error:
            log.warning("put_back_failed", error=f"{type(error).__name__}: {error}")
            await self._line.cut(error)

    async def close(self) -> None:
        """Give the connection back."""
        await self._line.give_back()

    async def _reconcile(self, line: Tx, worker_id: int) -> None:
        back = await queue.reconcile(line, worker_id, self._held())
        self._unsure, self._last, self._reconcile_at = False, line, time.monotonic() + RECONCILE_S
        if back:
            log.warning("put_back", deliveries=back)
            await queue.wake(line, queue.JOBS_CHANNEL)

    async def _failed(self, event: str, error: Exception) -> None:
        # The statement may have taken deliveries whose names we never learnt.
        self._unsure = True
        await self._line.cut(error)
        self._pause = min(2.0, max(0.05, self._pause * 2))
        log.warning(event, again_in_s=self._pause, error=f"{type(error).__name__}: {error}")
        await utils.wait_any(asyncio.sleep(jittered(self._pause)), self._stopping.wait())
