"""The least that a queue on this server can cost: batches claimed and deleted over one connection, no task, no law."""

from __future__ import annotations

import time

import asyncpg

from db import bench_floor, soak
from worker.bench.cpu import Rate, spent

#: As on the machine where the aims were set.
BATCH = 100


async def drain(url: str, jobs: int, server: int | None, *, batch: int = BATCH) -> Rate:
    """Claim and delete `jobs` rows of a bare table. `server`: the postmaster's pid."""
    async with soak.scratch(url, keep=False) as scratch:
        connection = await asyncpg.connect(scratch)
        try:
            await bench_floor.make_tables(connection)
            await bench_floor.fill(connection, jobs)
            began = time.perf_counter()
            with spent(server) as used:
                while ids := await bench_floor.claim(connection, batch):
                    await bench_floor.acknowledge(connection, ids)
            return Rate.of(jobs, time.perf_counter() - began, used)
        finally:
            await connection.close()
