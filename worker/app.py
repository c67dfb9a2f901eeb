"""The worker process: its parts are wired here, started in order, and stopped in the reverse one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import structlog

from contracts.errors import Unavailable
from contracts.jobs import QUEUES
from contracts.memory import collected_seldom
from contracts.settings import Settings
from db import access, budgets, hosts, isolation, ledger, pace, queue, retention
from db.address import direct_url
from db.pool import open_pool
from db.queue import Stranded
from db.silence import SilenceWatch
from db.transaction import CONNECTION_ERRORS, DbRole, Pool, Tx, transaction
from worker import directory
from worker.activities import ACTIVITIES
from worker.context import Stopped
from worker.dispatcher import OPENING_S, Dispatcher, open_dispatch_pool
from worker.maintenance import Maintenance
from worker.pace import Pacer
from worker.perform import Activity, Performer, tell
from worker.providers.crawler import make as make_crawler
from worker.providers.registry import build
from worker.providers.tenant_webhook import Poster
from worker.queue.listener import Listener
from worker.queue.pool import open_queue_pool
from worker.queue.worker import BatchWorker
from worker.scheduler import Scheduler
from worker.sinks import WebhookSink
from worker.sweep import Sweeper
from worker.watch import Watch

log = structlog.get_logger("worker")

#: The parts a worker process may run.
PARTS = ("dispatch", "jobs", "schedule", "maintain")


@dataclass(slots=True)
class _Parts:
    """What runs, and how each part is asked to stop."""

    running: list[asyncio.Task[None]]
    stops: list[Callable[[], object]]

    def start(self, name: str, body: Coroutine[Any, Any, None], stop: Callable[[], object] | None = None) -> None:
        task = asyncio.create_task(body, name=name)
        self.running.append(task)
        self.stops.append(stop or task.cancel)


async def work(
    settings: Settings,
    url: str,
    *,
    only: Sequence[str] = PARTS,
    queues: Sequence[str] = QUEUES,
    activities: Mapping[str, Activity] = ACTIVITIES,
    ready: Callable[[], None] | None = None,
) -> None:
    """Run the chosen parts until SIGTERM or SIGINT, then drain.

    Raises: Unavailable when the database is away at the start; WorkerBroken when a part died (exit, be restarted).
    """
    pool = await open_pool(
        url,
        name="headwater worker",
        size=settings.db_pool_size,
        command_timeout_s=settings.db_command_timeout_s,
        idle_in_transaction_s=3,
        opening_s=OPENING_S,
    )
    queue_pool = await open_queue_pool(url)
    listen_url = direct_url(settings, url)
    dispatch_pool = await open_dispatch_pool(url, settings) if "dispatch" in only else None
    ports, pacer = build(settings), Pacer(pool, settings)
    crawler = make_crawler(settings, pacer)
    poster = Poster(timeout_s=settings.webhook_timeout_s, loopback=settings.webhook_allow_loopback)
    stop = asyncio.Event()
    _on_signals(stop.set)
    parts = _Parts([], [])
    try:
        dispatcher = Dispatcher(dispatch_pool, settings) if dispatch_pool is not None else None
        if dispatcher is not None:
            _start_dispatcher(parts, dispatcher, listen_url)
            _start_sinks(parts, dispatcher, pool, settings, poster)
        if "jobs" in only:
            await directory.publish(pool, ports, settings)
            performer = Performer(pool, settings, ports, activities, _waker(pool, dispatcher), pacer, crawler)
            _start_jobs(parts, settings, queue_pool, (listen_url, url), queues, performer, dispatcher)
        if "schedule" in only:
            scheduler = Scheduler(pool, settings, _waker(pool, dispatcher))
            parts.start("schedule", scheduler.run(), scheduler.stop)
        if "maintain" in only:
            _start_maintenance(parts, pool, settings, activities)
        watched = SilenceWatch(url, [each for each in (pool, queue_pool, dispatch_pool) if each is not None])
        parts.start("silence", watched.run())
        if dispatcher is not None:
            parts.start("presence", _presence(pool, settings, dispatcher))
        log.info(
            "worker_started",
            parts=list(only),
            queues=list(queues),
            concurrency=settings.worker_concurrency,
            pid=os.getpid(),
        )
        if ready is not None:
            ready()
        with collected_seldom():
            await _until_stopped(parts, stop)
    finally:
        await _close(parts, pacer, [each for each in (pool, queue_pool, dispatch_pool) if each is not None])
        await ports.close()
        await poster.close()
        if crawler is not None:
            await crawler.close()
        log.info("worker_stopped", pid=os.getpid())


def _start_dispatcher(parts: _Parts, dispatcher: Dispatcher, url: str | None) -> None:
    listener = Listener(url, name="headwater outbox listen", on_relisten=dispatcher.wake)
    parts.start("outbox listener", listener.run([queue.OUTBOX_CHANNEL], lambda _channel, _payload: dispatcher.wake()))
    parts.start("dispatch", dispatcher.run(), dispatcher.stop)


def _start_sinks(parts: _Parts, dispatcher: Dispatcher, pool: Pool, settings: Settings, poster: Poster) -> None:
    hooks = WebhookSink(pool, settings, poster)
    parts.start("webhooks", hooks.run(), hooks.stop)
    if settings.nats_url is None:
        dispatcher.on_deliveries = hooks.wake
        return
    from worker.streams import StreamSink  # the client of NATS is imported only where there is one

    stream = StreamSink(pool, settings)
    parts.start("stream", stream.run(), stream.stop)

    def wake() -> None:
        hooks.wake()
        stream.wake()

    dispatcher.on_deliveries = wake


def _start_jobs(
    parts: _Parts,
    settings: Settings,
    pool: Pool,
    urls: tuple[str | None, str],
    queues: Sequence[str],
    performer: Performer,
    dispatcher: Dispatcher | None,
) -> None:
    worker = BatchWorker(
        pool=pool,
        listen_url=urls[0],
        beat_url=urls[0] or urls[1],
        perform=performer,
        queues=queues,
        concurrency=settings.worker_concurrency,
        roles=("jobs",),
        heartbeat_s=settings.worker_heartbeat_s,
        drain_s=settings.worker_drain_s,
        on_drained=performer.wake,
    )
    if dispatcher is not None:
        dispatcher.on_jobs = worker.wake
    parts.start("jobs", worker.run(), worker.stop)


def _start_maintenance(parts: _Parts, pool: Pool, settings: Settings, activities: Mapping[str, Activity]) -> None:
    async def stopped(tx: Tx, gone: Stranded) -> None:
        why = Stopped("quarantined", "worker_died", "three workers died while they ran this job")
        await tell(activities, tx, gone.tenant_id, gone.job, gone.payload, why)

    async def write_off_adrift(_: Tx) -> int:
        return await ledger.write_off_adrift(pool)

    chores = (
        queue.forget_workers,
        retention.keep_months,
        access.forget_logins,
        pace.forget,
        hosts.forget,
        ledger.drop_raw,
        budgets.forget,
        write_off_adrift,
    )
    rounds = (retention.daily, isolation.nightly)
    maintenance = Maintenance(
        pool, dead_after_s=settings.worker_dead_after_s, stop_hook=stopped, chores=chores, rounds=rounds
    )
    parts.start("maintain", maintenance.run(), maintenance.stop)
    watch = Watch(pool)
    parts.start("watch", watch.run(), watch.stop)
    sweeper = Sweeper(pool)
    parts.start("sweep", sweeper.run(), sweeper.stop)


def _waker(pool: Pool, dispatcher: Dispatcher | None) -> Callable[[], None]:
    """Events were committed by a job: tell our own dispatcher, or, without one, whoever listens."""
    if dispatcher is not None:
        return dispatcher.wake
    pending: set[asyncio.Task[None]] = set()

    async def notify() -> None:
        with contextlib.suppress(
            Unavailable, *CONNECTION_ERRORS, asyncpg.PostgresError
        ):  # the dispatchers poll as well
            async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
                await queue.wake(tx, queue.OUTBOX_CHANNEL)

    def soon() -> None:
        if not pending:  # one on its way is enough: it is sent after this commit
            task = asyncio.get_running_loop().create_task(notify())
            pending.add(task)
            task.add_done_callback(pending.discard)

    return soon


async def _presence(pool: Pool, settings: Settings, dispatcher: Dispatcher) -> None:
    """A row of our own for the dispatcher's heartbeat, so that /readyz can tell whether one is alive."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        worker_id = await queue.register(tx, socket.gethostname()[:255], os.getpid(), ["dispatch"])
    dispatcher.worker_id = worker_id
    try:
        while True:
            await asyncio.sleep(settings.worker_heartbeat_s)
            with contextlib.suppress(Exception):  # an outage: the dispatcher itself reports it
                async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
                    await queue.beat(tx, worker_id)
    finally:
        with contextlib.suppress(Exception):
            async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
                await queue.unregister(tx, worker_id)


async def _until_stopped(parts: _Parts, stop: asyncio.Event) -> None:
    """Wait for a signal, or for a part that ended on its own: then its error is ours."""
    waiter = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([*parts.running, waiter], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiter.cancel()
    for task in done:
        if task is not waiter and (error := task.exception()) is not None:
            raise error


async def _close(parts: _Parts, pacer: Pacer, pools: Sequence[Pool]) -> None:
    """Jobs drain first: while they end, the rest still works."""
    order = {"jobs": 0, "presence": 1}
    for task, stop in sorted(
        zip(parts.running, parts.stops, strict=True), key=lambda part: order.get(part[0].get_name(), 2)
    ):
        stop()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task
    with contextlib.suppress(Exception):  # what is not given back lapses
        await asyncio.wait_for(pacer.close(), 3)
    for each in pools:
        try:
            await asyncio.wait_for(each.close(), 5)
        except TimeoutError:
            each.terminate()


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError, RuntimeError):  # not the main thread, or Windows
            loop.add_signal_handler(number, stop)
