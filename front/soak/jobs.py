"""Job bodies of a soak: the probe's, with an effect that can be counted."""

from __future__ import annotations

from uuid import UUID

from contracts.errors import Hopeless, TryLater
from contracts.jobs import Payload, Probe
from db import soak
from db.transaction import Tx
from worker.activities import ACTIVITIES
from worker.context import Context, Stopped
from worker.perform import Activity


async def run(ctx: Context, args: Probe) -> None:
    """Nothing; or, framed, one row together with the done mark. A flaky one fails the first time."""
    if not args.framed:
        return
    async with ctx.read() as tx:
        cause = await soak.cause(tx, ctx.tenant, args.probe_id)
    if cause is None:
        raise Hopeless(f"probe {args.probe_id} has no cause", code="no_cause")
    if cause.kind == "flaky" and ctx.delivery.failures == 0:
        raise TryLater("asked to fail the first time", code="asked_to_fail")
    async with ctx.write() as tx:
        await soak.effect(tx, ctx.tenant, args.probe_id, ctx.delivery.execution_id, ctx.delivery.token)


async def touch(ctx: Context, args: Probe) -> None:
    """Read the state of a key, and write down what was read."""
    async with ctx.read() as tx:
        cause = await soak.cause(tx, ctx.tenant, args.probe_id)
        if cause is None:
            raise Hopeless(f"probe {args.probe_id} has no cause", code="no_cause")
        seen = await soak.changes(tx, ctx.tenant, cause.key)
    async with ctx.write() as tx:
        await soak.touch(tx, ctx.tenant, cause.key, seen, ctx.delivery.execution_id)


async def stopped(tx: Tx, tenant: UUID, args: Payload, stopped: Stopped) -> None:
    """Nobody waits for a probe."""


#: The product's activities, the probes among them replaced.
BODIES = {**ACTIVITIES, "probe.run": Activity(run, stopped), "probe.touch": Activity(touch, stopped)}
