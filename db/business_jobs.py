"""Business jobs as runs of kind `job`: started, and told what they came to."""

from __future__ import annotations

from datetime import datetime
from typing import get_args
from uuid import UUID

from contracts.accounts import BusinessJob, LastJobRun, Report
from contracts.outcomes import Outcome
from contracts.runs import RunParams, RunStatus
from db import runs
from db.access import audit
from db.sql import load
from db.transaction import Tx

SQL = load("business_jobs")

#: Time one run may take, in seconds: ten times the 30 s that the documents give a job (S4.08).
RUNTIME_S = 300


async def start(
    tx: Tx,
    tenant: UUID,
    name: BusinessJob,
    *,
    triggered_by: str,
    dry_run: bool = False,
    requested_by: str | None = None,
    occurrence_key: str | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[UUID, bool]:
    """Write a run of this job and its event in the caller's transaction. Returns (id, is it new).

    The second start of one occurrence hands back the first run; an occurrence key names what it is an occurrence of.
    """
    params = RunParams(
        channels=(), queries=(), max_companies=1, max_queries=1, max_runtime_seconds=RUNTIME_S, page_size=1, job=name
    )
    run_id, new = await runs.start(
        tx, tenant, params, mode="daily" if triggered_by in ("cron", "schedule") else "manual", dry_run=dry_run,
        triggered_by=triggered_by, kind="job", requested_by=requested_by,
        occurrence_key=occurrence_key, headers=headers,
    )  # fmt: skip
    if new and requested_by is not None:
        await audit(tx, tenant, requested_by, "job.requested", "run", str(run_id), {"job": name}, run_id)
    return run_id, new


async def alone(tx: Tx, tenant: UUID, name: BusinessJob) -> datetime:
    """Wait until no other run of this job of this tenant is at it. Gives the moment this one is about."""
    await tx.execute(SQL["alone"], tenant, name)
    now: datetime = await tx.fetchval(SQL["now"])
    return now


async def finish(tx: Tx, tenant: UUID, run_id: UUID, report: Report) -> RunStatus | None:
    """End a run with what it came to: `partial` when records were left out, `failed` when all were. None: it had ended before."""
    counters = {"processed": report.processed, "changed": report.changed, "errors": report.errors}
    await tx.execute(SQL["note"], tenant, run_id, counters, report.errors)
    ended = Outcome(RunStatus.COMPLETED)
    if report.errors:
        first = f"{report.errors} of {report.processed} records were left out; the first: {report.problems[0].message}"
        whole = report.errors >= report.processed
        ended = Outcome(RunStatus.FAILED if whole else RunStatus.PARTIAL, "records_failed", first)
    return await runs.end(tx, tenant, run_id, ended, also=report.stats())


async def last(tx: Tx, tenant: UUID) -> list[LastJobRun]:
    """Each business job with its newest run."""
    names = list(get_args(BusinessJob))
    return [LastJobRun.model_validate(dict(row)) for row in await tx.fetch(SQL["last"], tenant, names)]
