"""Group commit of finished deliveries: while one batch is being written, the next one gathers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from db import jobs, queue
from db.queue import Delivery
from worker.queue.pool import Line, jittered

#: How long those that have ended wait for others that run, in seconds: a batch costs hardly more than one of them.
LINGER_S = 0.001
log = structlog.get_logger("worker.queue")


class Finisher:
    """Writes the end of deliveries in batches; `written` gets each batch once it stands in the database.

    `held` says how many deliveries have a slot: while more than half of them still run, and ends came while the last batch was
    written, the next one waits LINGER_S for others. Jobs that run for long, or end one by one, hold nobody up.

    A write that fails is repeated until it succeeds: fenced by token and attempt, that is harmless (H3).
    """

    def __init__(self, line: Line, written: Callable[[list[Delivery]], None], held: Callable[[], int]) -> None:
        self._line = line
        self._written = written
        self._held = held
        self._waiting: list[Delivery] = []
        self._flushing: asyncio.Task[None] | None = None
        #: Deliveries finished, and those among them that another attempt owned by then.
        self.finished = 0
        self.stale = 0

    def add(self, delivery: Delivery) -> None:
        """Hand over a delivery whose work has ended."""
        self._waiting.append(delivery)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush(), name="finish")

    @property
    def idle(self) -> bool:
        return self._flushing is None

    async def close(self, timeout_s: float) -> None:
        """Wait for what is under way; after `timeout_s` seconds leave it to the rescue."""
        if self._flushing is not None:
            await asyncio.wait([self._flushing], timeout=timeout_s)
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.wait([self._flushing])
        await self._line.give_back()

    async def _flush(self) -> None:
        try:
            dense = False
            while self._waiting:
                if dense and 2 * len(self._waiting) < self._held():
                    await asyncio.sleep(LINGER_S)  # of all ways to wait, the one a simulation can take over
                batch, self._waiting = self._waiting, []
                await self._write(batch)
                self._written(batch)
                dense = True
        finally:
            self._flushing = None

    async def _write(self, batch: list[Delivery]) -> None:
        pause = 0.02
        tries = 0
        while True:
            tries += 1
            try:
                line = await self._line.take()
                _, gone = await queue.finish(line, batch)
                late = await jobs.came_back(line, [d.attempt for d in batch]) if gone < len(batch) else []
            except Exception as error:
                log.warning(
                    "finish_failed",
                    deliveries=len(batch),
                    tries=tries,
                    again_in_s=pause,
                    error=f"{type(error).__name__}: {error}",
                )
                await self._line.cut(error)
            else:
                self.finished += len(batch)
                # After a lost answer a missing row may be our own earlier success.
                if gone < len(batch) and tries == 1:
                    self.stale += len(batch) - gone
                    log.warning("stale_finish", deliveries=len(batch) - gone)
                for each in late:
                    if each.first:  # else its write was refused before, and said so
                        log.warning(
                            "attempt_fenced", execution_id=str(each.execution_id), at="finish", next_step=each.next_step
                        )
                return
            await asyncio.sleep(jittered(pause))
            pause = min(2.0, pause * 2)
