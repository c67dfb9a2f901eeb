"""analytics.rollup works out a tenant's daily figures anew, for the days on its run."""

from __future__ import annotations

from uuid import UUID

import structlog

from contracts.analytics import Span
from contracts.errors import Invalid
from contracts.jobs import Payload, RollUp
from contracts.outcomes import Outcome
from contracts.runs import RunStatus
from db import analytics, runs
from db.transaction import Tx
from worker.context import Context, RunOver, Stopped

log = structlog.get_logger("worker")


async def roll_up(ctx: Context, args: RollUp) -> None:
    """pending -> running -> completed in one write: the figures, what they came to, the run's end."""
    async with ctx.read() as tx:
        standing = await runs.peek(tx, ctx.tenant, args.run_id)
    if standing is None or standing.status is not RunStatus.PENDING:
        return
    if standing.params.days is None:
        raise Invalid("the run names no days: ask for a new one", code="no_days")
    span = Span(first=standing.params.days[0], last=standing.params.days[1])
    async with ctx.write() as tx:
        if not await runs.begin(tx, ctx.tenant, args.run_id, standing.params.max_runtime_seconds):
            raise RunOver
        came_to = await analytics.roll_up(tx, ctx.tenant, span)
        await analytics.note(tx, ctx.tenant, args.run_id, came_to)
        await runs.end(tx, ctx.tenant, args.run_id)
    log.info("analytics_rolled_up", first=str(span.first), last=str(span.last), **came_to)


async def stopped(tx: Tx, tenant: UUID, args: Payload, why: Stopped) -> None:
    """A roll-up was given up: its run fails with the reason, the figures stay as they were."""
    assert isinstance(args, RollUp)
    standing = await runs.lock(tx, tenant, args.run_id)
    if standing is None or standing.status.ended:
        return
    status = RunStatus.CANCELLED if why.state == "cancelled" else RunStatus.FAILED
    await runs.end(tx, tenant, args.run_id, Outcome(status, why.error_class, why.error))
    log.warning("analytics_rollup_given_up", runId=str(args.run_id), errorClass=why.error_class)
