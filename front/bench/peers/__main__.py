"""One peer measured, in a process of its own: `python -m front.bench.peers NAME URL SERVER_PID JOBS SAMPLES HELD`.

Prints {"per_s", "worker_us", "server_us", "p50", "p99", "held_first", "held_last"} as JSON. URL is a database of its own. A drain
counts from the first handler's start to the last one's. HELD jobs are drained while a session holds a snapshot: the first quarter
of them, and the last.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import sys
import time
from contextlib import ExitStack
from typing import Any

import uvloop

from front.bench.peers.shape import Opened, Peer
from worker.bench.cpu import Rate, Spent, spent
from worker.bench.snapshots import holding

#: Samples that warm plans and caches, and are not counted.
WARM_UP = 20
#: The longest that all jobs of a drain, or one that is waited for, may take, in seconds.
DRAIN_S, WAIT_S = 300.0, 30.0
BYTES = 200


class Measured:
    """What a peer's handlers say is noted here."""

    def __init__(self, server: int | None) -> None:
        self._server = server
        self._expected = 0
        self._ends: list[float] = []
        self._done = asyncio.Event()
        self._spending: ExitStack | None = None
        self._used = Spent()
        self._waiting: dict[str, asyncio.Future[float]] = {}

    def handle(self, payload: str) -> None:
        """A job runs."""
        now = time.perf_counter()
        if waiting := self._waiting.pop(payload, None):
            waiting.set_result(now)
        if not self._expected:
            return
        if not self._ends:
            self._spending = ExitStack()
            self._used = self._spending.enter_context(spent(self._server))
        self._ends.append(now)
        if len(self._ends) == self._expected:
            assert self._spending
            self._spending.close()
            self._done.set()

    async def drain(self, peer: Peer, jobs: int) -> Rate:
        """Raises: TimeoutError when not all of them run."""
        await peer.fill([f"{n:0>{BYTES}}" for n in range(jobs)])
        self._expected, self._ends = jobs, []
        self._done.clear()
        async with peer.working():
            async with asyncio.timeout(DRAIN_S):
                await self._done.wait()
        self._expected = 0
        return Rate.of(jobs, self._ends[-1] - self._ends[0], self._used)

    def part(self, of: slice) -> float:
        """Jobs a second of a part of the last drain."""
        ends = self._ends[of]
        return (len(ends) - 1) / (ends[-1] - ends[0])

    async def waits(self, peer: Peer, samples: int) -> list[float]:
        """Milliseconds from a job's commit to its handler, idle; sorted."""
        waits: list[float] = []
        async with peer.working():
            for n in range(samples + WARM_UP):
                payload = f"{n:w>{BYTES}}"
                started = self._waiting[payload] = asyncio.get_running_loop().create_future()
                await peer.put(payload)
                committed = time.perf_counter()
                waits.append((await asyncio.wait_for(started, WAIT_S) - committed) * 1000)
                await asyncio.sleep(0.01)
        return sorted(waits[WARM_UP:])


async def _measure(name: str, url: str, server: int | None, jobs: int, samples: int, held: int) -> dict[str, Any]:
    opened: Opened = importlib.import_module(f"front.bench.peers.{name}").opened
    measured = Measured(server)
    async with opened(url, measured.handle) as peer:
        await measured.drain(peer, max(100, jobs // 10))
        rate = await measured.drain(peer, jobs)
        waits = await measured.waits(peer, samples)
        async with holding(url):
            await measured.drain(peer, held)
        first, last = measured.part(slice(held // 4)), measured.part(slice(-(held // 4), None))
    return {
        "per_s": rate.per_s, "worker_us": rate.worker_us, "server_us": rate.server_us,
        "p50": waits[len(waits) // 2], "p99": waits[int(len(waits) * 0.99)], "held_first": first, "held_last": last,
    }  # fmt: skip


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    peer, url, *numbers = sys.argv[1:]
    server, *counts = (int(n) for n in numbers)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(_measure(peer, url, server or None, *counts))))
