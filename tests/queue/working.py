"""Workers under test: in this process, or in one of their own that can be killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from db.queue import Delivery
from db.transaction import Pool
from worker.queue.worker import BatchWorker


@asynccontextmanager
async def working(
    pool: Pool, url: str, perform: Callable[[Delivery], Awaitable[None]], **settings: Any
) -> AsyncIterator[BatchWorker]:
    """A worker that listens by the time the block begins, and is stopped after it. Its failure fails the test."""
    worker = BatchWorker(
        **{"pool": pool, "listen_url": url, "perform": perform, "concurrency": 10, "drain_s": 5.0, **settings}
    )
    running = asyncio.create_task(worker.run())
    try:
        await until(lambda: worker.listener.listening or running.done())
        yield worker
    finally:
        worker.stop()
        await running


async def until(true: Callable[[], bool] | Callable[[], Awaitable[bool]], timeout_s: float = 20.0) -> float:
    """Wait for a condition; gives the seconds it took. Raises: TimeoutError."""
    began = time.monotonic()
    while True:
        answer = true()
        if answer if isinstance(answer, bool) else await answer:
            return time.monotonic() - began
        if time.monotonic() - began > timeout_s:
            raise TimeoutError(f"not true within {timeout_s} s")
        await asyncio.sleep(0.02)


class Victim:
    """A worker process running `tests.queue.victim` in the given mode."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self._unheard: list[str] = []

    async def heard(self, word: str, timeout_s: float = 20.0) -> str:
        """The rest of the first line not yet heard that begins with `word`. Raises: TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not (found := [line for line in self._unheard if line.startswith(word)]):
                assert self.process.stdout
                line = await self.process.stdout.readline()
                assert line, f"it ended without saying {word!r}, but {self._unheard}"
                self._unheard.append(line.decode().strip())
        self._unheard.remove(found[0])
        return found[0].removeprefix(word).strip()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)


@asynccontextmanager
async def victim(url: str, mode: str, **environment: str) -> AsyncIterator[Victim]:
    """Start a worker process; it is killed at the end of the block if it still lives."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.queue.victim",
        url,
        mode,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    one = Victim(process)
    try:
        yield one
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()
