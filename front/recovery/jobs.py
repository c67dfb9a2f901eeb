"""Job bodies of a trial: the soak's, with one that holds its job long enough for a fault to meet it."""

from __future__ import annotations

import asyncio
import os
from uuid import uuid4

from contracts.errors import Hopeless, TryLater
from contracts.events import Probed
from contracts.jobs import Probe
from db import outbox, recovery, soak
from db.soak import Cause
from front.soak.jobs import BODIES as SOAKING
from front.soak.jobs import stopped
from worker.context import Context
from worker.perform import Activity

#: How long a job of these kinds is at work between its load and its end, in seconds. `finish` has none but the queue's own.
HELD_S = {"held": 1.0, "finish": 3.0, "write": 3.0, "emit": 3.0}


async def run(ctx: Context, args: Probe) -> None:
    """Plain: nothing. Framed: a row with the done mark. Held, write: the same, later. Emit: an event too. Flaky: fails once."""
    if not args.framed:
        return
    d = ctx.delivery
    async with ctx.read() as tx:
        cause = await soak.cause(tx, ctx.tenant, args.probe_id)
    if cause is None:
        raise Hopeless(f"probe {args.probe_id} has no cause", code="no_cause")
    if cause.kind == "flaky" and d.failures == 0:
        raise TryLater("asked to fail the first time", code="asked_to_fail")
    if cause.kind in HELD_S:
        async with ctx.unfenced() as tx:
            await recovery.started(tx, ctx.tenant, d.execution_id, d.token, os.getpid())
        await asyncio.sleep(HELD_S[cause.kind])
    if cause.kind == "finish":
        return
    async with ctx.write() as tx:
        await soak.effect(tx, ctx.tenant, args.probe_id, d.execution_id, d.token)
        if cause.kind == "emit":
            follows = Cause(uuid4(), "plain")
            await soak.record(tx, ctx.tenant, [follows])
            await outbox.emit(tx, ctx.tenant, Probed(probe_id=follows.probe))


BODIES = {**SOAKING, "probe.run": Activity(run, stopped)}
