"""One function a figure. Each returns numbers only; `run.py` repeats and compares them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

from contracts.events import Probed
from db import bench, outbox, queue
from db.pool import open_pool
from db.queue import Delivery
from db.transaction import DbRole, transaction
from worker.activities import ACTIVITIES
from worker.bench.ground import Ground, fill, settle
from worker.dispatcher import Dispatcher
from worker.perform import Performer
from worker.providers.registry import build
from worker.queue.listener import Listener
from worker.queue.pool import open_queue_pool
from worker.queue.worker import BatchWorker


async def dispatch(on: Ground, events: int, *, dispatchers: int = 1, key: str = "") -> float:
    """Events a second from outbox to queue, `dispatchers` coroutines side by side."""
    await fill(on, events, key=key)
    await settle(on)
    workers = [on.dispatcher() for _ in range(dispatchers)]
    began = time.perf_counter()
    await asyncio.gather(*[_until_empty(each) for each in workers])
    return events / (time.perf_counter() - began)


async def _until_empty(dispatcher: Dispatcher) -> None:
    while await dispatcher.turn() == 0.0:
        pass


async def drain(on: Ground, jobs: int, concurrency: int, *, framed: bool = False) -> float:
    """Jobs a second through one worker, from a full queue: no-op, or framed with a load and a write transaction."""
    # Every tenant gets the same share: waiting for the remainder would never end.
    jobs = max(1, jobs // len(on.tenants)) * len(on.tenants)
    await fill(on, jobs, framed=framed)
    await _until_empty(on.dispatcher())
    await settle(on)
    queue_pool = await open_queue_pool(on.url)
    pool = await open_pool(on.url, name="headwater bench jobs", size=16)
    ports = build(on.settings)
    performer = Performer(pool, on.settings, ports, ACTIVITIES, lambda: None)

    async def nothing(_: Delivery) -> None:
        return None

    done = asyncio.Event()

    def drained() -> None:
        if worker.finished >= jobs:
            done.set()

    worker = BatchWorker(
        pool=queue_pool,
        listen_url=on.url,
        perform=performer if framed else nothing,
        concurrency=concurrency,
        on_drained=drained,
    )
    began = time.perf_counter()
    running = asyncio.create_task(worker.run())
    await done.wait()
    took = time.perf_counter() - began
    worker.stop()
    await running
    for each in (queue_pool, pool):
        await each.close()
    await ports.close()
    return jobs / took


async def latency(on: Ground, samples: int, *, pause_s: float = 0.01) -> list[float]:
    """Milliseconds from a commit that emitted an event to the start of its handler, on an idle installation."""
    started: dict[str, float] = {}
    waiting: dict[str, asyncio.Event] = {}

    async def note(delivery: Delivery) -> None:
        probe = str(delivery.payload.get("probeId"))
        started[probe] = time.perf_counter()
        if probe in waiting:
            waiting[probe].set()

    stop = await _installation(on, note)
    notifier = await on.pool.acquire()
    took: list[float] = []
    for n in range(samples + 20):
        probe = uuid4()
        waiting[str(probe)] = asyncio.Event()
        async with transaction(on.pool, on.tenants[0]) as tx:
            await outbox.emit(tx, on.tenants[0], Probed(probe_id=probe))
        committed = time.perf_counter()
        await queue.wake(notifier, queue.OUTBOX_CHANNEL)
        await asyncio.wait_for(waiting[str(probe)].wait(), 30)
        if n >= 20:  # the first ones warm plans and caches
            took.append((started[str(probe)] - committed) * 1000)
        await asyncio.sleep(pause_s)
    await on.pool.release(notifier)
    await stop()
    return took


async def _installation(on: Ground, perform: Callable[[Delivery], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """A dispatcher, its listener and a worker in this process, as in a worker process."""
    queue_pool = await open_queue_pool(on.url)
    dispatcher = on.dispatcher()
    listener = Listener(on.url, name="headwater bench listen", on_relisten=dispatcher.wake)
    worker = BatchWorker(
        pool=queue_pool,
        listen_url=on.url,
        perform=perform,
        concurrency=50,
        on_drained=dispatcher.wake,
    )
    dispatcher.on_jobs = worker.wake
    tasks = [
        asyncio.create_task(listener.run([queue.OUTBOX_CHANNEL], lambda _c, _p: dispatcher.wake())),
        asyncio.create_task(dispatcher.run()),
        asyncio.create_task(worker.run()),
    ]
    while not (listener.listening and worker.listener.listening):  # noqa: ASYNC110 - once, before measuring
        await asyncio.sleep(0.01)

    async def stop() -> None:
        worker.stop()
        dispatcher.stop()
        await asyncio.gather(tasks[1], tasks[2])
        tasks[0].cancel()
        await asyncio.gather(tasks[0], return_exceptions=True)
        await queue_pool.close()

    return stop


async def emit(on: Ground, clients: int, seconds: float, *, baseline: bool) -> float:
    """Transactions a second of `clients`: a business row and an event; or, as baseline, a row of the same width."""
    pool = await open_pool(on.url, name="headwater bench emit", size=clients)
    until = time.perf_counter() + seconds
    counts = [0] * clients

    async def client(n: int) -> None:
        tenant = on.tenants[n % len(on.tenants)]
        while time.perf_counter() < until:
            probe = uuid4()
            async with transaction(pool, tenant) as tx:
                await bench.business(tx, tenant, {"n": counts[n]})
                if baseline:
                    await bench.baseline(tx, tenant, probe, {"probeId": str(probe), "key": "", "framed": False})
                else:
                    await outbox.emit(tx, tenant, Probed(probe_id=probe), correlation_id=probe)
            counts[n] += 1

    began = time.perf_counter()
    await asyncio.gather(*[client(n) for n in range(clients)])
    took = time.perf_counter() - began
    await pool.close()
    return sum(counts) / took


async def prepare_emit(on: Ground) -> None:
    async with transaction(on.pool, None, role=DbRole.OWNER) as tx:
        await bench.make_baseline(tx)
