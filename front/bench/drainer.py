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

from contracts.settings import Settings
from db.queue import Delivery
from front.logs import configure_logging
from worker.memory import collected_seldom
from worker.queue.pool import open_queue_pool
from worker.queue.worker import BatchWorker

#: The queue counts as empty once nothing ran for so long, in seconds.
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
        # Nobody tells a worker that there will be no more.
        while worker.running or time.monotonic() - max(ends[-1], began) < STILL_S:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        used = time.process_time() - used
    worker.stop()
    await running
    await pool.close()
    return {"finished": worker.finished, "began": began, "ended": ends[-1], "worker_s": used}


if __name__ == "__main__":
    configure_logging(Settings(log_level="WARNING"), "headwater-bench")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(_drain(sys.argv[1], int(sys.argv[2])))))
