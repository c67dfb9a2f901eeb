"""The worker loop: batch fetch into free slots, group-committed finish, abort, drain, around Procrastinate's.

What of its internals this leans on is pinned by tests/queue/test_internals.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog
from procrastinate import utils
from procrastinate.worker import Worker

from contracts.jobs import QUEUES
from db import queue
from db.transaction import Pool
from worker.queue.app import Perform, Registry, build_app
from worker.queue.connector import AsyncpgConnector
from worker.queue.fetcher import Fetcher
from worker.queue.heartbeat import STUCK_S, Heartbeat
from worker.queue.pool import PATIENCE_S, Line
from worker.queue.slots import Slots

#: How long the heartbeat thread may hang before the process gives itself up, in seconds.
HANG_S = 20.0
#: How often to look for jobs that must run alone, in seconds.
ALONE_S = 1.0
#: How long one attempt to fetch waits for a server that is away, in seconds.
FETCH_PATIENCE_S = 1.0
#: The smallest batch worth splitting the slots for: below that, a statement's own cost outweighs what the overlap gains.
OVERLAP_FROM = 50
#: The smallest batch worth fetching while another is being finished, whose slots come free together.
WORTH_FROM = 25
#: How long cancelled jobs, and then the last finish, may take at shutdown, in seconds.
SETTLE_S = 10.0
log = structlog.get_logger("worker.queue")


class WorkerBroken(RuntimeError):
    """A part the worker cannot do without has died: end the process, so that its supervisor starts another."""


class BatchWorker(Worker):
    """Runs deliveries of `queues`, at most `concurrency` at once, each through `perform`.

    `perform` raises nothing but CancelledError. It sets `delivery.settled` when its own transaction has ended
    the execution; otherwise the batch finish marks it done. `delivery.abort` says why its task was cancelled;
    a delivery that was cancelled without being settled goes back into the queue.

    `pool` comes from `open_queue_pool` and needs 4 connections; `listen_url` reaches the same database directly (None: there is
    no such way, so it polls), and `beat_url` in any way, for heartbeats: `listen_url` unless it is given.
    `on_drained` is called after every batch written: slots, and the tenants' room in the queue, are free again.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        listen_url: str | None,
        beat_url: str | None = None,
        perform: Perform,
        queues: Sequence[str] = QUEUES,
        concurrency: int,
        roles: Sequence[str] = ("jobs",),
        poll_s: float = 1.0,
        cancel_poll_s: float = 1.0,
        heartbeat_s: float = 0.75,
        stuck_after_s: float = STUCK_S,
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
        self._pool, self._roles, self._stuck_after_s = pool, tuple(roles), stuck_after_s
        self._beat_url = beat_url or listen_url or ""
        # Half the slots a fetch: while one half is being fetched, the other runs or is being finished.
        self._batch = min(concurrency, max(OVERLAP_FROM, math.ceil(concurrency / 2)))
        self._worth = min(concurrency, max(WORTH_FROM, math.ceil(self._batch / 2)))
        self._slots = Slots(app, perform, queues, Line(pool, patience_s), self._drained)
        # It tries again by itself, and must notice when it is asked to stop.
        self._fetcher = Fetcher(Line(pool, FETCH_PATIENCE_S), queues, self._slots.ids, self._stop_event)
        self._heartbeat: Heartbeat | None = None
        self._broken: str | None = None
        self._alone_at = 0.0

    @property
    def fetched(self) -> int:
        """Deliveries taken from the queue."""
        return self._fetcher.fetched

    @property
    def finished(self) -> int:
        """Deliveries whose end is written."""
        return self._slots.finisher.finished

    @property
    def stale_finishes(self) -> int:
        """Deliveries another attempt owned by the time we finished them: the price of a false rescue."""
        return self._slots.finisher.stale

    @property
    def running(self) -> int:
        """Slots in use."""
        return len(self._slots)

    @property
    def stopping(self) -> bool:
        """Was it asked to stop, or did it break?"""
        return self._stop_event.is_set()

    async def run(self) -> None:
        """Work until `stop()`.

        Raises: WorkerBroken when the heartbeat thread or a side task has died; Unavailable when the server
        does not answer at the start.
        """
        await super().run()  # type: ignore[no-untyped-call]
        if self._broken:
            raise WorkerBroken(f"{self._broken}: restart this process; its jobs are safe")

    def wake(self) -> None:
        """Look for jobs now: the dispatcher of the same process has just made some."""
        self._new_job_event.set()

    def stop(self) -> None:
        """Stop fetching, let jobs end for `drain_s` seconds, then cancel them. Callable from any thread."""
        loop = self._loop
        super().stop()  # type: ignore[no-untyped-call]
        if loop is not None:
            loop.call_soon_threadsafe(self._slots.wake)
            loop.call_soon_threadsafe(self._new_job_event.set)

    # -- taking

    async def _fetch_and_process_jobs(self) -> None:
        """Until it is asked to stop: Procrastinate's own loop around this makes three tasks for each wait, which takes longer."""
        while not self._stop_event.is_set():
            await self._look_for_alone()
            free = self.concurrency - len(self._slots)
            if free <= 0 or (free < self._worth and not self._slots.finisher.idle):
                # Slots whose finish is being written come free together: one larger fetch instead of two.
                await self._slot_freed()
                continue
            # Cleared before the query: what is notified meanwhile must not be forgotten (H6).
            self._new_job_event.clear()
            wanted = min(free, self._batch)
            batch = await self._fetcher.take(self._id(), wanted)
            for delivery in batch or ():
                self._slots.begin(delivery)
            if batch is not None and len(batch) < wanted and not (batch and self._fetcher.limited):
                self._wake_in(self._fetcher.again_in_s)
                await self._new_job()

    async def _new_job(self) -> None:
        if self._stop_event.is_set():
            return  # what stopping woke us with may have been cleared meanwhile
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.fetch_job_polling_interval):
                await self._new_job_event.wait()

    def _wake_in(self, wait_s: float | None) -> None:
        """A job waits for its rate: look again when that lets it start."""
        if wait_s is not None and wait_s < self.fetch_job_polling_interval:
            asyncio.get_running_loop().call_later(wait_s, self._new_job_event.set)

    async def _look_for_alone(self) -> None:
        """Once a second: has a job killed two workers? Then let all else end and run it by itself, and others like it after it."""
        if time.monotonic() < self._alone_at:
            return
        self._alone_at = time.monotonic() + ALONE_S
        if not await self._fetcher.waiting_alone():
            return
        while len(self._slots) and not self._stop_event.is_set():
            await self._slot_freed(ALONE_S)
            # Another worker may have been idle sooner.
            if len(self._slots) and not await self._fetcher.waiting_alone():
                return
        await self._run_alone(time.monotonic() + ALONE_S)
        # As long as that may take, the others are next.
        self._alone_at = time.monotonic() + ALONE_S

    async def _run_alone(self, until: float) -> None:
        """One job after the other; none begins after `until`."""
        while not self._stop_event.is_set():
            batch = await self._fetcher.take(self._id(), 1, alone=True) or []
            for delivery in batch:
                log.warning("runs_alone", job=delivery.job, execution_id=str(delivery.execution_id))
                self._slots.begin(delivery)
            while len(self._slots) and not self._stop_event.is_set():
                await self._slot_freed()
            if not batch or time.monotonic() >= until:
                return

    async def _slot_freed(self, timeout_s: float = math.inf) -> None:
        if not self._stop_event.is_set():
            await self._slots.freed(min(timeout_s, self._fetcher.look_in_s))
        if not self._stop_event.is_set():
            await self._fetcher.look(self._id())

    def _id(self) -> int:
        if self.worker_id is None:
            raise RuntimeError("the worker is not registered: call run()")
        return self.worker_id

    def _drained(self) -> None:
        if self._fetcher.limited:
            self.wake()  # what has ended has left room for another, which no dispatcher will tell
        if self.on_drained:
            self.on_drained()

    # -- beside it

    def _start_side_tasks(self) -> list[asyncio.Task[Any]]:
        loop = asyncio.get_running_loop()
        self._heartbeat = Heartbeat(
            self._beat_url,
            self._id(),
            every_s=self.update_heartbeat_interval,
            roles=self._roles,
            on_new_id=lambda new: loop.call_soon_threadsafe(setattr, self, "worker_id", new),
            stuck_after_s=self._stuck_after_s,
        )
        self._heartbeat.start()
        self.listener.on_relisten = self._new_job_event.set
        parts: dict[str, Coroutine[Any, Any, None]] = {
            "listener": self.listener.run([queue.JOBS_CHANNEL], lambda *_: self._new_job_event.set()),
            "cancel poll": self._poll_jobs_to_abort(),
            "watchdog": self._watch(self._heartbeat),
        }
        return [asyncio.create_task(part, name=name) for name, part in parts.items()]

    async def _monitor_side_tasks(self, side_tasks: list[asyncio.Task[Any]]) -> None:
        done, _ = await asyncio.wait(side_tasks, return_when=asyncio.FIRST_COMPLETED)
        for ended in done:
            why = "cancelled" if ended.cancelled() else repr(ended.exception())
            self._break(f"side task {ended.get_name()!r} has ended ({why})")

    async def _watch(self, heartbeat: Heartbeat) -> None:
        while True:
            heartbeat.seen()
            if fault := heartbeat.fault(HANG_S):
                self._break(fault)
            await asyncio.sleep(1)

    def _break(self, why: str) -> None:
        if self._broken is None and not self._stop_event.is_set():
            log.critical("worker_broken", why=why, next_step="this process ends; start another")
            self._broken = why
            self.stop()

    async def _poll_jobs_to_abort(self) -> None:
        while True:
            await asyncio.sleep(self.abort_job_polling_interval)
            running = [delivery for delivery in self._slots.running() if delivery.abort is None]
            if not running:
                continue
            try:
                async with self._pool.acquire(timeout=5) as connection:
                    asked = await queue.cancel_requests(connection, running)
            except Exception as error:
                log.warning("cancel_poll_failed", error=f"{type(error).__name__}: {error}")
                continue
            self._slots.abort([d for d in running if d.execution_id in asked], "cancel")

    # -- the end

    async def _shutdown(self, side_tasks: list[asyncio.Task[Any]]) -> None:
        if not await self._slots.ended(self.shutdown_graceful_timeout):
            log.warning("drain_over", still_running=len(self._slots.running()))
            self._slots.abort(self._slots.running(), "shutdown")
            await self._slots.ended(SETTLE_S)
        await self._slots.finisher.close(SETTLE_S)
        await self._fetcher.put_back(self._id())
        await utils.cancel_and_capture_errors(side_tasks)
        if self._heartbeat:
            await asyncio.to_thread(self._heartbeat.stop)
        try:
            await self.app.job_manager.unregister_worker(self._id())
        except Exception as error:
            log.warning("unregister_failed", error=f"{type(error).__name__}: {error}")
        await self._fetcher.close()
