"""A job that does nothing, for benchmarks and health probes: plain, or framed with a load and a write transaction."""

from __future__ import annotations

from uuid import UUID

from contracts.jobs import Payload, Probe
from db import jobs
from db.transaction import Tx
from worker.context import Context, Stopped


async def run(ctx: Context, args: Probe) -> None:
    """Do nothing; `framed` pays for two of the four beats, as a real job does."""
    if args.framed:
        async with ctx.read() as tx:
            await jobs.where_it_stands(tx, ctx.tenant, ctx.delivery.execution_id)
        async with ctx.write() as tx:
            if ctx.delivery.job in ("probe.single", "probe.hourly"):
                await ctx.answer(tx, {"probe_id": str(args.probe_id)})


async def stopped(tx: Tx, tenant: UUID, args: Payload, stopped: Stopped) -> None:
    """Nobody waits for a probe."""
