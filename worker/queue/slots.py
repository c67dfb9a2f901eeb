"""The slots of a worker: what runs, what is being finished, and how a delivery is cut short."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Literal

import structlog
from procrastinate import App, job_context, jobs

from db.queue import Delivery
from worker.queue.app import DELIVERY, Perform
from worker.queue.finisher import Finisher
from worker.queue.pool import Line

REASONS = {
    "cancel": job_context.AbortReason.USER_REQUEST,
    "shutdown": job_context.AbortReason.SHUTDOWN,
}
log = structlog.get_logger("worker.queue")


class Slots:
    """Runs each delivery as a task of the app; its slot stays taken until its end is written.

    A delivery whose task ends in an error or a cancellation without being settled is neither finished nor held
    any longer: the next reconcile puts it back.
    """

    def __init__(
        self, app: App, perform: Perform, queues: Sequence[str], line: Line, on_written: Callable[[], None]
    ) -> None:
        self._app, self._perform, self._queues = app, perform, tuple(queues)
        self._held: dict[Delivery, asyncio.Task[None] | None] = {}
        self._freed = asyncio.Event()
        self._on_written = on_written
        self.finisher = Finisher(line, self._written, self.__len__)

    def __len__(self) -> int:
        """How many are taken."""
        return len(self._held)

    def ids(self) -> list[int]:
        """The deliveries in them."""
        return [delivery.delivery_id for delivery in self._held]

    def begin(self, delivery: Delivery) -> None:
        """Take a slot and run the delivery in it; one whose execution has moved on is only finished."""
        if delivery.job is None:
            self._held[delivery] = None
            self.finisher.add(delivery)
        else:
            self._held[delivery] = asyncio.create_task(self._run(delivery))

    def abort(self, deliveries: Sequence[Delivery], reason: Literal["cancel", "shutdown"]) -> None:
        """Cancel the tasks of deliveries, each at most once: what it does about it must not be cut short too."""
        for delivery in deliveries:
            task = self._held.get(delivery)
            if task is not None and not task.done() and delivery.abort is None:
                delivery.abort = reason
                task.cancel()

    def running(self) -> list[Delivery]:
        """Deliveries whose task has not ended."""
        return [delivery for delivery, task in self._held.items() if task is not None and not task.done()]

    async def freed(self, timeout_s: float | None = None) -> None:
        """Wait for a slot to come free, for `wake()`, or for `timeout_s` seconds."""
        self._freed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._freed.wait()

    def wake(self) -> None:
        """End a wait for free slots."""
        self._freed.set()

    async def ended(self, timeout_s: float | None) -> bool:
        """Wait until nothing runs any more, for `timeout_s` seconds at most. False: something still does."""
        if live := [task for task in self._held.values() if task is not None]:
            await asyncio.wait(live, timeout=timeout_s)
        return not self.running()

    async def _run(self, delivery: Delivery) -> None:
        task = self._app.tasks.get(delivery.task_name)
        try:
            # A job of newer code has no task here: `perform` knows what to say about it.
            await (task(self._context(delivery)) if task else self._perform(delivery))
        except BaseException as error:
            if not isinstance(error, asyncio.CancelledError):
                log.exception("frame_failed", job=delivery.job, execution_id=str(delivery.execution_id))
            if not delivery.settled:
                del self._held[delivery]
                self._freed.set()
                return
        self.finisher.add(delivery)

    def _context(self, delivery: Delivery) -> job_context.JobContext:
        return job_context.JobContext(
            app=self._app,
            worker_queues=self._queues,
            additional_context={DELIVERY: delivery},
            job=jobs.Job(
                id=delivery.delivery_id,
                queue=delivery.queue,
                lock=None,
                queueing_lock=None,
                task_name=delivery.task_name,
                attempts=delivery.delivery_attempt,
            ),
            start_timestamp=time.time(),
            abort_reason=lambda: REASONS.get(delivery.abort or ""),
        )

    def _written(self, batch: list[Delivery]) -> None:
        for delivery in batch:
            del self._held[delivery]
        self._freed.set()
        self._on_written()
