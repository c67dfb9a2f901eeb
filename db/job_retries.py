"""Retrying many jobs that gave up, by filter: with a preview, at a rate, under one audit row a tenant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from contracts.errors import Conflict
from contracts.job_retries import JobRetryReport, JobRetryRequest, LeftDead
from db import executions, paging
from db.access import audit
from db.sql import load
from db.transaction import Tx

SQL = load("job_retries")
#: Of so many jobs that could not be retried it is said why.
NAMED = 20


async def retry_many(tx: Tx, tenants: Sequence[UUID], asked: JobRetryRequest, by: str) -> JobRetryReport:
    """Deliver what the filter finds once more, `rate` a second; with `dry_run` only count it. What cannot be retried stays dead."""
    which = asked.filter
    ages = paging.span(await paging.steady(tx), older_than_s=which.older_than_s, newer_than_s=which.newer_than_s)
    rows = await tx.fetch(
        SQL["given_up"],
        list(tenants),
        asked.limit,
        asked.rate,
        asked.dry_run,
        which.job,
        which.error_class,
        *ages,
        which.run_id,
    )
    found = [row for row in rows if not row["beyond"]]
    report = JobRetryReport(
        dry_run=asked.dry_run, matched=len(found), more=len(rows) > len(found), by_job=Counter(r["job"] for r in found),
        oldest=found[0]["created_at"] if found else None, newest=found[-1]["created_at"] if found else None,
        last_due_at=found[-1]["due_at"] if found else None,
    )  # fmt: skip
    if not asked.dry_run:
        await _retry(tx, found, asked, by, report)
    return report


async def _retry(tx: Tx, found: Sequence[Any], asked: JobRetryRequest, by: str, report: JobRetryReport) -> None:
    retried: Counter[UUID] = Counter()
    for row in found:
        await tx.execute("SAVEPOINT one")
        try:
            await executions.again(
                tx, row["tenant_id"], row["id"], row["job"], row["run_id"], row["payload"], by,
                when=row["due_at"] if asked.rate else None,
            )  # fmt: skip
        except Conflict as error:
            await tx.execute("ROLLBACK TO SAVEPOINT one")
            if len(report.left) < NAMED:
                report.left.append(LeftDead(id=row["id"], job=row["job"], why=error.detail))
        else:
            await tx.execute("RELEASE SAVEPOINT one")
            retried[row["tenant_id"]] += 1
    for tenant, count in sorted(retried.items()):
        detail = {"jobs": count, "filter": asked.filter.model_dump(mode="json", exclude_none=True), "rate": asked.rate}
        await audit(tx, tenant, by, "job.retry", "jobs", "dead_letter", detail)
    report.retried = retried.total()
