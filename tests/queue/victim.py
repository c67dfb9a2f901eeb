"""A worker process for tests that stop, kill or suspend it. It says what it does, a line each, on stdout.

Modes: `quick` does nothing · `hang` waits for ever · `slow` waits VICTIM_S seconds · `block` does so without
giving the event loop back · `die` kills its own process.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

from db.queue import Delivery
from worker.queue.pool import open_queue_pool
from worker.queue.worker import BatchWorker


def say(*words: object) -> None:
    """One line on stdout, at once."""
    print(*words, flush=True)


async def perform(delivery: Delivery) -> None:
    """What the mode says."""
    mode, seconds = sys.argv[2], float(os.environ.get("VICTIM_S", "1"))
    say("started", delivery.execution_id, delivery.token, delivery.queue)
    try:
        match mode:
            case "hang":
                await asyncio.Event().wait()
            case "slow":
                await asyncio.sleep(seconds)
            case "block":
                time.sleep(seconds)  # noqa: ASYNC251
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
    except asyncio.CancelledError:
        say("aborted", delivery.execution_id, delivery.abort)
        raise
    say("ended", delivery.execution_id)


async def main(url: str) -> None:
    pool = await open_queue_pool(url)
    worker = BatchWorker(
        pool=pool,
        listen_url=url,
        perform=perform,
        concurrency=10,
        heartbeat_s=float(os.environ.get("WORKER_HEARTBEAT_S", "0.75")),
        drain_s=float(os.environ.get("WORKER_DRAIN_S", "20")),
        stuck_after_s=float(os.environ.get("VICTIM_STUCK_S", "60")),
        install_signal_handlers=True,
    )
    await worker.run()
    say("stopped", worker.finished, worker.stale_finishes)
    await pool.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
