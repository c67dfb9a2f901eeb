"""The worker loop: batch fetch into free slots, group-committed finish, abort, drain. Procrastinate's `Worker` around it.

What of Procrastinate's internals this leans on is pinned by tests/queue/test_internals.py.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog
from procrastinate import job_context, jobs, utils
from procrastinate.worker import Worker

from contracts.jobs import QUEUES
from db import queue
from db.queue import Delivery
from db.transaction import Pool, Tx
from worker.queue.app import DELIVERY, Perform, Registry, build_app
from worker.queue.connector import PATIENCE_S, AsyncpgConnector, Line
from worker.queue.finisher import Finisher
from worker.queue.heartbeat import Heartbeat

#: How long the heartbeat thread may hang before the process gives itself up, in seconds.
HANG_S = 20.0
#: How often to look for deliveries we hold but do not run, and for jobs that must run alone, in seconds.
RECONCILE_S = 10.0
ALONE_S = 1.0
#: How long cancelled jobs, and then the last finish, may take at shutdown, in seconds.
SETTLE_S = 10.0
REASONS = {"cancel": job_context.AbortReason.USER_REQUEST, "shutdown": job_context.AbortReason.SHUTDOWN}
log = structlog.get_logger("worker.queue")


class WorkerBroken(RuntimeError):
    """A part the worker cannot do without has died: the process should exit, so that its supervisor starts another."""


class BatchWorker(Worker):
    """Runs deliveries of `queues`, at most `concurrency` at once, each through `perform`.

    `perform` raises nothing but CancelledError. It sets `delivery.settled` when its own transaction has ended the
    execution; otherwise the batch finish marks it done. `delivery.abort` says why its task was cancelled. A delivery
    cancelled without being settled goes back into the queue.

    `pool` comes from `open_queue_pool` and needs 4 connections; `listen_url` is a direct address of the same database.
    `on_drained` is called after every batch written: slots, and the tenants' room in the queue, have come free.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        listen_url: str,
        perform: Perform,
        queues: Sequence[str] = QUEUES,
        concurrency: int,
        roles: Sequence[str] = ("jobs",),
        poll_s: float = 1.0,
        cancel_poll_s: float = 1.0,
        heartbeat_s: float = 0.75,
        drain_s: float = 30.0,
        patience_s: float = PATIENCE_S,
        on_drained: Callable[[], None] | None = None,
        install_signal_handlers: bool = False,
    ) -> None:
        connector = AsyncpgConnector(pool, listen_url, patience_s=patience_s)
        app = build_app(connector, perform)
        app.job_manager = Registry(connector, pool, roles, patience_s)
        super().__init__(
            app=app,
            queues=tuple(queues),
            concurrency=concurrency,
            fetch_job_polling_interval=poll_s,
            abort_job_polling_interval=cancel_poll_s,
            shutdown_graceful_timeout=drain_s,
            install_signal_handlers=install_signal_handlers,
            update_heartbeat_interval=heartbeat_s,
        )
        self.listener = connector.listener
        self.on_drained = on_drained
        #: Deliveries taken from the queue.
        self.fetched = 0
        self._pool, self._listen_url, self._perform, self._roles = pool, listen_url, perform, tuple(roles)
        self._queues = tuple(queues)
        # Half the slots a fetch: while one half is being fetched, the other runs or is being finished.
        self._batch = math.ceil(concurrency / 2)
        self._line = Line(pool, patience_s)
        self._finisher = Finisher(Line(pool, patience_s), self._written)
        self._held: dict[Delivery, asyncio.Task[None] | None] = {}
        self._freed = asyncio.Event()
        self._heartbeat: Heartbeat | None = None
        self._broken: str | None = None
        self._unsure = False
        self._fetch_pause = 0.0
        self._reconcile_at = self._alone_at = 0.0

    @property
    def finished(self) -> int:
        """Deliveries whose end is written."""
        return self._finisher.finished

    @property
    def stale_finishes(self) -> int:
        """Deliveries another attempt owned by the time we finished them: the price of a false rescue."""
        return self._finisher.stale

    @property
    def running(self) -> int:
        """Slots in use."""
        return len(self._held)

    async def run(self) -> None:
        """Work until `stop()`.

        Raises: WorkerBroken when a side task or the heartbeat thread has died; Unavailable when the server is away at the start.
        """
        await super().run()  # type: ignore[no-untyped-call]
        if self._broken:
            raise WorkerBroken(f"{self._broken}: restart this process; its jobs are safe")

    def stop(self) -> None:
        """Stop fetching, let running jobs end for `drain_s` seconds, then cancel them. May be called from any thread."""
        loop = self._loop
        super().stop()  # type: ignore[no-untyped-call]
        if loop is not None:
            loop.call_soon_threadsafe(self._freed.set)

    # -- fetching

    async def _fetch_and_process_jobs(self) -> None:
        while not self._stop_event.is_set():
            await self._look_around()
            free = self.concurrency - len(self._held)
            if free <= 0:
                await self._slot_freed()
                continue
            # Cleared before the query: what is notified meanwhile must not be forgotten (H6).
            self._new_job_event.clear()
            wanted = min(free, self._batch)
            batch = await self._fetch(wanted)
            if batch is None:
                continue
            for delivery in batch:
                self._begin(delivery)
            if len(batch) < wanted:
                return

    async def _fetch(self, limit: int, *, alone: bool = False) -> list[Delivery] | None:
        """Up to `limit` deliveries; None after an error, which never ends the worker (H5)."""
        try:
            line = await self._line.take()
            if self._unsure:
                await self._reconcile(line)
            worker_id = self._id()
            batch = await (
                queue.fetch_alone(line, worker_id)
                if alone
                else queue.fetch(line, worker_id, self._queues, limit)
            )
        except Exception as error:
            await self._fetch_failed(error)
            return None
        self._fetch_pause = 0.0
        self.fetched += len(batch)
        if batch and self._stop_event.is_set():
            await self._give_back()
            return None
        return batch

    async def _fetch_failed(self, error: Exception) -> None:
        # The statement may have taken deliveries whose names we never learnt.
        self._unsure = True
        await self._line.cut()
        self._fetch_pause = min(2.0, max(0.05, self._fetch_pause * 2))
        log.warning("fetch_failed", again_in_s=self._fetch_pause, error=f"{type(error).__name__}: {error}")
        await utils.wait_any(
            asyncio.sleep(random.uniform(0.5, 1) * self._fetch_pause), self._stop_event.wait()
        )

    async def _look_around(self) -> None:
        """Now and then: what do we hold without running it, and is a job waiting that must run alone?"""
        now = time.monotonic()
        if now >= self._reconcile_at:
            self._reconcile_at, self._unsure = now + RECONCILE_S, True
        if now < self._alone_at:
            return
        self._alone_at = now + ALONE_S
        if await self._waiting_alone():
            await self._run_alone()

    async def _waiting_alone(self) -> bool:
        try:
            return await queue.waiting_alone(await self._line.take())
        except Exception as error:
            await self._fetch_failed(error)
            return False

    async def _run_alone(self) -> None:
        """Let all else end, run the job that killed two workers by itself, go on."""
        while self._held and not self._stop_event.is_set():
            await self._slot_freed(ALONE_S)
            if self._held and not await self._waiting_alone():
                return
        if self._stop_event.is_set():
            return
        for delivery in await self._fetch(1, alone=True) or ():
            log.warning("runs_alone", job=delivery.job, execution_id=str(delivery.execution_id))
            self._begin(delivery)
        while self._held and not self._stop_event.is_set():
            await self._slot_freed()

    async def _slot_freed(self, timeout_s: float | None = None) -> None:
        self._freed.clear()
        if not self._stop_event.is_set():
            try:
                await asyncio.wait_for(self._freed.wait(), timeout_s)
            except TimeoutError:
                return

    async def _reconcile(self, line: Tx) -> None:
        back = await queue.reconcile(line, self._id(), [d.delivery_id for d in self._held])
        self._unsure = False
        if back:
            log.warning("put_back", deliveries=back)
            await queue.wake(line, queue.JOBS_CHANNEL)

    async def _give_back(self) -> None:
        """Put back what we hold without running it, if the database lets us; else the rescue will."""
        try:
            await self._reconcile(await self._line.take())
        except Exception as error:
            log.warning("put_back_failed", error=f"{type(error).__name__}: {error}")
            await self._line.cut()

    def _id(self) -> int:
        if self.worker_id is None:
            raise RuntimeError("the worker is not registered: call run()")
        return self.worker_id

    # -- running

    def _begin(self, delivery: Delivery) -> None:
        if delivery.job is None:
            self._held[delivery] = None
            self._finisher.add(delivery)
            return
        context = job_context.JobContext(
            app=self.app,
            worker_name=self.worker_name,
            worker_queues=self.queues,
            additional_context={DELIVERY: delivery},
            job=jobs.Job(
                id=delivery.delivery_id,
                status="doing",
                queue=delivery.queue,
                lock=None,
                queueing_lock=None,
                task_name=delivery.task_name,
                attempts=delivery.delivery_attempt,
                worker_id=self.worker_id,
            ),
            start_timestamp=time.time(),
            abort_reason=lambda: REASONS.get(delivery.abort or ""),
        )
        self._held[delivery] = asyncio.create_task(self._process_job(context))

    async def _process_job(self, context: job_context.JobContext) -> None:
        delivery: Delivery = context.additional_context[DELIVERY]
        task = self.app.tasks.get(delivery.task_name)
        try:
            # A job of newer code has no task here: `perform` knows what to say about it.
            await (task(context) if task else self._perform(delivery))
        except BaseException as error:
            if not isinstance(error, asyncio.CancelledError):
                log.exception("frame_failed", job=delivery.job, execution_id=str(delivery.execution_id))
            if not delivery.settled:
                # Not finished and not held: the next reconcile puts it back.
                del self._held[delivery]
                self._freed.set()
                return
        self._finisher.add(delivery)

    def _written(self, batch: list[Delivery]) -> None:
        for delivery in batch:
            del self._held[delivery]
        self._freed.set()
        if self.on_drained:
            self.on_drained()

    # -- beside it

    def _start_side_tasks(self) -> list[asyncio.Task[Any]]:
        loop = asyncio.get_running_loop()
        self._heartbeat = Heartbeat(
            self._listen_url,
            self._id(),
            every_s=self.update_heartbeat_interval,
            roles=self._roles,
            on_new_id=lambda new: loop.call_soon_threadsafe(self._renamed, new),
        )
        self._heartbeat.start()
        self.listener.on_relisten = self._new_job_event.set
        heard: Callable[[str, str], None] = lambda _channel, _payload: self._new_job_event.set()  # noqa: E731
        parts: dict[str, Coroutine[Any, Any, None]] = {
            "listener": self.listener.run([queue.JOBS_CHANNEL], heard),
            "cancel poll": self._poll_jobs_to_abort(),
            "watchdog": self._watch(self._heartbeat),
        }
        return [asyncio.create_task(part, name=name) for name, part in parts.items()]

    def _renamed(self, worker_id: int) -> None:
        self.worker_id = worker_id

    async def _monitor_side_tasks(self, side_tasks: list[asyncio.Task[Any]]) -> None:
        done, _ = await asyncio.wait(side_tasks, return_when=asyncio.FIRST_COMPLETED)
        ended = done.pop()
        why = "cancelled" if ended.cancelled() else repr(ended.exception())
        self._break(f"side task {ended.get_name()} has ended ({why})")

    async def _watch(self, heartbeat: Heartbeat) -> None:
        while True:
            heartbeat.seen()
            if fault := heartbeat.fault(HANG_S):
                self._break(fault)
            await asyncio.sleep(1)

    def _break(self, why: str) -> None:
        if self._broken is None and not self._stop_event.is_set():
            log.critical(
                "worker_broken", why=why, next_step="the process ends; let its supervisor start another"
            )
            self._broken = why
            self.stop()

    async def _poll_jobs_to_abort(self) -> None:
        while True:
            await asyncio.sleep(self.abort_job_polling_interval)
            running = {
                d.execution_id: d for d, t in self._held.items() if t and not t.done() and d.abort is None
            }
            if not running:
                continue
            try:
                async with self._pool.acquire(timeout=5) as connection:
                    asked = await queue.cancel_requests(connection, list(running.values()))
            except Exception as error:
                log.warning("cancel_poll_failed", error=f"{type(error).__name__}: {error}")
                continue
            self._abort([running[execution_id] for execution_id in asked], "cancel")

    def _abort(self, deliveries: Sequence[Delivery], reason: Any) -> None:
        for delivery in deliveries:
            task = self._held.get(delivery)
            if task is not None and not task.done():
                delivery.abort = reason
                task.cancel()

    # -- the end

    async def _shutdown(self, side_tasks: list[asyncio.Task[Any]]) -> None:
        await self._wait_for_jobs(self.shutdown_graceful_timeout)
        if self._live():
            log.warning("drain_over", still_running=len(self._live()))
            self._abort(list(self._held), "shutdown")
            await self._wait_for_jobs(SETTLE_S)
        await self._finisher.close(SETTLE_S)
        await self._give_back()
        await utils.cancel_and_capture_errors(side_tasks)
        if self._heartbeat:
            await asyncio.to_thread(self._heartbeat.stop)
        try:
            await self.app.job_manager.unregister_worker(self._id())
        except Exception as error:
            log.warning("unregister_failed", error=f"{type(error).__name__}: {error}")
        await self._line.give_back()
        await self._finisher.release()

    def _live(self) -> list[asyncio.Task[None]]:
        return [task for task in self._held.values() if task and not task.done()]

    async def _wait_for_jobs(self, timeout_s: float | None) -> None:
        if live := self._live():
            await asyncio.wait(live, timeout=timeout_s)
