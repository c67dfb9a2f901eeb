"""One worker process of a measurement: `python -m front.bench.drainer URL CONCURRENCY`.

Says `ready`, waits for a line on stdin, drains the queue of no-op jobs, prints {"finished", "began", "ended", "worker_s"} as JSON:
how many, the monotonic clock at its first and last finish, and the processor time it took.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop

from contracts.memory import collected_seldom
from contracts.settings import Settings
from db import bench
from db.queue import Delivery
from db.transaction import Pool
from front.logs import configure_logging
from worker.queue.pool import open_queue_pool
from worker.queue.worker import BatchWorker

#: How long nothing must have ended before the queue is asked, in seconds.
STILL_S = 0.3


async def _nothing(_: Delivery) -> None:
    return None


async def _drain(url: str, concurrency: int) -> dict[str, float]:
    pool = await open_queue_pool(url)
    ends = [0.0]
    worker = BatchWorker(
        pool=pool,
        listen_url=url,
        perform=_nothing,
        concurrency=concurrency,
        on_drained=lambda: ends.append(time.monotonic()),
    )
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    with collected_seldom():
        began, used = time.monotonic(), time.process_time()
        running = asyncio.create_task(worker.run())
        while await _busy(worker, pool, ends):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        used = time.process_time() - used
    worker.stop()
    await running
    await pool.close()
    return {"finished": worker.finished, "began": began, "ended": ends[-1], "worker_s": used}


async def _busy(worker: BatchWorker, pool: Pool, ends: list[float]) -> bool:
    """Is there more? Nobody tells a worker, so the queue is asked once nothing ended for a while."""
    if worker.running or time.monotonic() - ends[-1] < STILL_S:
        return True
    async with pool.acquire() as connection:
        return await bench.standing(connection)


if __name__ == "__main__":
    configure_logging(Settings(log_level="WARNING"), "headwater-bench")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(_drain(sys.argv[1], int(sys.argv[2])))))
