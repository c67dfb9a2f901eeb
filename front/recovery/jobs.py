"""Job bodies of a trial: the soak's, with one that holds its job long enough for a fault to meet it."""

from __future__ import annotations

import asyncio
import os

from contracts.errors import Hopeless, TryLater
from contracts.jobs import Probe
from db import recovery, soak
from front.soak.jobs import BODIES as SOAKING
from front.soak.jobs import stopped
from worker.context import Context
from worker.perform import Activity

#: How long a held job is at work between its load and its write, in seconds.
HELD_S = 1.0


async def run(ctx: Context, args: Probe) -> None:
    """Plain: nothing. Framed: one row with the done mark. Held: the same, a second later. Flaky: fails once."""
    if not args.framed:
        return
    d = ctx.delivery
    async with ctx.read() as tx:
        cause = await soak.cause(tx, ctx.tenant, args.probe_id)
    if cause is None:
        raise Hopeless(f"probe {args.probe_id} has no cause", code="no_cause")
    if cause.kind == "flaky" and d.failures == 0:
        raise TryLater("asked to fail the first time", code="asked_to_fail")
    if cause.kind == "held":
        async with ctx.unfenced() as tx:
            await recovery.started(tx, ctx.tenant, d.execution_id, d.token, os.getpid())
        await asyncio.sleep(HELD_S)
    async with ctx.write() as tx:
        await soak.effect(tx, ctx.tenant, args.probe_id, d.execution_id, d.token)


BODIES = {**SOAKING, "probe.run": Activity(run, stopped)}
