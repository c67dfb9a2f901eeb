"""accounts.*: the scheduled business jobs (S4.01), one run of kind `job` each. The formulas stand where they are computed, in `db`.

A run is pending -> running, so that it can be seen at work; then ONE transaction computes everything, marks the job done and
ends the run. A dry run computes in a transaction that rolls back, and ends with what it had counted. The log lines are the
documents' (S4.05).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

import structlog

from contracts.accounts import AccountRules, BusinessJob, Report, documented_name
from contracts.jobs import DoBusiness, Payload
from contracts.outcomes import Outcome
from contracts.runs import RunStatus
from db import accounts, business_jobs, runs, samples, skus, triggers
from db.transaction import Tx, transaction
from worker.context import Context, RunOver, Stopped

log = structlog.get_logger("worker")
Work = Callable[[Tx, UUID, datetime, AccountRules, Callable[[int], None]], Awaitable[Report]]


class _RolledBack(Exception):
    """Ends a dry run's transaction without a trace."""


async def update_types(ctx: Context, args: DoBusiness) -> None:
    """Every customer's type of account, by its orders."""
    await _run(ctx, args, "accounts.update_types", accounts.update_types)


async def sample_metrics(ctx: Context, args: DoBusiness) -> None:
    """Which samples converted, and at what rates."""
    await _run(ctx, args, "accounts.sample_metrics", samples.measure)


async def burn_rates(ctx: Context, args: DoBusiness) -> None:
    """How fast stock goes, and what runs out."""
    await _run(ctx, args, "accounts.burn_rates", skus.burn_rates)


async def process_triggers(ctx: Context, args: DoBusiness) -> None:
    """What tenants want watched, and what follows."""
    await _run(ctx, args, "accounts.triggers", triggers.process)


async def _run(ctx: Context, args: DoBusiness, job: BusinessJob, work: Work) -> None:
    name = documented_name(job)
    async with ctx.unfenced() as tx:
        standing = await runs.peek(tx, ctx.tenant, args.run_id)
        if standing is None or standing.status.ended:
            raise RunOver
        await runs.begin(tx, ctx.tenant, args.run_id, standing.params.max_runtime_seconds)
        run = await runs.show(tx, ctx.tenant, args.run_id)
    about = {"job": job, "runId": str(args.run_id), "tenantId": str(ctx.tenant), "dryRun": bool(run and run.dry_run)}
    log.info(f"[{name}] Starting job execution", **about)

    def say(count: int) -> None:
        log.info(f"[{name}] Processing {count} records", count=count, **about)

    async def compute(tx: Tx) -> Report:
        at = await business_jobs.alone(tx, ctx.tenant, job)
        return await work(tx, ctx.tenant, at, ctx.settings.account_rules, say)

    rehearsed = await _rehearse(ctx, compute) if run and run.dry_run else None
    async with ctx.write() as tx:
        report = rehearsed or await compute(tx)
        if await business_jobs.finish(tx, ctx.tenant, args.run_id, report) is None:
            raise RunOver
    for problem in report.problems:
        log.warning(f"[{name}] Error processing {problem.id}: {problem.message}", record=str(problem.id), **about)
    stats = {key: value for key, value in report.stats().items() if key != "errors"}
    log.info(f"[{name}] Complete: {stats}", **about, **stats)


async def _rehearse(ctx: Context, compute: Callable[[Tx], Awaitable[Report]]) -> Report:
    report: Report | None = None
    try:
        async with transaction(ctx.pool, ctx.tenant) as tx:
            report = await compute(tx)
            raise _RolledBack
    except _RolledBack:
        assert report is not None
    return report


async def stopped(tx: Tx, tenant: UUID, args: Payload, why: Stopped) -> None:
    """A job was given up: its run fails with the reason, what it had computed is rolled back."""
    assert isinstance(args, DoBusiness)
    standing = await runs.lock(tx, tenant, args.run_id)
    if standing is None or standing.status.ended:
        return
    status = RunStatus.CANCELLED if why.state == "cancelled" else RunStatus.FAILED
    await runs.end(tx, tenant, args.run_id, Outcome(status, why.error_class, why.error))
    job = standing.params.job
    name = documented_name(job) if job else "accounts"
    log.error(f"[{name}] Fatal error: {why.error}", job=job, runId=str(args.run_id), errorClass=why.error_class)
