"""A worker process whose job does ten steps and says so. It hangs before step VICTIM_AT, for a test to kill or stop it."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from contracts.settings import Settings
from db.pool import open_pool
from db.queue import Delivery
from tests.authors.stage import performer
from worker.context import Context
from worker.queue.pool import open_queue_pool
from worker.queue.worker import BatchWorker

STEPS = 10


async def steps(ctx: Context, _args: Any) -> None:
    """Each step writes an effect (an audit row) and its checkpoint in one transaction."""
    hang_at = int(os.environ.get("VICTIM_AT", "-1"))
    async with ctx.read() as tx:
        left = await ctx.checkpoint(tx)
    print("begins", ctx.delivery.token, (left or {}).get("next", 0), flush=True)
    for nth in range((left or {}).get("next", 0), STEPS):
        if nth == hang_at:
            print("hangs", ctx.delivery.token, nth, flush=True)
            await asyncio.to_thread(sys.stdin.readline)
        async with ctx.step() as tx:
            await tx.execute(
                "INSERT INTO app.audit_log (tenant_id, actor, action, subject_type, subject_id)"
                " VALUES ($1, 'victim', 'step', 'step', $2)",
                ctx.tenant, str(nth),
            )  # fmt: skip
            await ctx.note(tx, 100 * (nth + 1) / STEPS, f"step {nth + 1} of {STEPS}", checkpoint={"next": nth + 1})
    async with ctx.write() as tx:
        await ctx.answer(tx, {"steps": STEPS, "began_at": (left or {}).get("next", 0)})
    print("ended", ctx.delivery.token, flush=True)


async def main(url: str) -> None:
    pool, own = await open_queue_pool(url), await open_pool(url, name="victim", size=4)
    frame = performer(own, steps)

    async def perform(delivery: Delivery) -> None:
        await frame(delivery)
        print("settled", delivery.token, delivery.settled, flush=True)

    await BatchWorker(
        pool=pool, listen_url=url, perform=perform, concurrency=2, heartbeat_s=0.1, install_signal_handlers=True
    ).run()
    await pool.close()
    await own.close()


if __name__ == "__main__":
    Settings()
    asyncio.run(main(sys.argv[1]))
