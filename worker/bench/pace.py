"""What a turn at a shared pace costs, beside a bucket that every request changes: `python -m worker.bench.pace DATABASE_URL`.

Both serve the same demand: 8 workers (a pool each, in this process), 4 askers each, a limit that is not reached. Any database
with our schema will do; rows named `bench` stay behind.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from pydantic import BaseModel

from contracts.errors import VendorBusy
from contracts.providers import OperationSpec, Pace, Terms, Window
from contracts.settings import Settings
from db import bench
from db.pool import open_pool
from db.transaction import DbRole, Pool, transaction
from worker.bench.cpu import Rate, postmaster, spent
from worker.pace import Pacer

WORKERS, ASKERS = 8, 4
#: What a request takes, in seconds; it keeps the demand alike on both sides.
CALL_S = 0.02
SPEC = OperationSpec("bench", "ask", BaseModel, Terms.OWN, Pace("bench", (Window(600_000, 60),), concurrency=64))
Turn = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Figure:
    """Turns a second, what one costs here and in the server (microseconds), and changes of rows a second."""

    turns: Rate
    writes_per_s: float


async def measure(url: str, seconds: float) -> dict[str, Figure]:
    """Both, one after the other."""
    return {"leased": await _figure(url, seconds, _leased), "bucket": await _figure(url, seconds, _bucket)}


async def _figure(url: str, seconds: float, turns: Callable[[Pool], AbstractAsyncContextManager[Turn]]) -> Figure:
    pools = [await open_pool(url, name="headwater bench", size=4) for _ in range(WORKERS)]
    async with pools[0].acquire() as connection:
        server = postmaster(connection.get_server_pid())
    before = await _writes(url)
    until = time.perf_counter() + seconds
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(turns(pool)) for pool in pools]
        with spent(server) as used:
            counts = await asyncio.gather(*(_ask(turn, until) for turn in workers for _ in range(ASKERS)))
    await asyncio.gather(*(pool.close() for pool in pools))
    return Figure(Rate.of(max(1, sum(counts)), seconds, used), (await _writes(url) - before) / seconds)


async def _ask(turn: Turn, until: float) -> int:
    served = 0
    while time.perf_counter() < until:
        with suppress(VendorBusy):
            await turn()
            served += 1
    return served


@asynccontextmanager
async def _leased(pool: Pool) -> AsyncIterator[Turn]:
    pacer = Pacer(pool, Settings())

    async def turn() -> None:
        async with pacer.turn(SPEC, "bench"):
            await asyncio.sleep(CALL_S)

    yield turn
    await pacer.close()


@asynccontextmanager
async def _bucket(pool: Pool) -> AsyncIterator[Turn]:
    async def turn() -> None:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            wait_s = await bench.bucket(tx, 60 / 600_000)
        await asyncio.sleep(wait_s + CALL_S)

    yield turn


async def _writes(url: str) -> int:
    """Sessions tell what they did when they end, which a closed pool's do a moment later."""
    pool = await open_pool(url, name="headwater bench", size=1)
    try:
        last = -1
        while True:
            async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
                now = await bench.row_writes(tx)
            if now == last:
                return now
            last = now
            await asyncio.sleep(0.5)
    finally:
        await pool.close()


if __name__ == "__main__":
    found = asyncio.run(measure(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 4.0))
    for name, figure in found.items():
        rate = figure.turns
        said = {"turns_per_s": rate.per_s, "client_us": rate.worker_us, "server_us": rate.server_us}
        shown = {key: value and round(value, 1) for key, value in {**said, "writes_per_s": figure.writes_per_s}.items()}
        print(json.dumps({name: shown}))
