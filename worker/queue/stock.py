"""Procrastinate as it comes, for comparison in the same run: its own connector, schema and worker, in a scratch database."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import procrastinate

from worker.bench.cpu import Rate, spent

_NAME = "headwater_bench_stock"


async def drain(url: str, jobs: int, concurrency: int, server: int | None) -> Rate:
    """One stock worker over `jobs` no-op jobs that are all queued already. `server`: the postmaster's pid."""
    scratch = urlunsplit(urlsplit(url)._replace(path=f"/{_NAME}"))
    admin = await asyncpg.connect(url)
    try:
        await admin.execute(f"DROP DATABASE IF EXISTS {_NAME} WITH (FORCE)")
        await admin.execute(f"CREATE DATABASE {_NAME}")
        return await _drain(scratch, jobs, concurrency, server)
    finally:
        await admin.execute(f"DROP DATABASE IF EXISTS {_NAME} WITH (FORCE)")
        await admin.close()


async def _drain(url: str, jobs: int, concurrency: int, server: int | None) -> Rate:
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, min_size=1, max_size=10))

    @app.task(name="nothing", queue="bench")
    async def nothing(probe: str) -> None:  # noqa: ARG001 - a payload of the usual size
        return None

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        for start in range(0, jobs, 1000):
            some: list[dict[str, Any]] = [{"probe": f"{n:0>36}"} for n in range(start, min(jobs, start + 1000))]
            await nothing.batch_defer_async(*some)
        await app.connector.execute_query_async("ANALYZE procrastinate_jobs")
        began = time.perf_counter()
        with spent(server) as used:
            await app.run_worker_async(
                queues=["bench"], concurrency=concurrency, wait=False, install_signal_handlers=False
            )
        return Rate.of(jobs, time.perf_counter() - began, used)
