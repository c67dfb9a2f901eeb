"""Procrastinate as it comes, for comparison in the same run: its own connector, schema and worker, in a scratch database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import procrastinate

from db import bench_floor, soak
from worker.bench.cpu import Rate, spent
from worker.bench.snapshots import holding

_QUEUE = "bench"
#: Idle samples that are not counted.
WARM_UP = 20
Task = Callable[[str], Awaitable[None]]


@asynccontextmanager
async def _installed(url: str) -> AsyncIterator[tuple[procrastinate.App, str]]:
    """An app on a database of its own, and that database's URL."""
    async with soak.scratch(url, keep=False) as scratch, installed_on(scratch) as app:
        yield app, scratch


@asynccontextmanager
async def installed_on(url: str) -> AsyncIterator[procrastinate.App]:
    """An app on an empty database."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, min_size=1, max_size=10))
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        yield app


async def _defer(app: procrastinate.App, task: Any, jobs: int) -> None:
    for start in range(0, jobs, 1000):
        some: list[dict[str, Any]] = [{"probe": f"{n:0>36}"} for n in range(start + 1, min(jobs, start + 1000) + 1)]
        await task.batch_defer_async(*some)
    await app.connector.execute_query_async("ANALYZE procrastinate_jobs")


async def _work(app: procrastinate.App, concurrency: int, *, wait: bool = False) -> None:
    await app.run_worker_async(queues=[_QUEUE], concurrency=concurrency, wait=wait, install_signal_handlers=False)


async def drain(url: str, jobs: int, concurrency: int, server: int | None) -> Rate:
    """One stock worker over `jobs` no-op jobs that are all queued already. `server`: the postmaster's pid."""

    async def nothing(probe: str) -> None:  # noqa: ARG001 - a payload of the usual size
        return None

    async with _installed(url) as (app, _):
        return await _timed(app, nothing, jobs, concurrency, server)


async def framed(url: str, jobs: int, concurrency: int, server: int | None) -> Rate:
    """The same with a job as a user would write it: a load and a write transaction, over a pool of asyncpg's."""
    async with _installed(url) as (app, scratch), asyncpg.create_pool(scratch, min_size=2, max_size=16) as pool:
        async with pool.acquire() as connection:
            await bench_floor.make_tables(connection)
            await bench_floor.fill(connection, jobs)

        async def job(probe: str) -> None:
            async with pool.acquire() as connection, connection.transaction(readonly=True):
                await bench_floor.load_business(connection, int(probe))
            async with pool.acquire() as connection, connection.transaction():
                await bench_floor.write_business(connection, int(probe))

        return await _timed(app, job, jobs, concurrency, server)


async def _timed(app: procrastinate.App, job: Task, jobs: int, concurrency: int, server: int | None) -> Rate:
    await _defer(app, app.task(name="job", queue=_QUEUE)(job), jobs)
    began = time.perf_counter()
    with spent(server) as used:
        await _work(app, concurrency)
    return Rate.of(jobs, time.perf_counter() - began, used)


async def defer(url: str, jobs: int, server: int | None) -> Rate:
    """Jobs deferred a thousand at a time, as `dispatch` hands them to our queue."""

    async def nothing(probe: str) -> None:  # noqa: ARG001
        return None

    async with _installed(url) as (app, _):
        began = time.perf_counter()
        with spent(server) as used:
            await _defer(app, app.task(name="job", queue=_QUEUE)(nothing), jobs)
        return Rate.of(jobs, time.perf_counter() - began, used)


async def latency(url: str, samples: int) -> list[float]:
    """Milliseconds from a job's commit to the start of its handler, one after the other in an idle installation."""
    started: dict[str, asyncio.Future[float]] = {}

    async def note(probe: str) -> None:
        if not started[probe].done():
            started[probe].set_result(time.perf_counter())

    waits: list[float] = []
    async with _installed(url) as (app, _):
        task = app.task(name="job", queue=_QUEUE)(note)
        working = asyncio.create_task(_work(app, 50, wait=True))
        try:
            for n in range(samples + WARM_UP):
                probe = f"{n:0>36}"
                started[probe] = asyncio.get_running_loop().create_future()
                await task.defer_async(probe=probe)
                committed = time.perf_counter()
                waits.append((await asyncio.wait_for(started[probe], 30) - committed) * 1000)
                await asyncio.sleep(0.01)
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
    return waits[WARM_UP:]


async def held(url: str, jobs: int, share: int) -> tuple[float, float]:
    """Jobs a second, the first `share` of `jobs` and the last, drained while a session holds a snapshot taken before."""
    ends: list[float] = []
    async with _installed(url) as (app, scratch):

        async def note(probe: str) -> None:  # noqa: ARG001
            ends.append(time.perf_counter())

        await _defer(app, app.task(name="job", queue=_QUEUE)(note), jobs)
        async with holding(scratch):
            began = time.perf_counter()
            await _work(app, 50)
    return share / (ends[share - 1] - began), share / (ends[-1] - ends[-share - 1])
