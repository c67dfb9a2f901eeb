"""One function a figure. Each returns numbers only; `run.py` repeats and compares them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

from contracts.events import Probed
from contracts.memory import collected_seldom
from contracts.settings import Settings
from db import bench, outbox, queue
from db.pool import open_pool
from db.queue import Delivery
from db.transaction import DbRole, Pool, transaction
from worker.activities import ACTIVITIES
from worker.bench.cpu import Rate, Spent, spent
from worker.bench.ground import Ground, fill, settle
from worker.dispatcher import LANES, Dispatcher
from worker.perform import Activity, Performer
from worker.providers.registry import build
from worker.queue.listener import Listener
from worker.queue.pool import open_queue_pool
from worker.queue.worker import BatchWorker

#: Idle samples that warm plans and caches, and are not counted.
WARM_UP = 20
#: Turns that emit and its baseline take in one measurement: what the machine does meanwhile hits both.
SLICES = 4
#: A measurement that takes longer has lost what it waits for, in seconds.
STUCK_S = 900.0


async def dispatch(on: Ground, events: int, *, dispatchers: int = 1, lanes: int = 1, duplicates: float = 0.0) -> Rate:
    """From outbox to queue, `dispatchers` coroutines side by side, each with `lanes` batches under way."""
    await fill(on, events, duplicates=duplicates)
    await settle(on)
    workers = [on.dispatcher(lanes=lanes) for _ in range(dispatchers)]
    began = time.perf_counter()
    with collected_seldom(), spent(on.server) as used:  # as in a worker process
        await asyncio.gather(*[_until_empty(each) for each in workers])
    return Rate.of(events, time.perf_counter() - began, used)


async def hand_off(on: Ground, events: int) -> Rate:
    """The first `events` of those that stand in the outbox, by one dispatcher: somewhat more are moved, and counted."""
    dispatcher = on.dispatcher()
    began = time.perf_counter()
    with collected_seldom(), spent(on.server) as used:
        while dispatcher.dispatched < events:
            await dispatcher.turn()
    return Rate.of(dispatcher.dispatched, time.perf_counter() - began, used)


async def hand_off_all(on: Ground) -> None:
    """Move every due event to the queue."""
    await _until_empty(on.dispatcher())


async def _until_empty(dispatcher: Dispatcher) -> None:
    while await dispatcher.turn() == 0.0:
        pass


async def drain(on: Ground, jobs: int, concurrency: int, *, framed: bool = False) -> Rate:
    """Through one worker, from a full queue: no-op jobs, or framed ones with a load and a write transaction."""
    # Every tenant gets the same share: waiting for the remainder would never end.
    jobs = max(1, jobs // len(on.tenants)) * len(on.tenants)
    await fill(on, jobs, framed=framed)
    await hand_off_all(on)
    await settle(on)
    return await work_off(on, jobs, concurrency, framed=framed)


async def work_off(
    on: Ground, jobs: int, concurrency: int, *, framed: bool = False, activities: Mapping[str, Activity] = ACTIVITIES
) -> Rate:
    """The `jobs` that stand in the queue; `framed`: in the frame, with these bodies."""
    queue_pool = await open_queue_pool(on.url)
    pool = await open_pool(on.url, name="headwater bench jobs", size=16)
    ports = build(on.settings)
    performer = Performer(pool, on.settings, ports, activities, lambda: None)

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
    with collected_seldom(), spent(on.server) as used:
        running = asyncio.create_task(worker.run())
        async with asyncio.timeout(STUCK_S):
            await done.wait()
        took = time.perf_counter() - began
    worker.stop()
    await running
    for each in (queue_pool, pool):
        await each.close()
    await ports.close()
    return Rate.of(jobs, took, used)


async def through(on: Ground, events: int) -> Rate:
    """The first `events` of those that stand in the outbox, handed off and worked off at once, as in life.

    A tenant may fill no more of the queue than the default allows. Counted from the first handler to the last one.
    """
    buffer = Settings.model_fields["dispatch_tenant_buffer"].default
    usual = replace(on, settings=on.settings.model_copy(update={"dispatch_tenant_buffer": buffer}))
    begun: list[float] = []
    done = asyncio.Event()

    async def note(_: Delivery) -> None:
        begun.append(time.perf_counter())
        if len(begun) == events:
            done.set()

    async with installation(usual, note):
        with spent(on.server) as used:
            async with asyncio.timeout(STUCK_S):
                await done.wait()
    return Rate.of(events, begun[events - 1] - begun[0], used)


async def latency(on: Ground, samples: int, wake: Callable[[], None], *, per_s: float = 0) -> list[float]:
    """Milliseconds from a commit that emitted an event to the start of its handler; `wake` is called after each commit.

    `per_s` 0: an idle installation, one event after the other. Else events come at that rate, whatever became of those before.
    """
    committed: dict[str, float] = {}
    started: dict[str, asyncio.Future[float]] = {}
    loop = asyncio.get_running_loop()

    async def note(delivery: Delivery) -> None:
        waiting = started.get(str(delivery.payload.get("probeId")))
        if waiting is not None and not waiting.done():
            waiting.set_result(time.perf_counter())

    async def send() -> str:
        probe = uuid4()
        started[str(probe)] = loop.create_future()
        async with transaction(on.pool, on.tenants[0]) as tx:
            await outbox.emit(tx, on.tenants[0], Probed(probe_id=probe))
        committed[str(probe)] = time.perf_counter()
        wake()
        return str(probe)

    async with installation(on, note):
        if per_s:
            await _at_a_rate(send, samples, per_s)
        else:
            for n in range(samples + WARM_UP):
                probe = await send()
                await asyncio.wait_for(started[probe], 30)
                if n < WARM_UP:
                    del started[probe]
                await asyncio.sleep(0.01)
        await asyncio.wait_for(asyncio.gather(*started.values()), 60)
    return [(started[probe].result() - committed[probe]) * 1000 for probe in started]


async def _at_a_rate(send: Callable[[], Awaitable[object]], samples: int, per_s: float) -> None:
    began = time.perf_counter()
    sending: list[asyncio.Task[object]] = []
    for n in range(samples):
        wait_s = began + n / per_s - time.perf_counter()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        sending.append(asyncio.ensure_future(send()))
    await asyncio.gather(*sending)


@asynccontextmanager
async def installation(
    on: Ground, perform: Callable[[Delivery], Awaitable[None]], *, concurrency: int = 50
) -> AsyncIterator[None]:
    """A dispatcher, its listener and a worker in this process, as in a worker process."""
    queue_pool = await open_queue_pool(on.url)
    dispatcher = on.dispatcher(lanes=LANES)
    listener = Listener(on.url, name="headwater bench listen", on_relisten=dispatcher.wake)
    worker = BatchWorker(
        pool=queue_pool, listen_url=on.url, perform=perform, concurrency=concurrency, on_drained=dispatcher.wake
    )
    dispatcher.on_jobs = worker.wake
    listening = asyncio.create_task(listener.run([queue.OUTBOX_CHANNEL], lambda _c, _p: dispatcher.wake()))
    running = [asyncio.create_task(dispatcher.run()), asyncio.create_task(worker.run())]
    while not (listener.listening and worker.listener.listening):  # noqa: ASYNC110 - once, before measuring
        await asyncio.sleep(0.01)
    try:
        with collected_seldom():
            yield
    finally:
        worker.stop()
        dispatcher.stop()
        await asyncio.gather(*running)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await queue_pool.close()


async def emit(on: Ground, clients: int, seconds: float, *, flush_us: int = 0) -> tuple[Rate, Rate]:
    """(a business row and an event, a business row and a row of the same width) by `clients`, in turns of a few slices each.

    `flush_us` makes each commit wait that long before its flush, as a slower disk would (`commit_delay`).
    """
    slow = {"commit_delay": str(flush_us), "commit_siblings": "0"} if flush_us else None
    pool = await open_pool(on.url, name="headwater bench emit", size=clients, settings=slow)
    for baseline in (True, False):  # connections opened, statements prepared
        await _emitting(on, pool, clients, 0.05, baseline=baseline)
    sums: dict[bool, list[tuple[int, float, Spent]]] = {False: [], True: []}
    for turn in range(2 * SLICES):
        sums[turn % 2 == 0].append(await _emitting(on, pool, clients, seconds / SLICES, baseline=turn % 2 == 0))
    await pool.close()
    return Rate.over(sums[False]), Rate.over(sums[True])


async def _emitting(
    on: Ground, pool: Pool, clients: int, seconds: float, *, baseline: bool
) -> tuple[int, float, Spent]:
    counts = [0] * clients
    began = time.perf_counter()

    async def client(n: int) -> None:
        tenant = on.tenants[n % len(on.tenants)]
        while counts[n] == 0 or time.perf_counter() < began + seconds:
            probe = uuid4()
            async with transaction(pool, tenant) as tx:
                await bench.business(tx, tenant, {"n": counts[n]})
                if baseline:
                    await bench.baseline(tx, tenant, probe, {"probeId": str(probe), "key": "", "framed": False})
                else:
                    await outbox.emit(tx, tenant, Probed(probe_id=probe), correlation_id=probe)
            counts[n] += 1

    with spent(on.server) as used:
        await asyncio.gather(*[client(n) for n in range(clients)])
    return sum(counts), time.perf_counter() - began, used


async def prepare_emit(on: Ground) -> None:
    async with transaction(on.pool, None, role=DbRole.OWNER) as tx:
        await bench.make_baseline(tx)
