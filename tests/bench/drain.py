"""How fast one worker process drains a full queue of jobs that do nothing; stock Procrastinate beside it."""

from __future__ import annotations

import argparse
import asyncio
import time

from db.pool import open_pool
from db.queue import Delivery
from tests.queue.seeding import seed_jobs
from worker.queue import stock
from worker.queue.pool import open_queue_pool
from worker.queue.worker import BatchWorker


async def drain(url: str, jobs: int, concurrency: int) -> float:
    """Queue `jobs` no-op jobs in the migrated database `url`, drain them with one worker; jobs a second."""
    app_pool = await open_pool(url, name="headwater bench", size=2)
    await seed_jobs(app_pool, jobs, batch=2000)
    await app_pool.execute("VACUUM ANALYZE queue.procrastinate_jobs")
    await app_pool.execute("VACUUM ANALYZE app.job_executions")
    pool = await open_queue_pool(url)

    async def nothing(delivery: Delivery) -> None:
        return None

    def drained() -> None:
        if worker.finished >= jobs:
            done.set()

    done = asyncio.Event()
    worker = BatchWorker(pool=pool, listen_url=url, perform=nothing, concurrency=concurrency, on_drained=drained)
    began = time.perf_counter()
    running = asyncio.create_task(worker.run())
    await done.wait()
    took = time.perf_counter() - began
    worker.stop()
    await running
    await pool.close()
    await app_pool.close()
    return jobs / took


def main() -> None:
    """Print both figures: `python -m tests.bench.drain URL [--jobs N] [--concurrency N] [--stock]`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("url")
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, default=50)
    parser.add_argument("--stock", action="store_true")
    asked = parser.parse_args()
    print(f"headwater {asyncio.run(drain(asked.url, asked.jobs, asked.concurrency)):,.0f} jobs/s")
    if asked.stock:
        print(f"stock {asyncio.run(stock.drain(asked.url, asked.jobs // 4, asked.concurrency)):,.0f} jobs/s")


if __name__ == "__main__":
    main()
